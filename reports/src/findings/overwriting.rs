//! Where a function leaves whom to tell under something that it got, by the source (`c.pending[sku] = ch`): of two that got the same
//! at once the second takes the place of the first.

use super::cause::at;
use super::joined::Joined;
use super::naming::functions;
use super::tokens::{is_name, opening, parameters_of, within, word_at};
use super::{Culprit, leaving::half_made};
use crate::run::TraceFrame;

/// A function that does so, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Overwritten {
    function: String,
    line: u32,
}

/// Functions of a stack, from the wait outward, that may have left whom to tell.
const NEAR: usize = 3;
/// Calls that change nothing of what two got alike.
const ALIKE: &[&str] =
    &["clone", "to_string", "to_owned", "into", "as_str", "as_ref", "to_vec", "string", "String", "from"];

/// Of those who wait, the innermost first: who left whom to tell under something that it got, itself or for one of them.
pub(super) fn overwriting(joined: &Joined<'_>, own: &[TraceFrame]) -> Option<(Culprit, String)> {
    let told = "whom to tell is left under something that the function got, as its source says: of two that got the same at \
                once the second takes the place of the first, whom nobody tells then";
    let culprit = own.iter().take(NEAR).find_map(|frame| {
        let lines = joined.loops?.files.get(&frame.file)?;
        let all = &lines.overwritten;
        if let Some(itself) = all.iter().find(|one| one.function == frame.name()) {
            return Some(at(&TraceFrame { line: itself.line, ..frame.clone() }));
        }
        let calls =
            |one: &&Overwritten| lines.named_in.get(&one.function).is_some_and(|inside| inside.contains(frame.name()));
        let mut called = all.iter().filter(calls);
        let one = called.next().filter(|_| called.next().is_none())?;
        Some(joined.loops?.culprit(&frame.function, (&frame.file, &one.function, one.line)))
    });
    Some((culprit?, told.to_owned()))
}

/// All of a source of Rust's or Go's.
pub(super) fn overwritten(tokens: &[(u32, String)]) -> Vec<Overwritten> {
    let cells = cells(tokens);
    let found = functions(tokens).into_iter().filter_map(|one| {
        let line = Body::of(tokens, &cells, one.start, one.end)?.overwrites()?;
        Some(Overwritten { function: word_at(tokens, one.start).to_owned(), line })
    });
    found.collect()
}

/// Types of Rust's in which somebody waits to be told: they have a condition, or one half of a channel.
fn cells(tokens: &[(u32, String)]) -> Vec<&str> {
    let word = |at: usize| word_at(tokens, at);
    let has = |at: usize| matches!(word(at), "Condvar" | "Notify" | "Sender" | "SyncSender" | "Thread" | "Semaphore");
    let structs = (0..tokens.len()).filter(|at| word(*at) == "struct");
    let found = structs.filter(|at| {
        let opens = (at + 1..tokens.len()).find(|at| matches!(word(*at), "{" | "(" | ";"));
        opens.is_some_and(|opens| word(opens) != ";" && within(tokens, opens).any(has))
    });
    found.map(|at| word(at + 1)).collect()
}

/// A function, as far as it is read.
struct Body<'t> {
    tokens: &'t [(u32, String)],
    /// Types in which somebody waits.
    cells: &'t [&'t str],
    at: std::ops::Range<usize>,
    /// By whom somebody is told: what the function made to be waited for, or got.
    tells: Vec<&'t str>,
    /// What else it got, and what it made of that alone.
    got: Vec<&'t str>,
    /// Numbers that come again in turn (`order % TAGS`).
    turns: Vec<&'t str>,
}

impl<'t> Body<'t> {
    fn of(tokens: &'t [(u32, String)], cells: &'t [&'t str], name: usize, ends: usize) -> Option<Self> {
        let opens = parameters_of(tokens, name)?;
        let mut body = Body { tokens, cells, at: opens..ends, tells: Vec::new(), got: Vec::new(), turns: Vec::new() };
        let parameters = within(tokens, opens);
        body.at.start = parameters.end;
        let starts = |at: &usize| matches!(body.word(at - 1), "(" | "," | "mut") && body.word(at + 1) != "mut";
        let names: Vec<usize> = parameters.clone().filter(starts).filter(|at| is_name(body.word(*at))).collect();
        for (nth, at) in names.iter().enumerate() {
            let to = names.get(nth + 1).copied().unwrap_or(parameters.end);
            let is_told = |word| matches!(word, "Sender" | "SyncSender" | "chan") || cells.contains(&word);
            let is_told = (*at..to).any(|at| is_told(body.word(at)));
            match body.word(*at) {
                "self" => {}
                name if is_told => body.tells.push(name),
                name => body.got.push(name),
            }
        }
        Some(body)
    }

    fn word(&self, at: usize) -> &'t str {
        self.tokens.get(at).map_or("", |(_, word)| word.as_str())
    }

