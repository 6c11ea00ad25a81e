//! What functions of a source do with values, read as plain facts: which names are bound to what, what is added to which
//! collection, and what is given to whom.

use std::collections::{BTreeMap, BTreeSet};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

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
/// Methods by which a task waits for the next thing to do: a loop around one of them goes on for as long as the program does.
const TAKES: &[&str] = &["accept", "recv", "tick"];
/// Types that are a collection by themselves: given by value or to be filled they are whoever calls's.
const COLLECTIONS: &[&str] =
    &["BTreeMap", "BTreeSet", "BinaryHeap", "BytesMut", "HashMap", "HashSet", "IndexMap", "String", "Vec", "VecDeque"];

/// How long what a name stands for lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Life {
    /// Made in the function, or got as a message.
    Call,
    /// It is lent by whoever calls: as long as that has it.
    Lent,
    /// It is shared, so that it outlives every call.
    Shared,
}

/// Lines from and to.
pub(super) type Lines = (u32, u32);

/// One thing that a function does, in the order of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// Names are bound to what is made of others.
    Bound { lines: Lines, names: Vec<String>, of: BTreeSet<String> },
    /// Something is added to a collection, or sent.
    Added {
        lines: Lines,
        method: String,
        to: Option<String>,
        life: Life,
        sent: bool,
        awaited: bool,
        of: BTreeSet<String>,
    },
    /// A function gets arguments; the first of a method is what it is called on.
    Called { lines: Lines, function: String, arguments: Vec<(BTreeSet<String>, Life, Option<String>)> },
}

/// A function and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) lines: Lines,
    /// Names of each parameter, `self` first.
    pub(super) parameters: Vec<Vec<String>>,
    pub(super) facts: Vec<Fact>,
}

/// The functions of a source; none where it does not parse.
pub(super) fn read(source: &str) -> Vec<Function> {
    let mut walk = Walk::default();
    if let Ok(file) = syn::parse_file(source) {
        walk.visit_file(&file);
    }
    walk.done
}

#[derive(Default)]
struct Walk {
    done: Vec<Function>,
    /// Those that are open, the innermost last, with what their names stand for.
    open: Vec<(Function, BTreeMap<String, Life>)>,
    /// Begins of methods whose answer is awaited.
    awaited: BTreeSet<(usize, usize)>,
    type_name: Option<String>,
}

fn lines(of: &impl Spanned) -> Lines {
    let span = of.span();
    let line = |line: usize| u32::try_from(line).unwrap_or(0);
    (line(span.start().line), line(span.end().line))
}

fn begin(of: &syn::Ident) -> (usize, usize) {
    (of.span().start().line, of.span().start().column)
}

