//! Reads a source into facts.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

use super::LETS_GO;
use super::expressions::{
    CalledOn, bound, is_static, last, lending, life_of, lines, mentioned, named, qualifier, root, takes, whole, within,
};
use super::facts::{Argument, Fact, Function, Life, Of, Source};

/// Methods by which a collection or a queue gets one more, as Rust's own and those made like them call them (Rust API
/// guidelines, C-CONV and the collections of std).
const ADDS: &[&str] = &[
    "append",
    "extend",
    "extend_from_slice",
    "get_or_insert_with",
    "insert",
    "or_insert",
    "or_insert_with",
    "push",
    "push_back",
    "push_front",
    "push_str",
    "put",
];
/// The same of queues between tasks: where they are awaited, they wait for room.
const SENDS: &[&str] = &["send", "unbounded_send", "blocking_send"];
/// Functions that give up the right to free a value.
const LEAKS: &[&str] = &["forget", "into_raw", "leak"];
/// Methods through which one gets at what is within: guards, references, another handle of the same.
const REACHES: &[&str] = &[
    "as_mut",
    "as_ref",
    "borrow",
    "borrow_mut",
    "clone",
    "deref_mut",
    "entry",
    "expect",
    "first_mut",
    "get",
    "get_mut",
    "iter",
    "iter_mut",
    "last_mut",
    "lock",
    "or_default",
    "or_insert",
    "or_insert_with",
    "read",
    "unwrap",
    "unwrap_or_else",
    "upgrade",
    "values_mut",
    "with",
    "with_borrow_mut",
    "write",
];

/// Whether something is added to a queue by that.
pub(super) fn is_sent(call: &str) -> bool {
    SENDS.contains(&call)
}

/// Reads it; of what does not parse nothing.
pub(super) fn read(source: &str) -> Source {
    let mut walk = Walk::default();
    if let Ok(file) = syn::parse_file(source) {
        walk.lending = lending(&file);
        walk.visit_file(&file);
    }
    walk.source
}

/// What a name stands for.
#[derive(Debug, Clone, Default)]
struct Known {
    life: Life,
    of: Of,
}

#[derive(Default)]
struct Walk {
    source: Source,
    /// Functions that are open, the innermost last, with what their names stand for.
    open: Vec<(Function, BTreeMap<String, Known>)>,
    /// Begins of methods whose answer is awaited.
    awaited: BTreeSet<(usize, usize)>,
    /// Type and trait of the block that is open.
    of: Vec<String>,
    lending: BTreeSet<String>,
}

fn begin(of: &syn::Ident) -> (usize, usize) {
    (of.span().start().line, of.span().start().column)
}

/// What a parameter of a function stands for.
fn parameter(input: &syn::FnArg, of: &[String]) -> (Vec<String>, Known) {
    match input {
        syn::FnArg::Receiver(receiver) => {
            let life = match (&receiver.reference, &receiver.mutability) {
                (None, _) => Life::Call,
                (Some(_), Some(_)) => Life::Lent,
                // Behind `&self` only what is shared can grow.
                (Some(_), None) => Life::Shared,
            };
            (vec!["self".to_owned()], Known { life, of: Of::Named(of.iter().cloned().collect()) })
        }
        syn::FnArg::Typed(typed) => {
            let is_moved = matches!(&*typed.pat, syn::Pat::Ident(one) if one.mutability.is_some());
            // What a function is given to change is no longer anybody else's.
            let life = if is_moved { Life::Call } else { life_of(&typed.ty) };
            (bound(&typed.pat), Known { life, of: Of::Named(named(&typed.ty)) })
        }
    }
}

