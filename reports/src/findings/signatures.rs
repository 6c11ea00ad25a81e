//! What functions get, by the source: one that gets the thing itself, and not how much of it there is, decides on that.

use super::Loops;
use super::telling::declared;
use super::tokens::{is_name, within, word_at};

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    /// The line on which it begins.
    line: u32,
    /// It gets a reference to something else than what it is a method of.
    gets_an_object: bool,
}

impl Loops {
    /// Whether the function around a line gets a reference to something: a page, and not a number of bytes; `None` where its
    /// source is not known.
    pub(super) fn gets_an_object(&self, file: &str, line: u32) -> Option<bool> {
        let before = self.files.get(file)?.signatures.iter().filter(|one| one.line <= line);
        before.max_by_key(|one| one.line).map(|one| one.gets_an_object)
    }
}

/// All of a source of Rust's or Go's.
pub(super) fn signatures(tokens: &[(u32, String)]) -> Vec<Signature> {
    let word = |at: usize| word_at(tokens, at);
    let opens = |at: usize| (at..tokens.len()).find(|at| word(*at) == "(");
    let refers = |at: usize| match word(at) {
        "&" => {
            let mut to = at + 1;
            while matches!(word(to), "'" | "mut") || word(to - 1) == "'" {
                to += 1;
            }
            word(to) != "self"
        }
        "*" => true,
        _ => false,
    };
    let mut found = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        let parameters = match token.as_str() {
            "fn" if is_name(word(at + 1)) => opens(at),
            "func" => declared(tokens, at).and_then(|name| opens((at..tokens.len()).find(|at| word(*at) == name)?)),
            _ => None,
        };
        let Some(parameters) = parameters else { continue };
        found.push(Signature { line: *line, gets_an_object: within(tokens, parameters).any(refers) });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_the_thing_itself_is_told_from_who_gets_a_number() {
        let of = |file: &str, source: &str, line| {
            let mut all = Loops::default();
            all.read(file, source);
            all.gets_an_object(file, line)
        };
        let rust = "impl Quota {\n    async fn take(&'a mut self, n: usize) {\n        nap();\n    }\n    fn send(&self, tile: &Tile) {\n        nap();\n    }\n}\n";
        assert_eq!([of("a.rs", rust, 3), of("a.rs", rust, 6), of("b.rs", "", 6)], [Some(false), Some(true), None]);
        let go = "func (q *quota) take(n int) {\n\tnap()\n}\nfunc (q *quota) send(t *tile) {\n\tnap()\n}\n";
        assert_eq!([of("a.go", go, 2), of("a.go", go, 5)], [Some(false), Some(true)]);
    }
}
