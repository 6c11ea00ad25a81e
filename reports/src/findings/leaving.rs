//! Where a function leaves whom to tell (`self.pending.lock().insert(id, tx)`), and who takes it from there, by the source: of an
//! answer that is lost the second one should have told.

use std::collections::BTreeSet;

use super::Loops;
use super::tokens::{is_name, opening, word_at};
use crate::run::TraceFrame;

/// What a function does to a collection of those that are to be told, or whom it calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) function: String,
    pub(super) line: u32,
    /// The collection, or the function that is called.
    pub(super) name: String,
    pub(super) does: Leaves,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// The sending half of a channel that the function made.
    Puts,
    /// The one that it names.
    Takes,
    /// Whichever is next.
    TakesNext,
    TakesAll,
    Calls,
    /// One of that type (`Pickup::default()`).
    Makes,
}

/// Methods by which something comes out of a collection.
const TAKES: &[(&str, Leaves)] = &[
    ("remove", Leaves::Takes),
    ("remove_entry", Leaves::Takes),
    ("swap_remove", Leaves::Takes),
    ("take", Leaves::Takes),
    ("pop", Leaves::TakesNext),
    ("pop_front", Leaves::TakesNext),
    ("pop_back", Leaves::TakesNext),
    ("pop_first", Leaves::TakesNext),
    ("pop_last", Leaves::TakesNext),
    ("drain", Leaves::TakesAll),
];
const PUTS: &[&str] = &["insert", "push", "push_back"];

impl Loops {
    /// Who takes from where a function of Rust's, or one that it calls, leaves the sending half of a channel that it made: each
    /// function once, in which file and on which line. Who takes all loses none, where others do not.
    pub(super) fn take_from(&self, file: &str, function: &str) -> Vec<(&str, &Left)> {
        let Some(lines) = self.files.get(file) else { return Vec::new() };
        let puts =
            |function: &str| lines.left.iter().find(|left| left.does == Leaves::Puts && left.function == function);
        let calls = || lines.left.iter().filter(|left| left.does == Leaves::Calls && left.function == function);
        let Some(put) = puts(function).or_else(|| calls().find_map(|left| puts(&left.name))) else { return Vec::new() };
        let takes = |does: &[Leaves]| {
            let takes =
                |left: &Left| does.contains(&left.does) && left.name == put.name && left.function != put.function;
            once(self.all(takes).collect())
        };
        let some = takes(&[Leaves::Takes, Leaves::TakesNext]);
        if some.is_empty() { takes(&[Leaves::TakesAll]) } else { some }
    }

    /// Lines on which a function of a file calls one of these.
    pub(super) fn lines_of_calls(&self, file: &str, function: &str, names: &[&str]) -> BTreeSet<u32> {
        let calls = self.calls_where(|left| left.function == function && names.contains(&left.name.as_str()));
        calls.filter(|(of, _)| *of == file).map(|(_, left)| left.line).collect()
    }

    /// Who calls a function, the same.
    pub(super) fn call(&self, function: &str) -> Vec<(&str, &Left)> {
        once(self.calls(function))
    }

    /// Whether a function of Rust's makes one of that type.
    pub(super) fn makes(&self, function: &TraceFrame, what: &str) -> bool {
        let name = function.name();
        let made = |left: &Left| left.does == Leaves::Makes && left.name == what && left.function == name;
        self.files.get(&function.file).is_some_and(|lines| lines.left.iter().any(made))
    }

    /// The same, each call of it.
    pub(super) fn calls(&self, function: &str) -> Vec<(&str, &Left)> {
        self.calls_where(|left| left.name == function && left.function != function).collect()
    }

    /// Calls in sources of Rust's.
    pub(super) fn calls_where(&self, which: impl Fn(&Left) -> bool) -> impl Iterator<Item = (&str, &Left)> {
        self.all(move |left| left.does == Leaves::Calls && which(left))
    }

    fn all(&self, which: impl Fn(&Left) -> bool) -> impl Iterator<Item = (&str, &Left)> {
        let rust = self.files.iter().filter(|(file, _)| file.ends_with(".rs"));
        let all = rust.flat_map(|(file, lines)| lines.left.iter().map(move |left| (file.as_str(), left)));
        all.filter(move |(_, left)| which(left))
    }
}

/// Each function once.
pub(super) fn once<'l>(mut found: Vec<(&'l str, &'l Left)>) -> Vec<(&'l str, &'l Left)> {
    found.dedup_by(|(file, left), (known, first)| file == known && left.function == first.function);
    found
}