    /// The line on which it leaves whom to tell under what it got.
    fn overwrites(mut self) -> Option<u32> {
        for at in self.at.clone() {
            let (key, whom) = match self.word(at) {
                "let" => {
                    let name = if self.word(at + 1) == "mut" { at + 2 } else { at + 1 };
                    self.tells.extend(half_made(self.tokens, at));
                    let ends = (at..self.at.end).find(|at| self.word(*at) == ";").unwrap_or(at);
                    let value = (name..ends).find(|at| self.word(*at) == "=").map_or(ends, |at| at + 1);
                    self.declare(name, value..ends);
                    continue;
                }
                "=" if self.word(at - 1) == ":" => {
                    self.declare(at - 2, at + 1..self.line_end(at));
                    continue;
                }
                // `*self.slots[tag].lock() = …`: what is there is locked, and not looked at.
                "=" if self.word(at - 1) == ")" && self.word(at + 1) != "=" => {
                    let Some(key) = self.locked(at).filter(|_| !self.looks_for_room()) else { continue };
                    (key, at + 1..self.line_end(at))
                }
                "=" if self.word(at - 1) == "]" && self.word(at + 1) != "=" => {
                    let Some(opens) = opening(self.tokens, at - 1) else { continue };
                    let looked = |other: usize| {
                        other != opens && self.word(other) == "[" && self.word(other - 1) == self.word(opens - 1)
                    };
                    if self.at.clone().any(looked) {
                        continue;
                    }
                    (opens + 1..at - 1, at + 1..self.line_end(at))
                }
                "insert" if self.word(at + 1) == "(" && !self.is_looked_at(at) => {
                    let all = within(self.tokens, at + 1);
                    let comma = all.clone().find(|at| self.word(*at) == ",").unwrap_or(all.end);
                    (at + 2..comma, comma..all.end)
                }
                _ => continue,
            };
            let unique = |at: usize| is_unique(self.word(at)) && !self.turns.contains(&self.word(at));
            let is_unique = key.clone().rev().find(|at| self.is_value(*at)).is_none_or(unique);
            if !is_unique && self.is_got(key) && self.has_who_tells(whom) {
                return Some(self.tokens[at].0);
            }
        }
        None
    }

    /// What a name stands for from there on.
    fn declare(&mut self, name: usize, of: std::ops::Range<usize>) {
        let makes = |at: usize| match self.word(at) {
            "Arc" | "Rc" => self.word(at + 3) == "new" && self.cells.contains(&self.word(at + 5)),
            "make" => self.word(at + 2) == "chan",
            _ => false,
        };
        let declared = self.word(name);
        // `let Some(tx) = …`, `let (a, b) = …`.
        if !is_name(declared) || !matches!(self.word(name + 1), "=" | ":") {
            return;
        }
        if of.clone().any(makes) || self.has_who_tells(of.clone()) {
            self.tells.push(declared);
        } else if of.clone().any(|at| self.word(at) == "%" && is_name(self.word(at + 1))) && !self.looks_for_room() {
            self.turns.push(declared);
        } else if self.is_got(of.clone()) && !of.clone().any(|at| is_unique(self.word(at))) {
            self.got.push(declared);
        }
    }

    /// Whether it is made of what the function got alone.
    fn is_got(&self, of: std::ops::Range<usize>) -> bool {
        let mut got = false;
        for at in of {
            let (before, word) = (self.word(at - 1), self.word(at));
            if word == "(" && is_name(before) && !ALIKE.contains(&before) {
                return false;
            }
            if is_name(word) && word != "as" && before != "." && before != "as" && !ALIKE.contains(&word) {
                if !self.got.contains(&word) && !self.turns.contains(&word) {
                    return false;
                }
                got = true;
            }
        }
        got
    }

    /// Whether a word is a name for a value, and not for a type that it is made into.
    fn is_value(&self, at: usize) -> bool {
        is_name(self.word(at)) && self.word(at) != "as" && self.word(at - 1) != "as"
    }

