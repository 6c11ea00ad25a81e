//! Who keeps what it built under a key, by the source: what it looks for before it builds should be there the next time. Where it builds
//! for every operation all the same, its keys never come again.

use std::collections::BTreeSet;
use std::ops::Range;

use super::cause::Cause;
use super::joined::Joined;
use super::naming::functions;
use super::rules::{allocator_churn, repeated_work};
use super::tokens::{is_name, within, word_at};
use super::{Culprit, Loops, path};

/// Methods that look for what is kept under a key.
const LOOKS: &[&str] = &["get", "get_mut", "contains_key", "peek", "Load", "Get"];
/// Methods that look and build what is not there.
const BUILDS: &[&str] = &[
    "or_insert_with",
    "or_insert_with_key",
    "get_or_insert_with",
    "get_with",
    "try_get_with",
    "get_or_try_insert_with",
];

/// Words without which it goes on in the same way, whether it found something or not.
const DECIDES: &[&str] = &["return", "else", "None"];

impl Loops {
    /// The line on which the function of a place looks for what it builds there, or further down.
    fn remembers(&self, place: &Culprit) -> Option<u32> {
        let body = self.body(&place.file, place.line)?;
        self.files.get(&place.file)?.remembering.range(*body.start()..=place.line).next().copied()
    }
}

/// Who calls what computes at a place because it did not find what it keeps, and the line on which it looks.
pub(super) fn remembering_around(joined: &Joined<'_>, place: &Culprit) -> Option<Culprit> {
    let stack = path::through(joined, place);
    let at = stack.iter().position(|one| one.is_at(place))?;
    let keeps = |one: &Culprit| Some(Culprit { line: joined.loops?.remembers(one)?, ..one.clone() });
    stack[at..].iter().find_map(keeps)
}

/// Has a cause that computes the same for every operation be about who keeps it under keys that never come again.
pub(super) fn decides(joined: &Joined<'_>, cause: &mut Cause) {
    // What asks for memory anew each time does so for what it builds.
    let builds = cause.rule == repeated_work::SLUG && cause.proof == "cpu" || cause.rule == allocator_churn::SLUG;
    let Some(place) = cause.culprit.as_ref().filter(|_| builds) else { return };
    let Some(culprit) = remembering_around(joined, place) else { return };
    cause.evidence.push(format!(
        "{} looks for it among what it keeps, as its source says, and had it built for every operation: what it keeps is \
         never found again, or is not good enough then",
        culprit.sentence()
    ));
    cause.title = format!("{} keeps what it never finds again: {}", culprit.function, cause.title);
    cause.refuted_by = "with a key that comes again an operation would compute as much".into();
    cause.rule = repeated_work::SLUG;
    cause.culprit = Some(culprit);
}

/// Lines on which functions of a source look for what they keep, or build it.
pub(super) fn remembering(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    let of_one = |one: Range<usize>| {
        let keeps = |at: &usize| {
            let kept = |key| (at + 1..one.end).find(|at| is_kept(tokens, *at, key));
            // What it finds it is done with.
            let decides = |kept: usize| (*at..kept).any(|at| DECIDES.contains(&word_at(tokens, at)));
            builds(tokens, *at) || key_of(tokens, *at).and_then(kept).is_some_and(decides)
        };
        one.clone().find(keeps).map(|at| tokens[at].0)
    };
    functions(tokens).into_iter().filter_map(of_one).collect()
}

/// `kept.get_with(key, || …)`, `kept.entry(key).or_insert_with(|| …)`.
fn builds(tokens: &[(u32, String)], at: usize) -> bool {
    at > 0 && word_at(tokens, at - 1) == "." && word_at(tokens, at + 1) == "(" && BUILDS.contains(&word_at(tokens, at))
}