fn is_static(name: &str) -> bool {
    name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// The last word of a path.
fn last(path: &syn::Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

impl Walk {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block, walk: impl FnOnce(&mut Self)) {
        let mut known = BTreeMap::new();
        let mut parameters = Vec::new();
        for input in &signature.inputs {
            let (names, life) = match input {
                syn::FnArg::Receiver(receiver) => {
                    // Behind `&self` only what is shared can grow.
                    let life = if receiver.mutability.is_some() { Life::Lent } else { Life::Shared };
                    (vec!["self".to_owned()], life)
                }
                syn::FnArg::Typed(typed) => (bound(&typed.pat), life_of(&typed.ty)),
            };
            known.extend(names.iter().map(|name| (name.clone(), life)));
            parameters.push(names);
        }
        let name = match &self.type_name {
            Some(of) => format!("{of}::{}", signature.ident),
            None => signature.ident.to_string(),
        };
        let lines = (lines(&signature.fn_token).0, lines(&body.brace_token.span.close()).1);
        self.open.push((Function { name, lines, parameters, facts: Vec::new() }, known));
        walk(self);
        self.done.extend(self.open.pop().map(|(function, _)| function));
    }

    fn note(&mut self, fact: Fact) {
        if let Some((function, _)) = self.open.last_mut() {
            function.facts.push(fact);
        }
    }

    fn bind(&mut self, pattern: &syn::Pat, to: &syn::Expr) {
        let (names, life) = (bound(pattern), self.life(to));
        if let Some((_, known)) = self.open.last_mut() {
            known.extend(names.iter().map(|name| (name.clone(), life)));
        }
        self.note(Fact::Bound { lines: lines(to), names, of: mentioned(to) });
    }

    /// What was made before a loop that never ends lives as long as it goes on.
    fn enter_loop(&mut self, first: &syn::Expr) {
        if takes(first)
            && let Some((_, known)) = self.open.last_mut()
        {
            known.values_mut().for_each(|life| *life = Life::Shared);
        }
    }

    /// How long what an expression stands for lives.
    fn life(&self, of: &syn::Expr) -> Life {
        match of {
            syn::Expr::Path(path) => {
                let name = last(&path.path);
                let known = self.open.last().and_then(|(_, known)| known.get(&name));
                let otherwise = if is_static(&name) { Life::Shared } else { Life::Call };
                known.filter(|_| path.path.segments.len() == 1).copied().unwrap_or(otherwise)
            }
            syn::Expr::Field(inner) => self.life(&inner.base),
            syn::Expr::Index(inner) => self.life(&inner.expr),
            syn::Expr::Reference(inner) => self.life(&inner.expr),
            syn::Expr::Paren(inner) => self.life(&inner.expr),
            syn::Expr::Unary(inner) => self.life(&inner.expr),
            syn::Expr::Try(inner) => self.life(&inner.expr),
            syn::Expr::Await(inner) => self.life(&inner.base),
            syn::Expr::MethodCall(call) if REACHES.contains(&call.method.to_string().as_str()) => {
                let life = self.life(&call.receiver);
                // What stands behind a lock is shared, however one came by the lock.
                let locks = ["lock", "write", "borrow_mut"].contains(&call.method.to_string().as_str());
                if locks && call.args.is_empty() && life == Life::Lent { Life::Shared } else { life }
            }
            syn::Expr::Call(call) => match &*call.func {
                // `Arc::clone(&self.all)`, and what a function without arguments gives to all that ask for it.
                syn::Expr::Path(path) if last(&path.path) == "clone" => {
                    call.args.first().map_or(Life::Call, |first| self.life(first))
                }
                syn::Expr::Path(path) if call.args.is_empty() && path.path.segments.len() == 1 => Life::Shared,
                _ => Life::Call,
            },
            _ => Life::Call,
        }
    }
}

/// Whether an expression waits for the next thing to do.
fn takes(of: &syn::Expr) -> bool {
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
fn life_of(of: &syn::Type) -> Life {
    match of {
        syn::Type::Reference(reference) if reference.mutability.is_some() => Life::Lent,
        syn::Type::Reference(reference) => life_of(&reference.elem),
        syn::Type::Path(path) if COLLECTIONS.contains(&last(&path.path).as_str()) => Life::Call,
        syn::Type::Slice(_) | syn::Type::Array(_) => Life::Call,
        _ => Life::Shared,
    }
}

/// Names that a pattern binds.
fn bound(pattern: &syn::Pat) -> Vec<String> {
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
fn mentioned(of: &syn::Expr) -> BTreeSet<String> {
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

/// The name at the beginning of an expression: `notes` of `notes.last_mut()`.
fn root(of: &syn::Expr) -> Option<String> {
    match of {
        syn::Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        syn::Expr::Field(inner) => root(&inner.base),
        syn::Expr::Index(inner) => root(&inner.expr),
        syn::Expr::Reference(inner) => root(&inner.expr),
        syn::Expr::Paren(inner) => root(&inner.expr),
        syn::Expr::Unary(inner) => root(&inner.expr),
        syn::Expr::Try(inner) => root(&inner.expr),
        syn::Expr::Await(inner) => root(&inner.base),
        syn::Expr::MethodCall(call) => root(&call.receiver),
        _ => None,
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let name = match &*block.self_ty {
            syn::Type::Path(path) => Some(last(&path.path)),
            _ => None,
        };
        let outer = std::mem::replace(&mut self.type_name, name);
        visit::visit_item_impl(self, block);
        self.type_name = outer;
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let outer = self.type_name.take();
        self.function(&function.sig, &function.block, |walk| visit::visit_item_fn(walk, function));
        self.type_name = outer;
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

    fn visit_expr_while(&mut self, again: &'ast syn::ExprWhile) {
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
        let begin_line = lines(&call.method).0;
        let lines = (begin_line, lines(call).1);
        let of: BTreeSet<String> = call.args.iter().flat_map(mentioned).collect();
        let sent = SENDS.contains(&method.as_str());
        if !call.args.is_empty() && (sent || ADDS.contains(&method.as_str())) {
            let awaited = self.awaited.contains(&begin(&call.method));
            let to = root(&call.receiver);
            self.note(Fact::Added { lines, method: method.clone(), to, life, sent, awaited, of });
        }
        let itself = (mentioned(&call.receiver), life, root(&call.receiver));
        let given = call.args.iter().map(|one| (mentioned(one), self.life(one), root(one)));
        let arguments = std::iter::once(itself).chain(given).collect();
        self.note(Fact::Called { lines, function: method, arguments });
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        visit::visit_expr_call(self, call);
        let syn::Expr::Path(path) = &*call.func else { return };
        let (function, lines) = (last(&path.path), lines(call));
        if LEAKS.contains(&function.as_str()) && call.args.len() == 1 {
            let of = call.args.iter().flat_map(mentioned).collect();
            let method = function.clone();
            self.note(Fact::Added { lines, method, to: None, life: Life::Shared, sent: false, awaited: false, of });
        }
        let arguments = call.args.iter().map(|one| (mentioned(one), self.life(one), root(one))).collect();
        self.note(Fact::Called { lines, function, arguments });
    }
}