    /// Under what the place stands that is locked before a sign of assignment.
    fn locked(&self, assigns: usize) -> Option<std::ops::Range<usize>> {
        let opens = opening(self.tokens, assigns - 1).filter(|opens| *opens + 2 == assigns)?;
        let locks = matches!(self.word(opens - 1), "lock" | "write" | "borrow_mut") && self.word(opens - 3) == "]";
        let key = opening(self.tokens, opens - 3).filter(|_| locks)?;
        Some(key + 1..opens - 3)
    }

    /// Whether it waits for a place that nobody has, or looks whether one is.
    fn looks_for_room(&self) -> bool {
        let looks =
            |at: usize| matches!(self.word(at), "is_some" | "is_none" | "take" | "recv" | "acquire" | "nil" | "None");
        self.at.clone().any(looks)
    }

    fn has_who_tells(&self, mut of: std::ops::Range<usize>) -> bool {
        of.any(|at| self.tells.contains(&self.word(at)))
    }

    /// Whether what was there before is looked at: here, where its result is used, or anywhere in the function.
    fn is_looked_at(&self, at: usize) -> bool {
        let starts = (self.at.start..at).rev().find(|at| matches!(self.word(*at), ";" | "{" | "}")).unwrap_or(at);
        let used = (starts..at).any(|at| matches!(self.word(at), "let" | "if" | "match" | "=" | "return"));
        let looks = |at: usize| {
            matches!(self.word(at), "get" | "get_mut" | "contains_key" | "entry" | "remove") && self.word(at - 1) == "."
        };
        used || self.at.clone().any(looks)
    }

    fn line_end(&self, at: usize) -> usize {
        let line = self.tokens[at].0;
        (at..self.at.end).find(|at| self.tokens[*at].0 != line).unwrap_or(self.at.end)
    }
}

