//! Which lines of a function run only sometimes, by the source: those in a branch, and those after one that ends the function or
//! goes on with the next round.

use std::collections::BTreeSet;

use super::Loops;

impl Loops {
    /// Whether a line runs only sometimes when its function does; `None` where the source is not known.
    pub(super) fn is_in_branch(&self, file: &str, line: u32) -> Option<bool> {
        self.files.get(file).map(|lines| lines.branches.sometimes.contains(&line))
    }

    /// Whether a function may be left between two lines of it.
    pub(super) fn may_be_left_between(&self, file: &str, from: u32, to: u32) -> bool {
        let lines = self.files.get(file).map(|lines| &lines.branches.ends);
        from < to && lines.is_some_and(|ends| ends.range(from + 1..to).next().is_some())
    }

    /// Whether a function may be left before it comes to a line of it, also by Rust's `?`.
    pub(super) fn may_be_left_before(&self, file: &str, line: u32) -> bool {
        self.files.get(file).is_some_and(|lines| lines.branches.after_an_end.contains(&line))
    }
}

/// Lines of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Branches {
    /// Those that run only sometimes.
    sometimes: BTreeSet<u32>,
    /// Those before which the function may have been left.
    after_an_end: BTreeSet<u32>,
    /// Those on which it may be left.
    ends: BTreeSet<u32>,
}

/// A bracket that is open.
#[derive(Default)]
struct Level {
    /// A function's.
    body: bool,
    branch: bool,
    looped: bool,
    /// Go's way to hand errors on.
    failed: bool,
    /// A branch before ended what is done there.
    ended: bool,
    /// So it may have done, or `?`.
    may_end: bool,
    /// Since the statement began.
    words: BTreeSet<String>,
}

/// Words before the bracket of a branch.
const BRANCHES: &[&str] = &["if", "else", "match", "switch", "select"];

/// All of a source.
pub(super) fn branches(tokens: &[(u32, String)]) -> Branches {
    let mut found = Branches::default();
    let mut levels = vec![Level::default()];
    for (line, token) in tokens {
        let sometimes = is_in_branch(&levels);
        let failed = levels.iter().rev().take_while(|level| !level.body).any(|level| level.failed);
        let level = levels.last_mut();
        match token.as_str() {
            "{" => {
                let words = level.map(|level| std::mem::take(&mut level.words)).unwrap_or_default();
                let body = words.contains("fn") || words.contains("func");
                let branch = BRANCHES.iter().any(|word| words.contains(*word));
                // Go's way to hand errors on is no branch.
                let failed = words.contains("err") && words.contains("nil");
                let looped = ["for", "while", "loop"].iter().any(|word| words.contains(*word));
                levels.push(Level { body, branch: branch && !body && !failed, looped, failed, ..Level::default() });
            }
            "}" => {
                if levels.len() > 1 {
                    levels.pop();
                }
            }
            ";" | "," | "=>" => {
                let level = level.filter(|level| !level.words.contains("fn") && !level.words.contains("func"));
                // `if has(a, b) {`, `if v, ok := m[k]; ok {`: its block comes yet.
                let goes_on = |word: &String| token != "=>" && BRANCHES.contains(&word.as_str());
                level.into_iter().for_each(|level| level.words.retain(goes_on));
            }
            "return" | "continue" if sometimes => {
                let mut within = levels.iter_mut().rev();
                let ends = |level: &&mut Level| level.body || token == "continue" && level.looped;
                within.find(ends).into_iter().for_each(|level| (level.ended, level.may_end) = (true, true));
            }
            "?" | "return" if token == "?" || failed => {
                levels.iter_mut().rev().find(|level| level.body).into_iter().for_each(|body| body.may_end = true)
            }
            word => level.into_iter().for_each(|level| {
                level.words.insert(word.to_owned());
            }),
        }
        if token == "?" || token == "return" && (sometimes || failed) {
            found.ends.insert(*line);
        }
        // What is asked before a block is asked in any case.
        if token != "{" && is_in_branch(&levels) {
            found.sometimes.insert(*line);
        }
        if !matches!(token.as_str(), "?" | ";") && of_function(&levels).iter().any(|level| level.may_end) {
            found.after_an_end.insert(*line);
        }
    }
    found
}

/// Those within the innermost function, and its own.
fn of_function(levels: &[Level]) -> &[Level] {
    &levels[levels.iter().rposition(|level| level.body).unwrap_or(0)..]
}

fn is_in_branch(levels: &[Level]) -> bool {
    of_function(levels).iter().any(|level| level.branch || level.ended)
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    fn of(source: &str) -> Vec<u32> {
        branches(&tokens(source)).sometimes.into_iter().collect()
    }

    #[test]
    fn who_may_be_left_before_its_end_is_left_by_question_marks_too() {
        let source = "fn lead(&self) {\n    let answer = ask();\n    let price = answer?;\n    publish(price);\n}\nfn other() {\n    publish(1);\n}\n";
        let after: Vec<u32> = branches(&tokens(source)).after_an_end.into_iter().collect();
        assert_eq!(after, [4]);
    }

    #[test]
    fn what_stands_in_a_branch_runs_sometimes() {
        let rust = "fn record(&self) {\n    let mut t = lock();\n    if t.len() > MOST {\n        self.flush(t);\n    }\n    t.get()\n}\nfn flush(&self) {\n    let merged = self.merge();\n    for one in merged {\n        keep(one);\n    }\n}\n";
        assert_eq!(of(rust), [4]);
        assert_eq!(of("fn f() {\n    match x {\n        A => g(),\n    }\n    h();\n}\n"), [3]);
        assert_eq!(of("fn f() {\n    if has(a, b) {\n        g();\n    }\n    h();\n}\n"), [3]);
        assert_eq!(of("fn f<A, B>(a: A) -> B {\n    if a { g() } else { h() }\n    i()\n}\n"), [2]);
        assert_eq!(of("func f() {\n\tx := 1\n\tswitch x {\n\tcase 1:\n\t\tg()\n\t}\n\th()\n}\n"), [4, 5]);
    }

    #[test]
    fn what_ends_a_round_ends_no_function() {
        let source = "fn f() {\n    for x in all {\n        if x {\n            continue;\n        }\n        g(x);\n    }\n    h();\n}\n";
        assert_eq!(of(source), [4, 5, 6]);
    }

    #[test]
    fn so_does_what_comes_after_an_early_end() {
        let source = "fn f(&self) {\n    if self.n % 9 != 0 {\n        return;\n    }\n    self.g();\n}\nfn h() {\n    i();\n}\n";
        assert_eq!(of(source), [3, 4, 5]);
        let failed = "func f() error {\n\tif err := g(); err != nil {\n\t\treturn err\n\t}\n\th()\n}\n";
        assert_eq!(of(failed), [0_u32; 0]);
    }

    #[test]
    fn what_is_no_source_has_no_branches() {
        for odd in ["}}}", "{{", "if", "return", "fn {"] {
            assert!(of(odd).len() < 2, "{odd}");
        }
    }
}
