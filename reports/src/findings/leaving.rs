//! Where a function leaves whom to tell (`self.pending.lock().insert(id, tx)`), and who takes it from there, by the source: of an
//! answer that is lost the second one should have told.

use super::cause::at;
use super::joined::Joined;
use super::tokens::{is_name, opening, word_at};
use super::{Culprit, Loops, telling};
use crate::run::{Trace, TraceFrame};

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
    Takes,
    Calls,
}

/// Methods by which something comes out of a collection.
const TAKES: &[&str] = &["remove", "pop", "pop_front", "remove_entry", "take", "drain", "swap_remove"];
const PUTS: &[&str] = &["insert", "push", "push_back"];

impl Loops {
    /// Who takes from where a function of Rust's leaves the sending half of a channel that it made: each function once, in which file
    /// and on which line.
    pub(super) fn take_from(&self, file: &str, function: &str) -> Vec<(&str, &Left)> {
        let puts = |left: &&Left| left.does == Leaves::Puts && left.function == function;
        let Some(put) = self.files.get(file).and_then(|lines| lines.left.iter().find(puts)) else { return Vec::new() };
        self.of(|left| left.does == Leaves::Takes && left.name == put.name && left.function != function)
    }

    /// Who calls a function, the same.
    pub(super) fn call(&self, function: &str) -> Vec<(&str, &Left)> {
        self.of(|left| left.does == Leaves::Calls && left.name == function && left.function != function)
    }

    fn of(&self, which: impl Fn(&Left) -> bool) -> Vec<(&str, &Left)> {
        let rust = self.files.iter().filter(|(file, _)| file.ends_with(".rs"));
        let all = rust.flat_map(|(file, lines)| lines.left.iter().map(move |left| (file.as_str(), left)));
        let mut found: Vec<(&str, &Left)> = all.filter(|(_, left)| which(left)).collect();
        found.dedup_by(|(file, left), (known, first)| file == known && left.function == first.function);
        found
    }
}

/// Of who waits to be told, and of those who called it, by the source: who should have told it; or, where who waits and who tells are
/// right, who asked for that; and how one sees it.
pub(super) fn who_lost_it(joined: &Joined<'_>, own: &[TraceFrame]) -> Option<(Culprit, String)> {
    let waits = own.first()?;
    if let Some(teller) = teller(joined, waits) {
        let told =
            format!("they left whom to tell where {} takes it, as the sources say, and it did not", teller.sentence());
        return Some((teller, told));
    }
    let asks = own.get(1).filter(|_| joined.loops.is_some_and(|loops| loops.is_cell(&waits.file, waits.line)))?;
    let told = format!("{} is told whenever there is something to tell: it was lost before", waits.function);
    Some((at(asks), told))
}

/// Who should have told whoever waits in a function: the only one that takes from where that left whom to tell; where it does so for
/// another, the only one of those that call it which was seen at work.
fn teller(joined: &Joined<'_>, waits: &TraceFrame) -> Option<Culprit> {
    let loops = joined.loops?;
    let name = |function: &str| function.rsplit("::").next().unwrap_or(function).to_owned();
    let takers = loops.take_from(&waits.file, &name(&waits.function));
    let [(file, taker)] = takers.as_slice() else { return None };
    let trace = joined.trace.into_iter().flat_map(Trace::own_frames);
    let seen: Vec<&TraceFrame> = trace.chain(telling::seen(joined)).collect();
    let is_seen = |(file, left): &(&str, &Left)| seen.iter().any(|frame| telling::is_of(frame, file, &left.function));
    let mut callers = loops.call(&taker.function).into_iter().filter(is_seen);
    let (file, left) = callers.next().filter(|_| callers.next().is_none()).unwrap_or((*file, *taker));
    Some(telling::culprit(&waits.function, (file, &left.function, left.line)))
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
            // `let (tx, rx) = channel();`
            "let" if word(at + 1) == "(" && word(at + 3) == "," => {
                let ends = (at..tokens.len()).find(|at| word(*at) == ";").unwrap_or(at);
                let is_channel = |at: usize| {
                    let name = word(at);
                    name.ends_with("channel") || matches!(name, "oneshot" | "bounded" | "unbounded" | "sync_channel")
                };
                if (at..ends).any(is_channel) {
                    halves.push(word(at + 2));
                }
            }
            method if at > 1 && word(at - 1) == "." && word(at + 1) == "(" => {
                if TAKES.contains(&method) {
                    tell(receiver(tokens, at - 2), Leaves::Takes);
                } else if PUTS.contains(&method) {
                    let ends = (at..tokens.len()).find(|at| word(*at) == ";").unwrap_or(at);
                    if (at..ends).any(|at| halves.contains(&word(at))) {
                        tell(receiver(tokens, at - 2), Leaves::Puts);
                    }
                } else {
                    tell(method, Leaves::Calls);
                }
            }
            name if word(at + 1) == "(" && is_name(name) && at > 0 && word(at - 1) != "fn" => tell(name, Leaves::Calls),
            _ => {}
        }
    }
    found
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
}
