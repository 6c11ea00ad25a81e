//! Where a function tells all of a list and does not look whether anybody still hears it, by the source: who has gone stays in it.

use std::collections::BTreeSet;

use super::Loops;
use super::telling::Does;
use super::tokens::{within, word_at};

/// Methods that say when nobody is left to hear.
const SENDS: &[&str] = &["send", "try_send", "unbounded_send", "start_send", "force_send", "blocking_send"];
/// Words and marks between the beginning of a statement and what it sends to.
const NEAR: usize = 24;

impl Loops {
    /// The line on which the function around one does so in a loop, where that line is in a loop, too.
    pub(super) fn unheard(&self, file: &str, line: u32) -> Option<u32> {
        let lines = self.files.get(file).filter(|lines| lines.looped.contains(&line))?;
        let around = self.body(file, line)?;
        let go = lines.told.iter().filter(|told| told.does == Does::SendsOrNot).map(|told| told.line);
        let mut all = lines.unheard.iter().copied().chain(go).filter(|line| around.contains(line));
        all.find(|line| lines.looped.contains(line))
    }
}

/// Lines of Rust that send and let the answer fall.
pub(super) fn unheard(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    let word = |at: usize| word_at(tokens, at);
    let sends = |at: &usize| *at > 1 && word(at - 1) == "." && SENDS.contains(&word(*at)) && word(at + 1) == "(";
    let falls = |at: &usize| {
        let begins = (at.saturating_sub(NEAR)..*at).rev().find(|at| matches!(word(*at), ";" | "{" | "}" | "=>"));
        let dropped = begins.is_some_and(|begins| [1, 2, 3].map(|by| word(begins + by)) == ["let", "_", "="]);
        let then = within(tokens, at + 1).end + 1;
        dropped || [0, 1, 2, 3, 4].map(|by| word(then + by)) == [".", "ok", "(", ")", ";"]
    };
    (0..tokens.len()).filter(sends).filter(falls).map(|at| tokens[at].0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_tells_all_of_a_list_and_does_not_look_is_told_by_its_loop() {
        let rust = "\
fn publish(&self, event: &str) {
    for one in self.all.iter_mut() {
        one.remember(event.to_string());
        let _ = one.tx.send(event.to_string());
    }
}
fn answer(&self) {
    for one in self.all.iter() {
        count(one);
    }
    let _ = self.tx.send(1);
}
fn prune(&mut self) {
    self.all.retain(|one| one.send(1).is_ok());
}
fn quiet(&self) {
    for one in &self.all {
        one.try_send(1).ok();
    }
}
";
        let mut all = Loops::default();
        all.read("a.rs", rust);
        let of = |line| all.unheard("a.rs", line);
        assert_eq!([of(3), of(2), of(18)], [Some(4), Some(4), Some(18)]);
        assert_eq!([of(9), of(14), of(11)], [None, None, None], "it tells one; it looks; it goes round nothing");
        all.read("b.go", "func (h *hub) cast(m msg) {\n\tfor _, ch := range h.subs {\n\t\tselect {\n\t\tcase ch <- m:\n\t\tdefault:\n\t\t}\n\t}\n}\n");
        assert_eq!(all.unheard("b.go", 4), Some(4));
    }
}
