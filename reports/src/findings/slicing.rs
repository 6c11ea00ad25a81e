//! Where a part of a buffer is taken that keeps all of it, by the source: `Bytes::slice` counts a reference to the whole.

use std::collections::BTreeSet;

use super::tokens::{within, word_at};
use super::{Culprit, Loops};

impl Loops {
    /// The only place of all sources where such a part is taken, in the program of a function whose whole name is known.
    pub(super) fn slices(&self, known: &str) -> Option<Culprit> {
        let all =
            self.files.iter().flat_map(|(file, lines)| lines.slicing.iter().map(move |line| (file, lines, *line)));
        let all: Vec<_> = all.collect();
        let [(file, lines, line)] = all.as_slice() else { return None };
        Some(self.culprit(known, (file, lines.named_at(*line)?, *line)))
    }
}

/// Lines of a source with `buffer.slice(from..to)`: slices of arrays and texts are written without a method, and borrow.
pub(super) fn slicing(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    let word = |at: usize| word_at(tokens, at);
    let of_a_range = |at: usize| within(tokens, at).any(|at| matches!(word(at), ".." | "..="));
    let slices = |at: &usize| {
        *at > 0 && word(at - 1) == "." && word(*at) == "slice" && word(at + 1) == "(" && of_a_range(at + 1)
    };
    (0..tokens.len()).filter(slices).map(|at| tokens[at].0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_part_that_keeps_a_whole_buffer_is_told() {
        let of = |source: &str| {
            let mut all = Loops::default();
            all.read("a.rs", source);
            all.slices("shop::scan").map(|culprit| (culprit.function, culprit.line))
        };
        let shared = "fn register(doc: &Bytes) -> Bytes {\n    doc.slice(from..to)\n}\nfn own(doc: &Bytes) -> Bytes {\n    Bytes::copy_from_slice(&doc[from..to])\n}\n";
        assert_eq!(of(shared), Some(("shop::register".into(), 2)));
        assert_eq!(
            of(&shared.replace("doc.slice(from..to)", "doc.slice(range)")),
            None,
            "what that takes is not known"
        );
        assert_eq!(of(&format!("{shared}fn other(b: Bytes) {{ b.slice(..2) }}\n")), None, "one of two");
    }
}
