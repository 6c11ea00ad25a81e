//! What a function is called that the source alone tells of, as symbols call it: `shop::Desk::publish`, `main.(*desk).park`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

use super::loops::Lines;
use super::telling::declared_at;
use super::tokens::{is_name, parameters_of, within, word_at};
use super::{Culprit, Loops};
use crate::run::TraceFrame;

/// A function, and of what it is a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    function: String,
    /// Where its declaration begins, and its last line.
    lines: RangeInclusive<u32>,
    /// `Desk`, `(*desk)`; empty of others.
    of: String,
}

/// A line of a function: its file, and what the source calls the function.
pub(super) type Place<'l> = (&'l str, &'l str, u32);

impl Loops {
    /// A line of a function that stands in the program of one whose whole name is known.
    pub(super) fn culprit(&self, known: &str, (file, function, line): Place<'_>) -> Culprit {
        let mut all = self.files.get(file).into_iter().flat_map(|lines| &lines.named);
        let around = all.rfind(|one| one.function == function && one.lines.contains(&line));
        let of = around.map_or("", |one| &one.of);
        Culprit { function: beside(known, of, function), file: file.to_owned(), line }
    }

    /// On which line the declaration of the function around a line begins.
    pub(super) fn declared_on(&self, file: &str, line: u32) -> Option<u32> {
        self.body(file, line).map(|lines| *lines.start())
    }

    /// The lines of the function around one.
    pub(super) fn body(&self, file: &str, line: u32) -> Option<RangeInclusive<u32>> {
        self.files.get(file)?.around(line).map(|one| one.lines.clone())
    }

    /// Where the only function of a name begins.
    pub(super) fn only_declared(&self, function: &str) -> Option<(&str, u32)> {
        let all = self.files.iter().flat_map(|(file, lines)| lines.named.iter().map(move |one| (file.as_str(), one)));
        let mut named = all.filter(|(_, one)| one.function == function).map(|(file, one)| (file, *one.lines.start()));
        named.next().filter(|_| named.next().is_none())
    }

    /// How many functions there are of a name.
    pub(super) fn declared(&self, function: &str) -> usize {
        self.files.values().flat_map(|lines| &lines.named).filter(|one| one.function == function).count()
    }
}

impl Lines {
    /// What the function around a line is called.
    pub(super) fn named_at(&self, line: u32) -> Option<&str> {
        self.around(line).map(|one| one.function.as_str())
    }

    /// The function around a line.
    fn around(&self, line: u32) -> Option<&Named> {
        self.named.iter().rfind(|one| one.lines.contains(&line))
    }
}

