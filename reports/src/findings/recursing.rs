//! Functions that call themselves, by the source: all that they do is done again and again, as in a loop.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Loops;
use super::naming::{behind_parameters, functions, implemented, type_at};
use super::tokens::{within, word_at};
use crate::run::TraceFrame;

impl Loops {
    /// Whether the function of a line calls itself.
    pub(super) fn calls_itself(&self, frame: &TraceFrame) -> bool {
        self.files.get(&frame.file).is_some_and(|lines| lines.recursing.contains(&frame.line))
    }
}

/// Lines of such functions.
pub(super) fn recursing(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    let types = methods(tokens);
    let mut lines = BTreeSet::new();
    let all = functions(tokens);
    for one in &all {
        // Of several of one name nobody says which is called: one may hand on to another.
        let named = word_at(tokens, one.start);
        if all.iter().filter(|other| word_at(tokens, other.start) == named).count() > 1 {
            continue;
        }
        let Some(body) = body(tokens, one.start).filter(|body| calls_itself(tokens, &types, one.start, body)) else {
            continue;
        };
        // With the lines on which it begins and ends: registers are saved there.
        lines.extend((one.start..=body.end).filter_map(|at| tokens.get(at)).map(|(line, _)| *line));
    }
    lines
}

/// Where methods of Rust's stand: in what is implemented, and in traits.
fn methods(tokens: &[(u32, String)]) -> Vec<(Range<usize>, String)> {
    let traits = (0..tokens.len()).filter(|at| word_at(tokens, *at) == "trait").filter_map(|at| {
        let opens = (at + 1..tokens.len()).find(|at| matches!(word_at(tokens, *at), "{" | ";"))?;
        Some((within(tokens, opens), word_at(tokens, at + 1).to_owned()))
    });
    implemented(tokens).into_iter().chain(traits).collect()
}

/// What a function does, by where its name stands.
fn body(tokens: &[(u32, String)], name: usize) -> Option<Range<usize>> {
    let opens = behind_parameters(tokens, name)?;
    (word_at(tokens, opens) == "{").then(|| within(tokens, opens))
}

/// Whether a function, or a method, calls itself, and not what is only called the same.
fn calls_itself(tokens: &[(u32, String)], types: &[(Range<usize>, String)], name: usize, body: &Range<usize>) -> bool {
    let word = |at: usize| word_at(tokens, at);
    // Of Go's methods the receiver stands before the name.
    let receiver = if word(name - 1) == ")" { receiver(tokens, name) } else { None };
    let is_method = receiver.is_some() || !type_at(types, name).is_empty();
    let mut calls = body.clone().filter(|at| word(*at) == word(name) && word(at + 1) == "(");
    calls.any(|at| {
        let of_itself = match (word(at - 1), word(at - 2)) {
            (".", whose) => whose == "self" || receiver == Some(whose),
            (":", _) => word(at.saturating_sub(3)) == "Self",
            ("fn" | "func", _) => false,
            _ => !is_method,
        };
        // `x.self.walk()` is no word of Rust's, `x.d.walk()` is of another in Go.
        of_itself && (word(at - 1) != "." || word(at.saturating_sub(3)) != ".")
    })
}

/// What a method of Go's calls what it is of: `d` of `func (d *desk) park() {`.
fn receiver(tokens: &[(u32, String)], name: usize) -> Option<&str> {
    let opens = (0..name).rev().find(|at| word_at(tokens, *at) == "(")?;
    (opens > 0 && word_at(tokens, opens - 1) == "func").then(|| word_at(tokens, opens + 1))
}

#[cfg(test)]
mod tests {
    use super::super::guilty;
    use super::super::joined::Joined;
    use super::super::tokens::tokens;
    use super::*;
    use crate::run::{TracePolls, TraceSite};

    fn of(source: &str) -> Vec<u32> {
        recursing(&tokens(source)).into_iter().collect()
    }

    #[test]
    fn all_of_a_function_that_calls_itself_goes_round() {
        let rust = "\
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let first = pattern[0];
    first == text[0] && matches(&pattern[1..], &text[1..])
}
fn alerts_for(line: &str) -> bool {
    matches(rule, line)
}
impl Tree {
    fn walk(&self) -> u64 {
        self.left.walk() + Self::walk(&self.right)
    }
    fn read(&self) -> u64 {
        self.socket.read()
    }
    fn alerts(&self) -> bool {
        self.line.alerts()
    }
    fn sum(&self) -> u64 {
        self.sum()
    }
}
trait Walks {
    fn visit(&self) {
        visit(self)
    }
}
impl Store for Mem {
    fn get(&self) -> u64 {
        self.get()
    }
}
impl Mem {
    fn get(&self) -> u64 {
        7
    }
}
";
        assert_eq!(of(rust), [1, 2, 3, 4, 9, 10, 11, 18, 19, 20]);
        let go = "func (t *tree) walk(n int) int {\n\treturn t.walk(n - 1)\n}\nfunc (t *tree) read() int {\n\treturn t.conn.read() + read()\n}\nfunc fib(n int) int {\n\treturn fib(n-1) + fib(n-2)\n}\nfunc once(n int) int {\n\treturn other.once(n)\n}\n";
        assert_eq!(of(go), [1, 2, 3, 7, 8, 9]);
    }

    #[test]
    fn what_goes_on_within_itself_is_its_own_work() {
        let of = |tail: &str| {
            let mut loops = Loops::default();
            let source = format!(
                "fn matches(text: &[u8]) -> bool {{\n    text[0] == b'*' && {tail}\n}}\nfn alerts(&self) {{\n    for rule in &self.rules {{\n        matches(rule);\n    }}\n}}\n"
            );
            loops.read("a.rs", &source);
            let joined = Joined { loops: Some(&loops), ..Joined::default() };
            let frame = |(function, line): &(&str, u32)| TraceFrame {
                function: (*function).into(),
                file: "a.rs".into(),
                line: *line,
            };
            let row = |own: &[(&str, u32)], total_s| TracePolls {
                polls: 10,
                total_s,
                site: Some(TraceSite { own: own.iter().map(frame).collect(), ..TraceSite::default() }),
                ..TracePolls::default()
            };
            let rows = [row(&[("matches", 2), ("alerts", 6)], 1.0), row(&[("alerts", 6)], 0.01)];
            let own = rows[0].own().to_vec();
            guilty::computing(&joined, "", &own, &rows.iter().collect::<Vec<_>>()).map(|frame| frame.function.clone())
        };
        assert_eq!(of("matches(&text[1..])").as_deref(), Some("matches"));
        assert_eq!(of("ends(&text[1..])").as_deref(), Some("alerts"));
    }

    #[test]
    fn what_is_no_source_calls_nobody() {
        for odd in ["", "fn", "fn f", "fn f(", "func () f() {", "f(f(", "fn f() { f"] {
            assert!(of(odd).is_empty(), "{odd}");
        }
    }
}
