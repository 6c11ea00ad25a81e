//! Which functions set the limit themselves that they then keep, by the source: how much they let through follows from what they see.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Loops;
use super::naming::functions;
use super::tokens::{is_name, word_at};

impl Loops {
    /// Whether the function of a line does.
    pub(super) fn sets_its_limit(&self, file: &str, line: u32) -> bool {
        self.files.get(file).is_some_and(|lines| lines.adapting.contains(&line))
    }
}

/// Lines of such functions: `if at.drawn < at.grant { at.drawn += 1; … }` with `at.grant = …` beside.
pub(super) fn adapting(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    let all = functions(tokens).into_iter().filter(|one| sets_its_limit(tokens, one));
    all.flatten().map(|at| tokens[at].0).collect()
}

fn sets_its_limit(tokens: &[(u32, String)], one: &Range<usize>) -> bool {
    let word = |at: usize| word_at(tokens, at);
    let counts = |at: &usize| is_name(word(*at)) && word(at + 1) == "+" && word(at + 2) == "=" && word(at + 3) == "1";
    let counted: BTreeSet<&str> = one.clone().filter(counts).map(word).collect();
    let is_compared = |at: &usize| matches!(word(*at), "<" | ">") && word(at - 1) != "-" && word(at - 1) != ":";
    let limits = one.clone().filter(is_compared).filter_map(|at| {
        let (left, right) = (word(at - 1), last_of_path(tokens, at + 1 + usize::from(word(at + 1) == "=")));
        if counted.contains(left) { Some(right) } else { counted.contains(right).then_some(left) }
    });
    let limits: BTreeSet<&str> = limits.filter(|name| is_name(name)).collect();
    let sets = |at: usize| {
        let is_assigned = word(at - 1) == "." && word(at + 1) == "=" && word(at + 2) != "=";
        is_assigned && limits.contains(word(at)) && !(is_given(word(at + 2)) && word(at + 3) == ";")
    };
    one.clone().skip(1).any(sets)
}

/// The last name of `at.grant`.
fn last_of_path(tokens: &[(u32, String)], from: usize) -> &str {
    let mut at = from;
    while word_at(tokens, at + 1) == "." && is_name(word_at(tokens, at + 2)) {
        at += 2;
    }
    word_at(tokens, at)
}

/// A number, or a constant.
fn is_given(word: &str) -> bool {
    !word.chars().any(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sets_the_limit_that_it_keeps_is_told() {
        let of = |source: &str| {
            let mut all = Loops::default();
            all.read("a.rs", source);
            all.sets_its_limit("a.rs", 3)
        };
        let own = "async fn draw(&self) {\n    loop {\n        if at.renewed() { at.grant = at.grant / 2; at.drawn = 0; }\n        if at.drawn < at.grant { at.drawn += 1; return; }\n        sleep(WINDOW).await;\n    }\n}\n";
        assert!(of(own));
        assert!(of(&own.replace("at.drawn < at.grant", "self.grant >= at.drawn")));
        assert!(!of(&own.replace("at.grant = at.grant / 2", "at.grant = FULL")), "what it is told to");
        assert!(!of(&own.replace("at.grant = at.grant / 2;", "")), "somebody else sets it");
        assert!(!of(&own.replace("at.drawn < at.grant", "at.drawn < LIMIT")), "it keeps another one");
    }

    #[test]
    fn what_is_no_function_sets_nothing() {
        for odd in ["", "fn", "fn a", "fn a() { x += 1", "fn a < b", "= . <", "fn a() { a. = ; < += 1 }"] {
            assert!(adapting(&super::super::tokens::tokens(odd)).is_empty(), "{odd}");
        }
    }
}