/// The key of what is looked for there: `pages.get(&key)`, `page, ok := p.pages[key]`.
fn key_of(tokens: &[(u32, String)], at: usize) -> Option<&str> {
    let word = |at: usize| word_at(tokens, at);
    if LOOKS.contains(&word(at)) && at > 0 && word(at - 1) == "." && word(at + 1) == "(" {
        let given = within(tokens, at + 1).filter(|at| word(*at) != "&").collect::<Vec<_>>();
        return match given.as_slice() {
            [key] => Some(word(*key)).filter(|key| is_name(key)),
            _ => None,
        };
    }
    let asked = at > 3 && word(at) == "[" && is_name(word(at + 1)) && word(at + 2) == "]";
    let begins = (at.saturating_sub(8)..at).rev().find(|at| word(*at) == ":" && word(at + 1) == "=")?;
    let tells = begins > 1 && word(begins - 2) == ",";
    (asked && tells).then(|| word(at + 1))
}

/// Whether something is kept under that key there: `kept.put(key, page)`, `p.pages[key] = page`.
fn is_kept(tokens: &[(u32, String)], at: usize, key: &str) -> bool {
    let word = |at: usize| word_at(tokens, at);
    if word(at) == "[" {
        return word(at + 1) == key && word(at + 2) == "]" && word(at + 3) == "=" && word(at + 4) != "=";
    }
    let method = at > 1 && word(at) == "(" && is_name(word(at - 1)) && word(at - 2) == ".";
    let first = if word(at + 2) == "." { at + 6 } else { at + 2 };
    method && word(at + 1) == key && word(first) == ","
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the line that builds in the function that is declared with these words.
    fn of(file: &str, source: &str, builds: &str) -> Option<u32> {
        let mut all = Loops::default();
        all.read(file, source);
        let line = source.lines().zip(1..).find(|(text, _)| text.contains(builds)).expect("it is there").1;
        all.remembers(&Culprit { function: "shop::any".into(), file: file.into(), line })
    }

    #[test]
    fn who_looks_before_it_builds_and_keeps_it_under_the_same_key_remembers() {
        let rust = "fn page_for(&self, edition: &Edition) -> Bytes {\n    let key = edition.key();\n    if let Some(page) = self.kept.lock().pages.get(&key) {\n        return page.clone();\n    }\n    let page = set_page(edition);\n    self.kept.lock().put(key.clone(), page.clone());\n    page\n}\n";
        assert_eq!(of("a.rs", rust, "set_page("), Some(3));
        assert_eq!(of("a.rs", rust, "let key ="), None, "before it looks");
        assert_eq!(of("a.rs", &rust.replace("put(key.clone(),", "put(other,"), "set_page("), None);
        let counts =
            "fn count(&self, edition: &Edition) {\n    self.all.push(edition);\n    let page = set_page(edition);\n}\n";
        assert_eq!(of("a.rs", counts, "set_page("), None);
        let entry = "fn page_for(&self, key: u64) -> &Bytes {\n    self.kept\n        .entry(key)\n        .or_insert_with(|| set_page(key))\n}\n";
        assert_eq!(of("a.rs", entry, "set_page("), Some(4));
    }

    #[test]
    fn the_same_in_go() {
        let go = "func (p *press) page(e edition) []byte {\n\tif page, ok := p.kept[e]; ok {\n\t\treturn page\n\t}\n\tpage := set(e)\n\tp.kept[e] = page\n\treturn page\n}\n";
        assert_eq!(of("a.go", go, "set(e)"), Some(2));
        assert_eq!(of("a.go", &go.replace("p.kept[e] = page", "p.seen[e] == page"), "set(e)"), None);
        let stored = "func (p *press) page(e edition) []byte {\n\tif page, ok := p.kept.Load(e); ok {\n\t\treturn page\n\t}\n\tpage := set(e)\n\tp.kept.Store(e, page)\n\treturn page\n}\n";
        assert_eq!(of("a.go", stored, "set(e)"), Some(2));
    }
}