/// All of a source of Rust's.
pub(super) fn left(tokens: &[(u32, String)]) -> Vec<Left> {
    let word = |at: usize| word_at(tokens, at);
    let mut function = "";
    // Sending halves that the function made.
    let mut halves: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        let mut tell = |name: &str, does| {
            found.push(Left { function: function.to_owned(), line: *line, name: name.to_owned(), does });
        };
        match token.as_str() {
            "fn" if matches!(word(at + 2), "(" | "<") => {
                function = word(at + 1);
                halves.clear();
            }
            "let" => halves.extend(half_made(tokens, at)),
            method if at > 1 && word(at - 1) == "." && word(at + 1) == "(" => {
                if let Some((_, takes)) = TAKES.iter().find(|(name, _)| *name == method) {
                    tell(receiver(tokens, at - 2), *takes);
                } else if PUTS.contains(&method) {
                    let ends = (at..tokens.len()).find(|at| word(*at) == ";").unwrap_or(at);
                    if (at..ends).any(|at| halves.contains(&word(at))) {
                        tell(receiver(tokens, at - 2), Leaves::Puts);
                    }
                } else {
                    tell(method, Leaves::Calls);
                }
            }
            name if word(at + 1) == "(" && is_name(name) && at > 0 && word(at - 1) != "fn" => {
                tell(name, Leaves::Calls);
                if at > 2 && word(at - 1) == ":" && matches!(name, "new" | "default") {
                    tell(word(at - 3), Leaves::Makes);
                }
            }
            _ => {}
        }
    }
    found
}

/// The sending half of a channel that a statement makes: `tx` of `let (tx, rx) = channel();`.
pub(super) fn half_made(tokens: &[(u32, String)], at: usize) -> Option<&str> {
    let word = |at: usize| word_at(tokens, at);
    let ends = (at..tokens.len()).find(|at| word(*at) == ";").unwrap_or(at);
    let is_channel = |at: usize| {
        let name = word(at);
        name.ends_with("channel") || matches!(name, "oneshot" | "bounded" | "unbounded" | "sync_channel")
    };
    let is_pair = word(at + 1) == "(" && word(at + 3) == ",";
    (is_pair && (at..ends).any(is_channel)).then(|| word(at + 2))
}

/// What a chain of calls that ends at `at` begins with: `pending` of `self.pending.lock().unwrap()`.
fn receiver(tokens: &[(u32, String)], mut at: usize) -> &str {
    let word = |at: usize| word_at(tokens, at);
    loop {
        match word(at) {
            ")" => {
                // The method that was called, and the mark before it.
                match opening(tokens, at).filter(|opens| *opens > 2 && word(opens - 2) == ".") {
                    Some(opens) => at = opens - 3,
                    None => return "",
                }
            }
            "?" | "await" if at > 1 => at -= if word(at) == "?" { 1 } else { 2 },
            name => return name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
impl Exchange {
    fn ask(&self, id: u64) -> Price {
        let (tx, rx) = channel();
        self.pending.lock().unwrap().insert(id, tx);
        rx.recv()
    }
    fn complete(&self, id: u64) {
        if let Some(waiter) = self.pending.lock().unwrap().remove(&id) {
            waiter.send(1);
        }
    }
    fn other(&self) {
        self.rest.insert(1, 2);
        self.rest.remove(1);
    }
}
fn dispatch(exchange: &Exchange) {
    exchange.complete(7);
}
";

    #[test]
    fn who_takes_whom_to_tell_is_found_by_where_it_was_left() {
        let mut all = Loops::default();
        all.read("a.rs", SOURCE);
        let names = |found: Vec<(&str, &Left)>| -> Vec<(String, u32)> {
            found.into_iter().map(|(_, left)| (left.function.clone(), left.line)).collect()
        };
        assert_eq!(names(all.take_from("a.rs", "ask")), [("complete".to_owned(), 8)]);
        assert_eq!(names(all.take_from("a.rs", "other")), []);
        assert_eq!(names(all.call("complete")), [("dispatch".to_owned(), 18)]);
    }

    #[test]
    fn who_takes_the_next_one_may_leave_others_and_who_takes_all_may_not() {
        const QUEUE: &str = "\
fn step_up(p: &mut Printer) -> Turn {
    let (tx, rx) = oneshot::channel();
    p.waiting.push(tx);
    Turn::Wait(rx)
}
async fn ticket(desk: &Desk) {
    let Turn::Wait(called) = step_up(desk) else { return };
    called.await
}
fn call_next(p: &mut Printer) {
    if let Some(w) = p.waiting.pop() {
        w.send(());
    }
}
fn call_everybody(p: &mut Printer) {
    for w in p.waiting.drain(..) {
        w.send(());
    }
}
";
        let of = |source: &str| -> Vec<String> {
            let mut all = Loops::default();
            all.read("a.rs", source);
            all.take_from("a.rs", "ticket").into_iter().map(|(_, left)| left.function.clone()).collect()
        };
        assert_eq!(of(QUEUE), ["call_next"]);
        assert_eq!(of(&QUEUE.replace("pop()", "len()")), ["call_everybody"]);
    }
}
