//! Where a function tells all of a list and does not look whether anybody still hears it, by the source: who has gone stays in it.

use std::collections::BTreeSet;

use super::Loops;
use super::telling::defaults;
use super::tokens::{around, is_name, within, word_at};

/// Methods that say when nobody is left to hear.
const SENDS: &[&str] = &["send", "try_send", "unbounded_send", "start_send", "force_send", "blocking_send"];
/// Words and marks between the beginning of a statement and what it sends to.
const NEAR: usize = 24;

impl Loops {
    /// The line on which the function around one does so in a loop, where that line is in a loop, too.
    pub(super) fn unheard(&self, file: &str, line: u32) -> Option<u32> {
        let lines = self.files.get(file).filter(|lines| lines.looped.contains(&line))?;
        let around = self.body(file, line)?;
        lines.unheard.iter().copied().find(|line| around.contains(line) && lines.looped.contains(line))
    }
}

/// Lines that send to what a `for` goes through, and let the answer fall.
pub(super) fn unheard(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    let word = |at: usize| word_at(tokens, at);
    let sends = |at: &usize| *at > 1 && word(at - 1) == "." && SENDS.contains(&word(*at)) && word(at + 1) == "(";
    let falls = |at: &usize| {
        let begins = (at.saturating_sub(NEAR)..*at).rev().find(|at| matches!(word(*at), ";" | "{" | "}" | "=>"));
        let dropped = begins.is_some_and(|begins| [1, 2, 3].map(|by| word(begins + by)) == ["let", "_", "="]);
        let then = within(tokens, at + 1).end + 1;
        dropped && word(then) != "?" || [0, 1, 2, 3, 4].map(|by| word(then + by)) == [".", "ok", "(", ")", ";"]
    };
    // Go's, in a `select` that does nothing where nobody receives: `case ch <- m:`.
    let gives_up = |at: &usize| {
        let opens = around(tokens, *at, &["{"]).filter(|opens| *opens > 0 && word(opens - 1) == "select");
        let nothing = |opens: usize| {
            let all = within(tokens, opens);
            defaults(tokens, all.clone()).any(|does| does == all.end || word(does) == "case")
        };
        word(*at) == "<-" && is_name(word(at - 1)) && opens.is_some_and(nothing)
    };
    let rust = (0..tokens.len()).filter(sends).filter(falls).map(|at| (at, root(tokens, at - 2)));
    let go = (1..tokens.len()).filter(gives_up).map(|at| (at, root(tokens, at - 1)));
    rust.chain(go).filter(|(at, root)| is_gone_through(tokens, *at, word(*root))).map(|(at, _)| tokens[at].0).collect()
}

/// Where the name stands with which `one.tx` begins, whose last word stands at a place.
fn root(tokens: &[(u32, String)], mut at: usize) -> usize {
    while at > 1 && word_at(tokens, at - 1) == "." && is_name(word_at(tokens, at - 2)) {
        at -= 2;
    }
    at
}

/// Whether a `for` around a place gives that name to each of what it goes through.
fn is_gone_through(tokens: &[(u32, String)], at: usize, name: &str) -> bool {
    let word = |at: usize| word_at(tokens, at);
    let mut inner = at;
    while let Some(opens) = around(tokens, inner, &["{"]) {
        let header = (0..opens).rev().take_while(|at| !matches!(word(*at), ";" | "{" | "}")).last().unwrap_or(opens);
        let loops = (header..opens).find(|at| word(*at) == "for");
        let ends = loops.and_then(|begins| (begins..opens).find(|at| matches!(word(*at), "in" | "range")));
        if let (Some(begins), Some(ends)) = (loops, ends) {
            return (begins..ends).any(|at| word(at) == name);
        }
        inner = opens;
    }
    false
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
        let worker = "fn work(rx: Receiver) {\n    while let Ok(job) = rx.recv() {\n        let _ = job.reply.send(parse(&job));\n    }\n    for job in all {\n        let _ = log.send(job);\n    }\n}\n";
        all.read("c.rs", worker);
        assert_eq!([all.unheard("c.rs", 3), all.unheard("c.rs", 6)], [None, None], "it answers, and tells another");
        all.read("d.go", "func (h *hub) cast(m msg) {\n\tfor _, ch := range h.subs {\n\t\tselect {\n\t\tcase ch <- m:\n\t\tdefault:\n\t\t\tdelete(h.subs, ch)\n\t\t}\n\t}\n}\n");
        assert_eq!(all.unheard("d.go", 4), None, "it lets who has gone go");
    }
}
