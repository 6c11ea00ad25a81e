//! Where a function leaves whom to tell under something that it got, by the source (`c.pending[sku] = ch`): of two that got the same
//! at once the second takes the place of the first.

use super::cause::at;
use super::joined::Joined;
use super::leaving::half_made;
use super::telling::declared_at;
use super::tokens::{is_name, opening, parameters_of, within, word_at};
use super::{Culprit, Loops};
use crate::run::TraceFrame;

/// A function that does so, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Overwritten {
    function: String,
    line: u32,
}

impl Loops {
    fn overwrites(&self, function: &TraceFrame) -> Option<u32> {
        let all = &self.files.get(&function.file)?.overwritten;
        all.iter().find(|one| one.function == function.name()).map(|one| one.line)
    }
}

/// Whoever waits, where it left whom to tell under something that it got.
pub(super) fn overwriting(joined: &Joined<'_>, waits: &TraceFrame) -> Option<(Culprit, String)> {
    let line = joined.loops?.overwrites(waits)?;
    let told = "whom to tell is left under something that the function got, as its source says: of two that got the same at \
                once the second takes the place of the first, whom nobody tells then";
    Some((at(&TraceFrame { line, ..waits.clone() }), told.to_owned()))
}

/// All of a source of Rust's or Go's.
pub(super) fn overwritten(tokens: &[(u32, String)]) -> Vec<Overwritten> {
    let word = |at: usize| word_at(tokens, at);
    let mut function = "";
    // Sending halves that the function made, and what it got.
    let (mut halves, mut got): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut found = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        let begins = match token.as_str() {
            "fn" if matches!(word(at + 2), "(" | "<") => Some(at + 1),
            "func" => declared_at(tokens, at),
            _ => None,
        };
        if let Some(name) = begins {
            (function, got) = (word(name), parameters(tokens, name));
            halves.clear();
        }
        let key = match token.as_str() {
            "let" => {
                halves.extend(half_made(tokens, at));
                None
            }
            // Go's `ch := make(chan int, 1)`.
            "make" if word(at + 1) == "(" && word(at + 2) == "chan" && at > 2 && word(at - 2) == ":" => {
                halves.push(word(at - 3));
                None
            }
            "=" if at > 0 && word(at - 1) == "]" && halves.contains(&word(at + 1)) => {
                opening(tokens, at - 1).filter(|opens| word(opens + 2) == "]").map(|opens| word(opens + 1))
            }
            "insert" if word(at + 1) == "(" && within(tokens, at + 1).any(|at| halves.contains(&word(at))) => {
                Some(word(at + 2)).filter(|_| word(at + 3) == ",")
            }
            _ => None,
        };
        if key.is_some_and(|key| got.contains(&key) && !is_unique(key)) {
            found.push(Overwritten { function: function.to_owned(), line: *line });
        }
    }
    found
}

/// Whether what is called so is another one each time, as far as its name tells.
fn is_unique(name: &str) -> bool {
    matches!(name, "id" | "seq" | "tag" | "token" | "ticket" | "nonce") || name.ends_with("_id") || name.ends_with("ID")
}

/// Names of what the function that is declared there gets.
fn parameters(tokens: &[(u32, String)], at: usize) -> Vec<&str> {
    let word = |at: usize| word_at(tokens, at);
    let Some(opens) = parameters_of(tokens, at) else { return Vec::new() };
    let names = within(tokens, opens).filter(|at| matches!(word(at - 1), "(" | "," | "mut"));
    names.map(word).filter(|word| is_name(word) && *word != "self").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_to_tell_is_lost_where_it_is_left_under_what_two_may_get() {
        let mut all = Loops::default();
        all.read("a.go", "func (c *client) quantity(sku string) int {\n\tch := make(chan int, 1)\n\tc.pending[sku] = ch\n\treturn <-ch\n}\nfunc (c *client) bySeq(sku string) int {\n\tch := make(chan int, 1)\n\ttag := c.next()\n\tc.pending[tag] = ch\n\treturn <-ch\n}\n");
        all.read("a.rs", "fn price_of(&self, sku: u64) -> u64 {\n    let (tx, rx) = channel();\n    self.open.lock().insert(sku, tx);\n    rx.recv()\n}\nfn by_tag(&self, sku: u64) -> u64 {\n    let (tx, rx) = channel();\n    self.open.lock().insert(self.next(), tx);\n    rx.recv()\n}\n");
        let of = |function: &str, file: &str| {
            all.overwrites(&TraceFrame { function: function.into(), file: file.into(), line: 0 })
        };
        assert_eq!([of("main.(*client).quantity", "a.go"), of("main.(*client).bySeq", "a.go")], [Some(3), None]);
        assert_eq!([of("shop::Desk::price_of", "a.rs"), of("shop::Desk::by_tag", "a.rs")], [Some(3), None]);
    }
}
