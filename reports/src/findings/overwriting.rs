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
    /// It is a number that comes again in turn.
    turns: bool,
    /// The function that gives it such numbers, and where.
    by: Option<(String, u32)>,
}

/// Functions of a stack, from the wait outward, that may have left whom to tell.
const NEAR: usize = 3;
/// Calls that change nothing of what two got alike.
const ALIKE: &[&str] =
    &["clone", "to_string", "to_owned", "into", "as_str", "as_ref", "to_vec", "string", "String", "from"];

/// Of those who wait, the innermost first: who left whom to tell under something that it got, itself or for one of them.
pub(super) fn overwriting(joined: &Joined<'_>, own: &[TraceFrame]) -> Option<(Culprit, String)> {
    let culprit = own.iter().take(NEAR).find_map(|frame| {
        let lines = joined.loops?.files.get(&frame.file)?;
        let all = &lines.overwritten;
        let decides = |one: &Overwritten| {
            let (function, line) = one.by.as_ref()?;
            Some(joined.loops?.culprit(&frame.function, (&frame.file, function, *line)))
        };
        if let Some(itself) = all.iter().find(|one| one.function == frame.name()) {
            let culprit = decides(itself).unwrap_or_else(|| at(&TraceFrame { line: itself.line, ..frame.clone() }));
            return Some((culprit, itself.turns));
        }
        let calls =
            |one: &&Overwritten| lines.named_in.get(&one.function).is_some_and(|inside| inside.contains(frame.name()));
        let mut called = all.iter().filter(calls);
        let one = called.next().filter(|_| called.next().is_none())?;
        Some((joined.loops?.culprit(&frame.function, (&frame.file, &one.function, one.line)), one.turns))
    });
    culprit.map(|(culprit, turns)| {
        let under = if turns { "a number that comes again in turn, whether it is still in use or not" } else { "something that the function got" };
        let told = format!(
            "whom to tell is left under {under}, as its source says: of two that got the same at once the second takes the place of \
             the first, whom nobody tells then"
        );
        (culprit, told)
    })
}

/// All of a source of Rust's or Go's.
pub(super) fn overwritten(tokens: &[(u32, String)]) -> Vec<Overwritten> {
    let cells = cells(tokens);
    let turners = turners(tokens);
    let found = functions(tokens).into_iter().filter_map(|one| {
        let function = word_at(tokens, one.start);
        Body::of(tokens, &cells, &turners, one.start, one.end)?.overwrites(function)
    });
    found.collect()
}

/// A function that gives such numbers, and on which line.
type Turner<'t> = (&'t str, u32);

/// Functions of Go's that return a number which comes again in turn (`return byte(c.seq.Add(1) % tags)`), and where.
fn turners(tokens: &[(u32, String)]) -> Vec<Turner<'_>> {
    let word = |at: usize| word_at(tokens, at);
    let found = functions(tokens).into_iter().filter_map(|one| {
        let returns = one.clone().filter(|at| word(*at) == "return" && is_name(word(*at + 1)));
        let line = returns.map(|at| tokens[at].0).find(|line| {
            let turns = |at: usize| tokens[at].0 == *line && word(at) == "%" && is_name(word(at + 1));
            let compares = |at: usize| tokens[at].0 == *line && matches!(word(at), "==" | "!=" | "[");
            one.clone().any(turns) && !one.clone().any(compares)
        })?;
        Some((word(one.start), line))
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
    /// Functions that number in turn.
    turners: &'t [Turner<'t>],
    at: std::ops::Range<usize>,
    /// By whom somebody is told: what the function made to be waited for, or got.
    tells: Vec<&'t str>,
    /// What else it got, and what it made of that alone.
    got: Vec<&'t str>,
    /// Numbers that come again in turn (`order % TAGS`), and the function that gave them, where that is another.
    turns: Vec<(&'t str, Option<Turner<'t>>)>,
}

impl<'t> Body<'t> {
    fn of(
        tokens: &'t [(u32, String)],
        cells: &'t [&'t str],
        turners: &'t [Turner<'t>],
        name: usize,
        ends: usize,
    ) -> Option<Self> {
        let opens = parameters_of(tokens, name)?;
        let mut body =
            Body { tokens, cells, turners, at: opens..ends, tells: Vec::new(), got: Vec::new(), turns: Vec::new() };
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

    /// Whether a name stands for a number that comes again in turn.
    fn turned(&self, name: &str) -> Option<Option<Turner<'t>>> {
        self.turns.iter().find(|(turns, _)| *turns == name).map(|(_, by)| *by)
    }

    /// Where it leaves whom to tell under what it got, and who gave it that.
    fn overwrites(mut self, function: &str) -> Option<Overwritten> {
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
                    // `tag, err := l.next()`.
                    if at > 4 && self.word(at - 3) == "," {
                        self.number(self.word(at - 4), &(at + 1..self.line_end(at)));
                    }
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
            let named = key.clone().rev().find(|at| self.is_value(*at)).map(|at| self.word(at));
            let turned = named.and_then(|name| self.turned(name));
            let is_unique = turned.is_none() && named.is_none_or(is_unique);
            if !is_unique && self.is_got(key) && self.has_who_tells(whom) {
                let by = turned.flatten().map(|(name, line)| (name.to_owned(), line));
                let (function, line) = (function.to_owned(), self.tokens[at].0);
                return Some(Overwritten { function, line, turns: turned.is_some(), by });
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
        } else if !self.number(declared, &of)
            && self.is_got(of.clone())
            && !of.clone().any(|at| is_unique(self.word(at)))
        {
            self.got.push(declared);
        }
    }

    /// Whether a name stands for a number that comes again in turn from there on.
    fn number(&mut self, name: &'t str, of: &std::ops::Range<usize>) -> bool {
        let all = || of.clone();
        let itself = all().any(|at| self.word(at) == "%" && is_name(self.word(at + 1)))
            && !all().any(|at| matches!(self.word(at), "==" | "!=" | "["));
        let by = self
            .turners
            .iter()
            .find(|(turner, _)| all().any(|at| self.word(at) == *turner && self.word(at + 1) == "("));
        let turns = (itself || by.is_some()) && !self.looks_for_room();
        if turns {
            self.turns.push((name, by.copied().filter(|_| !itself)));
        }
        turns
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
                if !self.got.contains(&word) && self.turned(word).is_none() {
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
        let looks = |at: usize| match self.word(at) {
            "is_some" | "is_none" | "recv" | "acquire" => true,
            "take" => self.word(at + 2) == ")",
            // `if l.open[tag] != nil`.
            "nil" => self.word(at - 2) == "]" || self.word(at - 3) == "]",
            _ => false,
        };
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
mod tests;