impl Walk {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block, walk: impl FnOnce(&mut Self)) {
        let mut known = BTreeMap::new();
        let mut parameters = Vec::new();
        for input in &signature.inputs {
            let (names, stands_for) = parameter(input, &self.of);
            known.extend(names.iter().map(|name| (name.clone(), stands_for.clone())));
            parameters.push(names);
        }
        let name = match self.of.first() {
            Some(of) => format!("{of}::{}", signature.ident),
            None => signature.ident.to_string(),
        };
        let lines = (lines(&signature.fn_token).0, lines(&body.brace_token.span.close()).1);
        let returns = match &signature.output {
            syn::ReturnType::Type(_, returned) => named(returned),
            syn::ReturnType::Default => BTreeSet::new(),
        };
        self.open.push((Function { name, of: self.of.clone(), lines, parameters, returns, facts: Vec::new() }, known));
        walk(self);
        self.source.functions.extend(self.open.pop().map(|(function, _)| function));
    }

    fn note(&mut self, fact: Fact) {
        if let Some((function, _)) = self.open.last_mut() {
            function.facts.push(fact);
        }
    }

    fn bind(&mut self, pattern: &syn::Pat, to: &syn::Expr) {
        let names = bound(pattern);
        let stands_for = Known { life: self.life(to), of: self.of(to) };
        if let Some((_, known)) = self.open.last_mut() {
            known.extend(names.iter().map(|name| (name.clone(), stands_for.clone())));
        }
        self.note(Fact::Bound { lines: lines(to), names, of: mentioned(to) });
    }

    /// What was made before a loop that never ends lives as long as it goes on.
    fn enter_loop(&mut self, first: &syn::Expr) {
        if takes(first)
            && let Some((_, known)) = self.open.last_mut()
        {
            known.values_mut().for_each(|one| one.life = Life::Shared);
        }
    }

    /// Where a collection has so many, and some are taken out then, it has no more.
    fn bound_by(&mut self, condition: &syn::Expr, then: &syn::Block) {
        let counted = CalledOn::of(&["len"], |calls| calls.visit_expr(condition));
        let let_go = CalledOn::of(LETS_GO, |calls| calls.visit_block(then));
        for whole in counted.intersection(&let_go) {
            self.note(Fact::Bounded { whole: whole.clone() });
        }
    }

    fn known(&self, path: &syn::ExprPath) -> Option<&Known> {
        self.open.last()?.1.get(&path.path.get_ident()?.to_string())
    }

    /// Of which type an expression is.
    fn of(&self, what: &syn::Expr) -> Of {
        match what {
            syn::Expr::Path(path) => self.known(path).map(|known| known.of.clone()).unwrap_or_default(),
            syn::Expr::Field(field) => match &field.member {
                syn::Member::Named(name) => Of::Field(name.to_string()),
                syn::Member::Unnamed(_) => Of::Unknown,
            },
            syn::Expr::MethodCall(call) if REACHES.contains(&call.method.to_string().as_str()) => {
                self.of(&call.receiver)
            }
            // `Cache::new()` is of its type.
            syn::Expr::Call(call) => match &*call.func {
                syn::Expr::Path(path) => match (last(&path.path).as_str(), qualifier(&path.path)) {
                    ("clone", _) => call.args.first().map(|first| self.of(first)).unwrap_or_default(),
                    (_, Some(name)) => Of::Named(BTreeSet::from([name])),
                    _ => Of::Unknown,
                },
                _ => Of::Unknown,
            },
            _ => within(what).map(|inner| self.of(inner)).unwrap_or_default(),
        }
    }

    fn argument(&self, of: &syn::Expr) -> Argument {
        Argument { of: mentioned(of), life: self.life(of), root: root(of) }
    }

    /// How long what an expression stands for lives.
    fn life(&self, of: &syn::Expr) -> Life {
        match of {
            syn::Expr::Path(path) => {
                let name = last(&path.path);
                let otherwise = if is_static(&name) { Life::Shared } else { Life::Call };
                self.known(path).map_or(otherwise, |known| known.life)
            }
            syn::Expr::MethodCall(call) if REACHES.contains(&call.method.to_string().as_str()) => {
                let life = self.life(&call.receiver);
                // What stands behind a lock is shared, however one came by the lock.
                let locks = ["lock", "write", "borrow_mut"].contains(&call.method.to_string().as_str());
                if locks && call.args.is_empty() && life == Life::Lent { Life::Shared } else { life }
            }
            syn::Expr::MethodCall(call) if self.lending.contains(&call.method.to_string()) => self.life(&call.receiver),
            syn::Expr::Call(call) => match &*call.func {
                // `Arc::clone(&self.all)`, and what a function without arguments gives to all that ask for it.
                syn::Expr::Path(path) if last(&path.path) == "clone" => {
                    call.args.first().map_or(Life::Call, |first| self.life(first))
                }
                syn::Expr::Path(path) if call.args.is_empty() && path.path.segments.len() == 1 => Life::Shared,
                _ => Life::Call,
            },
            _ => within(of).map_or(Life::Call, |inner| self.life(inner)),
        }
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let implemented = block.trait_.iter().map(|(_, path, _)| last(path));
        let of = match &*block.self_ty {
            syn::Type::Path(path) => std::iter::once(last(&path.path)).chain(implemented).collect(),
            _ => Vec::new(),
        };
        let outer = std::mem::replace(&mut self.of, of);
        visit::visit_item_impl(self, block);
        self.of = outer;
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let outer = std::mem::replace(&mut self.of, vec![item.ident.to_string()]);
        visit::visit_item_trait(self, item);
        self.of = outer;
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(name) = &field.ident {
            self.source.fields.entry(name.to_string()).or_default().extend(named(&field.ty));
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let outer = std::mem::take(&mut self.of);
        self.function(&function.sig, &function.block, |walk| visit::visit_item_fn(walk, function));
        self.of = outer;
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block, |walk| visit::visit_impl_item_fn(walk, function));
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.function(&function.sig, body, |walk| visit::visit_trait_item_fn(walk, function));
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        visit::visit_local(self, local);
        if let Some(init) = &local.init {
            self.bind(&local.pat, &init.expr);
        }
    }

    fn visit_expr_let(&mut self, condition: &'ast syn::ExprLet) {
        visit::visit_expr_let(self, condition);
        self.bind(&condition.pat, &condition.expr);
    }

    fn visit_expr_for_loop(&mut self, each: &'ast syn::ExprForLoop) {
        self.visit_expr(&each.expr);
        self.bind(&each.pat, &each.expr);
        self.visit_block(&each.body);
    }

    fn visit_expr_if(&mut self, choice: &'ast syn::ExprIf) {
        self.bound_by(&choice.cond, &choice.then_branch);
        visit::visit_expr_if(self, choice);
    }

    fn visit_expr_while(&mut self, again: &'ast syn::ExprWhile) {
        self.bound_by(&again.cond, &again.body);
        self.enter_loop(&again.cond);
        visit::visit_expr_while(self, again);
    }

    fn visit_expr_loop(&mut self, again: &'ast syn::ExprLoop) {
        for statement in &again.body.stmts {
            match statement {
                syn::Stmt::Local(local) => local.init.iter().for_each(|init| self.enter_loop(&init.expr)),
                syn::Stmt::Expr(expr, _) => self.enter_loop(expr),
                _ => {}
            }
        }
        visit::visit_expr_loop(self, again);
    }

    fn visit_expr_match(&mut self, choice: &'ast syn::ExprMatch) {
        self.visit_expr(&choice.expr);
        for arm in &choice.arms {
            self.bind(&arm.pat, &choice.expr);
            self.visit_arm(arm);
        }
    }

    fn visit_expr_await(&mut self, waits: &'ast syn::ExprAwait) {
        if let syn::Expr::MethodCall(call) = &*waits.base {
            self.awaited.insert(begin(&call.method));
        }
        visit::visit_expr_await(self, waits);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.visit_expr(&call.receiver);
        let life = self.life(&call.receiver);
        for given in &call.args {
            // What a closure gets is what it is called on, or a part of it.
            if let syn::Expr::Closure(closure) = given {
                closure.inputs.iter().for_each(|input| self.bind(input, &call.receiver));
            }
            self.visit_expr(given);
        }
        let method = call.method.to_string();
        // Not those of what it is called on, which may begin far above.
        let lines = (lines(&call.method).0, lines(call).1);
        let arguments: Vec<Argument> =
            std::iter::once(&*call.receiver).chain(&call.args).map(|one| self.argument(one)).collect();
        let on = self.of(&call.receiver);
        let sent = is_sent(&method);
        if !call.args.is_empty() && (sent || ADDS.contains(&method.as_str())) {
            self.note(Fact::Added {
                lines,
                method: method.clone(),
                to: root(&call.receiver),
                whole: whole(&call.receiver),
                life,
                sent,
                awaited: self.awaited.contains(&begin(&call.method)),
                of: call.args.iter().flat_map(mentioned).collect(),
                on: on.clone(),
                arguments: arguments.len(),
            });
        }
        self.note(Fact::Called { lines, function: method, on: Some(on), arguments });
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        visit::visit_expr_call(self, call);
        let syn::Expr::Path(path) = &*call.func else { return };
        let (function, lines) = (last(&path.path), lines(call));
        if LEAKS.contains(&function.as_str()) && call.args.len() == 1 {
            self.note(Fact::Added {
                lines,
                method: function.clone(),
                to: None,
                whole: None,
                life: Life::Shared,
                sent: false,
                awaited: false,
                of: call.args.iter().flat_map(mentioned).collect(),
                on: Of::Unknown,
                arguments: 1,
            });
        }
        let on = qualifier(&path.path).map(|name| Of::Named(BTreeSet::from([name])));
        let arguments = call.args.iter().map(|one| self.argument(one)).collect();
        self.note(Fact::Called { lines, function, on, arguments });
    }
}