/// What a function is called that stands beside another in its module or package.
fn beside(known: &str, of: &str, name: &str) -> String {
    if let Some((module, _)) = known.rsplit_once("::") {
        let is_type = |part: &&str| part.starts_with(|c: char| c.is_uppercase() || c == '<');
        let parts = module.split("::").take_while(|part| !is_type(part));
        return parts.chain([of, name]).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("::");
    }
    let package = known.rsplit('/').next().and_then(|last| last.split('.').next()).unwrap_or_default();
    [package, of, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

/// Where the name of a function of Rust's or Go's stands whose declaration begins at a place.
pub(super) fn name_at(tokens: &[(u32, String)], at: usize) -> Option<usize> {
    match word_at(tokens, at) {
        "fn" => Some(at + 1).filter(|name| is_name(word_at(tokens, *name))),
        "func" => declared_at(tokens, at),
        _ => None,
    }
}

/// The functions of a source: from where the name of each stands to the name of the next.
pub(super) fn functions(tokens: &[(u32, String)]) -> Vec<Range<usize>> {
    let names: Vec<usize> = (0..tokens.len()).filter_map(|at| name_at(tokens, at)).collect();
    let ends = names.iter().skip(1).copied().chain([tokens.len()]);
    names.iter().copied().zip(ends).map(|(name, ends)| name..ends).collect()
}

/// In which functions of a source the names of its functions stand: whom they may call, or hand on.
pub(super) fn named_in(tokens: &[(u32, String)]) -> BTreeMap<String, BTreeSet<String>> {
    let all = functions(tokens);
    let word = |at: usize| word_at(tokens, at).to_owned();
    let mut found: BTreeMap<String, BTreeSet<String>> =
        all.iter().map(|one| (word(one.start), BTreeSet::new())).collect();
    for one in &all {
        for (_, name) in &tokens[one.start + 1..one.end] {
            if let Some(inside) = found.get_mut(name) {
                inside.insert(word(one.start));
            }
        }
    }
    found
}

/// What functions of a source of Rust's or Go's are called.
pub(super) fn named(tokens: &[(u32, String)]) -> Vec<Named> {
    let types = implemented(tokens);
    let line = |at: usize| tokens.get(at).or(tokens.last()).map_or(0, |(line, _)| *line);
    let found = (0..tokens.len()).filter_map(|at| {
        let name = name_at(tokens, at)?;
        let of = match word_at(tokens, at) {
            "func" => receiver(tokens, at),
            _ => type_at(&types, at).to_owned(),
        };
        let opens = behind_parameters(tokens, name)?;
        let last = if word_at(tokens, opens) == "{" { within(tokens, opens).end } else { opens };
        Some(Named { function: word_at(tokens, name).to_owned(), lines: line(at)..=line(last), of })
    });
    found.collect()
}

/// Where what a function does begins, or its declaration ends, by where its name stands.
pub(super) fn behind_parameters(tokens: &[(u32, String)], name: usize) -> Option<usize> {
    let ends = within(tokens, parameters_of(tokens, name)?).end;
    (ends..tokens.len()).find(|at| matches!(word_at(tokens, *at), "{" | ";"))
}

/// Of what a function of Go's is a method: `(*desk)` of `func (d *desk) park() {`.
fn receiver(tokens: &[(u32, String)], at: usize) -> String {
    if word_at(tokens, at + 1) != "(" {
        return String::new();
    }
    let got = within(tokens, at + 1).map(|at| word_at(tokens, at)).take_while(|word| *word != "[");
    let is_pointer = got.clone().any(|word| word == "*");
    let name = got.filter(|word| is_name(word)).last().unwrap_or_default();
    if is_pointer { format!("(*{name})") } else { name.to_owned() }
}

/// Where methods of types of Rust's stand, and of which: `Reply` of `impl<T> Drop for Reply<T> {`.
pub(super) fn implemented(tokens: &[(u32, String)]) -> Vec<(Range<usize>, String)> {
    let word = |at: usize| word_at(tokens, at);
    let begins = |at: &usize| {
        word(*at) == "impl"
            && at.checked_sub(1).is_none_or(|before| matches!(word(before), "{" | "}" | ";" | "]" | "unsafe"))
    };
    let found = (0..tokens.len()).filter(begins).filter_map(|at| {
        let (mut depth, mut of) = (0_i32, "");
        let opens = (at + 1..tokens.len()).find(|at| {
            match word(*at) {
                "{" | ";" => return true,
                "<" => depth += 1,
                ">" if word(at - 1) != "-" => depth -= 1,
                "for" if depth == 0 => of = "",
                "where" if depth == 0 => depth = i32::MAX / 2,
                word if depth == 0 && is_name(word) => of = word,
                _ => {}
            }
            false
        })?;
        (word(opens) == "{").then(|| (within(tokens, opens), of.to_owned()))
    });
    found.collect()
}

/// Of which type what stands at a place is a method; empty of others.
pub(super) fn type_at(types: &[(Range<usize>, String)], at: usize) -> &str {
    types.iter().rfind(|(range, _)| range.contains(&at)).map_or("", |(_, of)| of)
}

/// Whether a function is a closure of another one's.
pub(super) fn is_given_by(given: &TraceFrame, by: &TraceFrame) -> bool {
    let rest = given.function.strip_prefix(&by.function).filter(|_| given.file == by.file);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(".func") || rest.starts_with("::{"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_named_as_its_neighbours_are() {
        let mut all = Loops::default();
        all.read("a.rs", "impl<T: Fn() -> u8> Drop for Reply<T> where T: Send {\n    fn drop(&mut self) {\n        tell();\n    }\n}\nfn hand_over() {\n    tell();\n}\ntrait Give {\n    fn give(&self);\n}\n");
        all.read("a.go", "func (b *Board[T]) Give() {\n\ttell()\n}\nfunc (b Board) Take() {\n\ttell()\n}\nfunc give() {\n\ttell()\n}\n");
        let of = |known: &str, file: &str, function: &str, line| all.culprit(known, (file, function, line)).function;
        assert_eq!(of("shop::board::Fetch::join", "a.rs", "drop", 3), "shop::board::Reply::drop");
        assert_eq!(of("shop::board::Fetch::join", "a.rs", "hand_over", 7), "shop::board::hand_over");
        assert_eq!(of("shop::wait", "a.rs", "give", 10), "shop::give");
        assert_eq!(of("main.(*Board).Join", "a.go", "Give", 2), "main.(*Board).Give");
        assert_eq!(of("shop/main.join", "a.go", "Take", 5), "main.Board.Take");
        assert_eq!(of("main.(*Board).Join", "a.go", "give", 8), "main.give");
        assert_eq!(of("main.join", "b.go", "give", 8), "main.give", "its source is not known");
    }
}