/// Whether what is called so is another one each time, as far as its name tells.
fn is_unique(name: &str) -> bool {
    matches!(name, "id" | "seq" | "tag" | "token" | "ticket" | "nonce") || name.ends_with("_id") || name.ends_with("ID")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Loops;

    fn of(file: &str, source: &str, function: &str) -> Option<(String, u32)> {
        let mut all = Loops::default();
        all.read(file, source);
        let joined = Joined { loops: Some(&all), ..Joined::default() };
        let frame = TraceFrame { function: function.into(), file: file.into(), line: 0 };
        overwriting(&joined, &[frame]).map(|(at, _)| (at.function, at.line))
    }

    #[test]
    fn whom_to_tell_is_lost_where_it_is_left_under_what_two_may_get() {
        let go = "func (c *client) quantity(sku string) int {\n\tch := make(chan int, 1)\n\tc.pending[sku] = ch\n\treturn <-ch\n}\nfunc (c *client) bySeq(sku string) int {\n\tch := make(chan int, 1)\n\ttag := c.next()\n\tc.pending[tag] = ch\n\treturn <-ch\n}\n";
        let rust = "fn price_of(&self, sku: u64) -> u64 {\n    let (tx, rx) = channel();\n    self.open.lock().insert(sku, tx);\n    rx.recv()\n}\nfn by_tag(&self, sku: u64) -> u64 {\n    let (tx, rx) = channel();\n    self.open.lock().insert(self.next(), tx);\n    rx.recv()\n}\n";
        assert_eq!(of("a.go", go, "main.(*client).quantity"), Some(("main.(*client).quantity".into(), 3)));
        assert_eq!(of("a.go", go, "main.(*client).bySeq"), None);
        assert_eq!(of("a.rs", rust, "shop::Desk::price_of"), Some(("shop::Desk::price_of".into(), 3)));
        assert_eq!(of("a.rs", rust, "shop::Desk::by_tag"), None);
    }

    #[test]
    fn who_leaves_it_for_whoever_waits_is_found_by_its_name() {
        let rust = "\
struct Slip {
    filled: Condvar,
}
fn file_by_sku(desk: &Desk, sku: u32, slip: &Arc<Slip>) -> u64 {
    let reference = sku as u64;
    desk.open.lock().insert(reference, slip.clone());
    reference
}
fn file_by_sequence(desk: &Desk, slip: &Arc<Slip>) -> u64 {
    let reference = desk.seq.fetch_add(1);
    desk.open.lock().insert(reference, slip.clone());
    reference
}
fn ask(desk: &Desk, sku: u32) -> u32 {
    let slip = Arc::new(Slip::default());
    if desk.old { file_by_sku(desk, sku, &slip) } else { file_by_sequence(desk, &slip) };
    slip.wait()
}
fn other(desk: &Desk) {}
";
        assert_eq!(of("a.rs", rust, "shop::ask"), Some(("shop::file_by_sku".into(), 6)));
        assert_eq!(of("a.rs", rust, "shop::other"), None);
        assert_eq!(of("a.rs", &rust.replace("sku as u64", "desk.hash(sku)"), "shop::ask"), None, "nobody knows");
        let go = "func (s *desk) park(card string) chan int {\n\tch := make(chan int, 1)\n\ts.waiting[card] = ch\n\treturn ch\n}\nfunc pay() {\n\tpark := s.park\n\tfunc() {\n\t\t<-park(card)\n\t}()\n}\n";
        assert_eq!(of("a.go", go, "main.pay.func1"), Some(("main.(*desk).park".into(), 3)));
    }

    #[test]
    fn numbers_that_come_again_in_turn_are_given_to_two_at_once() {
        let rust = "\
struct Ticket {
    called: Condvar,
}
fn by_turn(&self, ticket: &Arc<Ticket>, order: u64) -> u8 {
    let tag = (order % TAGS as u64) as u8;
    *self.tickets[tag as usize].lock() = Some(Arc::clone(ticket));
    tag
}
fn from_free(&self, ticket: &Arc<Ticket>) -> u8 {
    let tag = self.free.recv().unwrap_or(0);
    *self.tickets[tag as usize].lock() = Some(Arc::clone(ticket));
    tag
}
fn order(&self, order: u64) {
    let ticket = Arc::new(Ticket::default());
    let tag = if self.turns { self.by_turn(&ticket, order) } else { self.from_free(&ticket) };
    ticket.wait();
}
";
        assert_eq!(of("a.rs", rust, "shop::Line::order"), Some(("shop::by_turn".into(), 6)));
        let shards = rust.replace("order % TAGS as u64", "self.next()");
        assert_eq!(of("a.rs", &shards, "shop::Line::order"), None, "nobody knows");
        let looks = rust.replace("    *self.tickets[tag as usize].lock() = Some(Arc::clone(ticket));\n    tag\n}\nfn from", "    while self.tickets[tag as usize].lock().is_some() {}\n    *self.tickets[tag as usize].lock() = Some(Arc::clone(ticket));\n    tag\n}\nfn from");
        assert_eq!(of("a.rs", &looks, "shop::Line::order"), None, "it looks whether the place is free");
        let go = "func (l *line) ask(order int) int {\n\tch := make(chan int, 1)\n\ttag := order % tags\n\tl.open[tag] = ch\n\treturn <-ch\n}\n";
        assert_eq!(of("a.go", go, "main.(*line).ask"), Some(("main.(*line).ask".into(), 4)));
    }

    #[test]
    fn who_looks_for_another_one_before_overwrites_none() {
        let rust = "\
struct Flight {
    landed: Notify,
}
fn join(&self, route: u64) -> Arc<Flight> {
    if let Some(flight) = self.flights.get(&route) {
        return flight.clone();
    }
    let flight = Arc::new(Flight::default());
    self.flights.insert(route, flight.clone());
    flight
}
";
        assert_eq!(of("a.rs", rust, "shop::Desk::join"), None);
        let blind = rust.replace("get(", "len(");
        assert!(of("a.rs", &blind, "shop::Desk::join").is_some());
        assert_eq!(
            of("a.rs", &blind.replace("Notify", "u64"), "shop::Desk::join"),
            None,
            "nobody waits in it: a cache"
        );
        let go = "func (s *desk) park(card string) chan int {\n\tif ch, ok := s.waiting[card]; ok {\n\t\treturn ch\n\t}\n\tch := make(chan int, 1)\n\ts.waiting[card] = ch\n\treturn ch\n}\n";
        assert_eq!(of("a.go", go, "main.(*desk).park"), None);
        assert!(of("a.go", &go.replace("s.waiting[card];", "s.left[card];"), "main.(*desk).park").is_some());
        let compares = "func (d *desk) drop(card string, ch chan int) {\n\tif d.waiting[card] == ch {\n\t\tdelete(d.waiting, card)\n\t}\n}\n";
        assert_eq!(of("a.go", compares, "main.(*desk).drop"), None);
    }
}
