//! Where a loop takes what comes in one place as long as something does, before it looks at another, by the source: tokio's
//! `select!` that is `biased`, and a `select` of Go's that is done before the one in which all are.

use std::collections::BTreeSet;

use super::Loops;
use super::telling::defaults;
use super::tokens::{within, word_at};

impl Loops {
    /// Whether a line is run for what comes first, whatever else is ready.
    pub(super) fn prefers(&self, file: &str, line: u32) -> bool {
        self.files.get(file).is_some_and(|lines| lines.preferring.contains(&line))
    }
}

/// Lines of a source that are.
pub(super) fn preferring(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    let word = |at: usize| word_at(tokens, at);
    let selects = (0..tokens.len()).filter(|at| word(*at) == "select");
    let found = selects.flat_map(|at| match (word(at + 1), word(at + 2)) {
        ("!", "{" | "(") => before_the_last(tokens, at + 2),
        ("{", _) => drained_first(tokens, at + 1),
        _ => Vec::new(),
    });
    found.flatten().collect()
}

/// What branches of a `select!` do that stand before the last, where their order counts.
fn before_the_last(tokens: &[(u32, String)], opens: usize) -> Vec<std::ops::RangeInclusive<u32>> {
    let word = |at: usize| word_at(tokens, at);
    let all = within(tokens, opens);
    if (word(all.start), word(all.start + 1)) != ("biased", ";") {
        return Vec::new();
    }
    let mut branches = Vec::new();
    let (mut begins, mut at) = (all.start + 2, all.start + 2);
    while at < all.end {
        match word(at) {
            "=>" => {
                let ends = match word(at + 1) {
                    "{" => within(tokens, at + 1).end,
                    _ => end_of_branch(tokens, at + 1, all.end),
                };
                if word(begins) != "else" {
                    let lines = tokens[at].0..=tokens[ends.min(tokens.len() - 1)].0;
                    branches.push((word(begins), lines));
                }
                at = if word(ends + 1) == "," { ends + 2 } else { ends + 1 };
                begins = at;
            }
            "(" | "[" | "{" => at = within(tokens, at).end + 1,
            _ => at += 1,
        }
    }
    // What nobody looks at is a tick, or the end, and no operation.
    let last = branches.pop().filter(|(pattern, _)| *pattern != "_");
    if last.is_some() { branches.into_iter().map(|(_, lines)| lines).collect() } else { Vec::new() }
}

/// Where the comma stands that ends what a branch without braces does.
fn end_of_branch(tokens: &[(u32, String)], from: usize, to: usize) -> usize {
    let mut at = from;
    while at < to && word_at(tokens, at) != "," {
        let is_bracket = matches!(word_at(tokens, at), "(" | "[" | "{");
        at = if is_bracket { within(tokens, at).end + 1 } else { at + 1 };
    }
    at
}

/// What is done in a `select` that goes on where nothing is ready, and before another one.
fn drained_first(tokens: &[(u32, String)], opens: usize) -> Vec<std::ops::RangeInclusive<u32>> {
    let word = |at: usize| word_at(tokens, at);
    let all = within(tokens, opens);
    let goes_on = defaults(tokens, all.clone()).any(|does| does == all.end);
    let again = all.clone().any(|at| word(at) == "continue");
    if goes_on && again && word(all.end + 1) == "select" {
        vec![tokens[opens].0..=tokens[all.end].0]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    const NONE: [u32; 0] = [];

    fn of(source: &str) -> Vec<u32> {
        preferring(&tokens(source)).into_iter().collect()
    }

    #[test]
    fn what_a_biased_select_does_before_the_last_is_preferred() {
        let source = "\
loop {
    tokio::select! {
        biased;
        Some(reading) = readings.recv() => {
            yard.apply(reading);
        }
        Some(order) = orders.recv() => yard.direct(order, f(1, 2)),
        else => return,
    }
}
";
        assert_eq!(of(source), [4, 5, 6]);
        assert_eq!(of(&source.replace("        biased;\n", "")), NONE, "whoever is ready, by lot");
        let turned = source.replace(
            "Some(reading) = readings.recv() => {\n            yard.apply(reading);\n        }\n",
            "Some(order) = orders.recv() => yard.direct(order),\n",
        );
        assert_eq!(of(&turned), [4]);
        let ends = source.replace("Some(order) = orders.recv()", "_ = shutdown.recv()");
        assert_eq!(of(&ends), NONE, "what is last is the end");
        assert_eq!(of("select! { biased; a = b => c }"), NONE, "there is no other");
    }

    #[test]
    fn so_is_what_go_takes_before_it_looks_at_all() {
        let source = "for {\n\tselect {\n\tcase r := <-s.readings:\n\t\ts.absorb(r)\n\t\tcontinue\n\tdefault:\n\t}\n\tselect {\n\tcase q := <-s.asks:\n\t}\n}\n";
        assert_eq!(of(source), [2, 3, 4, 5, 6, 7]);
        assert_eq!(of(&source.replace("\tdefault:\n", "")), NONE, "it waits");
        assert_eq!(of(&source.replace("\t\tcontinue\n", "")), NONE, "it takes one, and looks at all");
        assert_eq!(of(&source.replacen("\tselect {\n\tcase q := <-s.asks:\n\t}\n", "\twork()\n", 1)), NONE);
    }
}
