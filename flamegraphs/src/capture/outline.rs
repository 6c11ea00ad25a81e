//! Which item of a Rust source a line stands in: `Pool::acquire` for a line of that method.

use syn::visit::{self, Visit};

/// Items of a source, outer ones before those within them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outline {
    items: Vec<Item>,
}

/// A function, or a type that derives functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Path within the file's module: `inner::Pool::acquire`.
    pub(super) path: String,
    /// Whether it is a function.
    pub(super) is_function: bool,
    /// First and last line.
    lines: (usize, usize),
}

impl Outline {
    /// Of a source; `None` where it does not parse.
    pub(super) fn read(source: &str) -> Option<Self> {
        let file = syn::parse_file(source).ok()?;
        let mut walk = Walk::default();
        walk.visit_file(&file);
        Some(Self { items: walk.items })
    }

    /// The innermost function around a line; a type where there is none.
    pub(super) fn at(&self, line: u32) -> Option<&Item> {
        let around = |item: &&Item| (item.lines.0..=item.lines.1).contains(&(line as usize));
        let length = |item: &&Item| (!item.is_function, item.lines.1 - item.lines.0);
        self.items.iter().filter(around).min_by_key(length)
    }
}

#[derive(Default)]
struct Walk {
    within: Vec<String>,
    items: Vec<Item>,
}

impl Walk {
    fn keep(&mut self, name: &str, is_function: bool, from: proc_macro2::Span, to: proc_macro2::Span) {
        let path = self.within.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join("::");
        self.items.push(Item { path, is_function, lines: (from.start().line, to.end().line) });
    }

    fn function(&mut self, signature: &syn::Signature, body: &syn::Block, visit: impl FnOnce(&mut Self)) {
        let name = signature.ident.to_string();
        self.keep(&name, true, signature.fn_token.span, body.brace_token.span.close());
        self.inside(Some(name), visit);
    }

    /// Functions within a function bear its name: `outer::inner`.
    fn inside(&mut self, name: Option<String>, visit: impl FnOnce(&mut Self)) {
        let depth = self.within.len();
        self.within.extend(name);
        visit(self);
        self.within.truncate(depth);
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.inside(Some(module.ident.to_string()), |walk| visit::visit_item_mod(walk, module));
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        self.inside(type_name(&block.self_ty), |walk| visit::visit_item_impl(walk, block));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.inside(Some(item.ident.to_string()), |walk| visit::visit_item_trait(walk, item));
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block, |walk| visit::visit_item_fn(walk, function));
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block, |walk| visit::visit_impl_item_fn(walk, function));
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.function(&function.sig, body, |walk| visit::visit_trait_item_fn(walk, function));
        }
    }

    /// What a type derives stands where the attribute does, or its fields.
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        let end = match &item.fields {
            syn::Fields::Named(fields) => fields.brace_token.span.close(),
            syn::Fields::Unnamed(fields) => fields.paren_token.span.close(),
            syn::Fields::Unit => item.ident.span(),
        };
        self.keep(&item.ident.to_string(), false, begin(&item.attrs, &item.ident), end);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.keep(&item.ident.to_string(), false, begin(&item.attrs, &item.ident), item.brace_token.span.close());
    }

    /// Macros that choose whether items are there (`cfg_rt! { … }`) have items as they are.
    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let is_rules = item.mac.path.is_ident("macro_rules");
        if let Some(file) = (!is_rules).then(|| syn::parse2::<syn::File>(item.mac.tokens.clone()).ok()).flatten() {
            for within in &file.items {
                self.visit_item(within);
            }
        }
    }
}

fn begin(attributes: &[syn::Attribute], name: &syn::Ident) -> proc_macro2::Span {
    attributes.first().map_or_else(|| name.span(), |first| first.pound_token.span)
}

/// The last word of a type's path; `None` of types without one.
fn type_name(of: &syn::Type) -> Option<String> {
    match of {
        syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        syn::Type::Reference(reference) => type_name(&reference.elem),
        syn::Type::Paren(inner) => type_name(&inner.elem),
        syn::Type::Group(inner) => type_name(&inner.elem),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
#[derive(Clone)]
struct Price {
    cents: u64,
}
impl<T: Store> Shop<T> {
    async fn order(&self) -> u64 {
        let all = async {
            self.price()
        };
        fn twice(n: u64) -> u64 {
            n * 2
        }
        twice(all.await)
    }
}
impl Future for &mut Till {
    fn poll(self: Pin<&mut Self>) -> Poll<u64> {
        Poll::Pending
    }
}
cfg_rt! {
    mod inner {
        pub fn spawn() {
            run()
        }
    }
}
trait Store {
    fn price(&self) -> u64;
    fn load(&self) -> u64 {
        1
    }
}
";

    #[test]
    fn a_line_stands_in_the_innermost_function_around_it() {
        let outline = Outline::read(SOURCE).unwrap();
        let at = |line| outline.at(line).map(|item| (item.path.as_str(), item.is_function));
        assert_eq!(at(8), Some(("Shop::order", true)));
        assert_eq!(at(11), Some(("Shop::order::twice", true)));
        assert_eq!(at(13), Some(("Shop::order", true)));
        assert_eq!(at(18), Some(("Till::poll", true)));
        assert_eq!(at(24), Some(("inner::spawn", true)));
        assert_eq!(at(31), Some(("Store::load", true)));
        assert_eq!((at(1), at(3)), (Some(("Price", false)), Some(("Price", false))));
        assert_eq!((at(15), at(29)), (None, None));
    }

    #[test]
    fn what_does_not_parse_has_no_outline() {
        assert_eq!(Outline::read("fn ("), None);
    }
}
