//! Expressions, patterns and types of a source by the names in them.

use std::collections::BTreeSet;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::facts::{Life, Lines};

/// Methods by which a task waits for the next thing to do: a loop around one of them goes on for as long as the program does.
const TAKES: &[&str] = &["accept", "recv", "tick"];
/// Types that are a collection by themselves: given by value or to be filled they are whoever calls's.
const COLLECTIONS: &[&str] =
    &["BTreeMap", "BTreeSet", "BinaryHeap", "BytesMut", "HashMap", "HashSet", "IndexMap", "String", "Vec", "VecDeque"];

pub(super) fn lines(of: &impl Spanned) -> Lines {
    let span = of.span();
    let line = |line: usize| u32::try_from(line).unwrap_or(0);
    (line(span.start().line), line(span.end().line))
}

pub(super) fn is_static(name: &str) -> bool {
    name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// The last word of a path.
pub(super) fn last(path: &syn::Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

/// Whether an expression waits for the next thing to do.
pub(super) fn takes(of: &syn::Expr) -> bool {
    match of {
        syn::Expr::MethodCall(call) => TAKES.contains(&call.method.to_string().as_str()) || takes(&call.receiver),
        syn::Expr::Await(inner) => takes(&inner.base),
        syn::Expr::Try(inner) => takes(&inner.expr),
        syn::Expr::Let(inner) => takes(&inner.expr),
        syn::Expr::Match(inner) => takes(&inner.expr),
        _ => false,
    }
}

/// How long what is given as a parameter of that type lives.
pub(super) fn life_of(of: &syn::Type) -> Life {
    match of {
        syn::Type::Reference(reference) if reference.mutability.is_some() => Life::Lent,
        syn::Type::Reference(reference) => life_of(&reference.elem),
        syn::Type::Path(path) if COLLECTIONS.contains(&last(&path.path).as_str()) => Life::Call,
        syn::Type::Slice(_) | syn::Type::Array(_) => Life::Call,
        _ => Life::Shared,
    }
}

/// The type before the last word of a path: `Memo` of `memo::Memo::new`.
pub(super) fn qualifier(path: &syn::Path) -> Option<String> {
    let name = path.segments.iter().rev().nth(1)?.ident.to_string();
    name.starts_with(char::is_uppercase).then_some(name)
}

/// Names in a type.
pub(super) fn named(of: &syn::Type) -> BTreeSet<String> {
    struct Names(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Names {
        fn visit_path_segment(&mut self, one: &'ast syn::PathSegment) {
            self.0.insert(one.ident.to_string());
            visit::visit_path_segment(self, one);
        }
    }
    let mut names = Names(BTreeSet::new());
    names.visit_type(of);
    names.0
}

/// Names that a pattern binds.
pub(super) fn bound(pattern: &syn::Pat) -> Vec<String> {
    struct Names(Vec<String>);
    impl<'ast> Visit<'ast> for Names {
        fn visit_pat_ident(&mut self, one: &'ast syn::PatIdent) {
            self.0.push(one.ident.to_string());
            visit::visit_pat_ident(self, one);
        }
    }
    let mut names = Names(Vec::new());
    names.visit_pat(pattern);
    names.0.retain(|name| !name.starts_with(char::is_uppercase));
    names.0
}

/// Names that stand in an expression, also within the text of a macro.
pub(super) fn mentioned(of: &syn::Expr) -> BTreeSet<String> {
    struct Names(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Names {
        fn visit_expr_path(&mut self, one: &'ast syn::ExprPath) {
            self.0.extend(one.path.get_ident().map(ToString::to_string));
        }
        fn visit_macro(&mut self, one: &'ast syn::Macro) {
            let text = one.tokens.to_string();
            self.0.extend(text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned));
        }
    }
    let mut names = Names(BTreeSet::new());
    names.visit_expr(of);
    names.0
}

/// What an expression is a reference to, a field or an element of, or the success of.
pub(super) fn within(of: &syn::Expr) -> Option<&syn::Expr> {
    match of {
        syn::Expr::Field(inner) => Some(&inner.base),
        syn::Expr::Index(inner) => Some(&inner.expr),
        syn::Expr::Reference(inner) => Some(&inner.expr),
        syn::Expr::Paren(inner) => Some(&inner.expr),
        syn::Expr::Unary(inner) => Some(&inner.expr),
        syn::Expr::Try(inner) => Some(&inner.expr),
        syn::Expr::Await(inner) => Some(&inner.base),
        _ => None,
    }
}

/// The name at the beginning of an expression: `notes` of `notes.last_mut()`.
pub(super) fn root(of: &syn::Expr) -> Option<String> {
    match of {
        syn::Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        syn::Expr::MethodCall(call) => root(&call.receiver),
        _ => within(of).and_then(root),
    }
}

/// What gives a collection and no element of it.
const WHOLE: &[&str] = &["as_mut", "as_ref", "borrow", "borrow_mut", "expect", "lock", "read", "unwrap", "write"];

/// Names from the beginning of an expression on: `self.order` of `self.order.lock().unwrap()`; `None` of an element.
pub(super) fn whole(of: &syn::Expr) -> Option<String> {
    match of {
        syn::Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        syn::Expr::MethodCall(call) if WHOLE.contains(&call.method.to_string().as_str()) => whole(&call.receiver),
        syn::Expr::MethodCall(_) | syn::Expr::Index(_) => None,
        syn::Expr::Field(field) => match &field.member {
            syn::Member::Named(name) => Some(format!("{}.{name}", whole(&field.base)?)),
            syn::Member::Unnamed(_) => whole(&field.base),
        },
        _ => within(of).and_then(whole),
    }
}

/// The whole of what these methods are called on within something.
pub(super) struct CalledOn<'m> {
    methods: &'m [&'m str],
    found: BTreeSet<String>,
}

impl<'m> CalledOn<'m> {
    pub(super) fn of(methods: &'m [&'m str], visit: impl FnOnce(&mut Self)) -> BTreeSet<String> {
        let mut calls = Self { methods, found: BTreeSet::new() };
        visit(&mut calls);
        calls.found
    }
}

impl<'ast> Visit<'ast> for CalledOn<'_> {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if self.methods.contains(&call.method.to_string().as_str()) {
            self.found.extend(whole(&call.receiver));
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// Methods of a source that give their caller access to what is within: they return a guard, or a reference to change it by.
pub(super) fn lending(file: &syn::File) -> BTreeSet<String> {
    let mut found = Lending::default();
    found.visit_file(file);
    found.0
}

#[derive(Default)]
struct Lending(BTreeSet<String>);

impl<'ast> Visit<'ast> for Lending {
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        let syn::ReturnType::Type(_, returned) = &signature.output else { return };
        let guards = |name: &String| name.ends_with("Guard") || name == "RefMut";
        let is_changed = matches!(&**returned, syn::Type::Reference(to) if to.mutability.is_some());
        if signature.receiver().is_some() && (is_changed || named(returned).iter().any(guards)) {
            self.0.insert(signature.ident.to_string());
        }
    }
}
