//! Where a function puts aside what came before its turn, and takes out what is next alone, by the source: whatever is ready waits
//! there for all that was asked before it.

use std::collections::BTreeSet;

use super::Loops;
use super::naming::functions;
use super::tokens::{is_name, within, word_at};
use crate::run::TraceFrame;

/// Methods by which it looks for what is next, by its number.
const NEXT: &[&str] = &["remove", "get", "contains_key", "remove_entry"];

impl Loops {
    /// The line on which the function of a frame puts aside what is ready.
    pub(super) fn parks(&self, frame: &TraceFrame) -> Option<u32> {
        let body = self.body(&frame.file, frame.line)?;
        self.files.get(&frame.file)?.parking.range(body).next().copied()
    }
}

/// Lines of a source on which its functions do so.
pub(super) fn parking(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    let found = functions(tokens).into_iter().filter_map(|one| {
        let waits = one.clone().find_map(|at| waits_for_each(tokens, at));
        let parks = |at: &usize| {
            let into = put_aside(tokens, *at);
            into.is_some_and(|into| (*at..one.end).any(|at| takes_next(tokens, at, one.end, into)))
        };
        waits.or_else(|| one.clone().find(parks).map(|at| tokens[at].0))
    });
    found.collect()
}

/// The line on which whoever takes from a queue waits for what it took to be ready before it takes the next:
/// `for p := range o.tray { p.out <- <-p.cleared }`, `while let Some(p) = tray.recv().await { p.out.send(p.cleared.await) }`.
fn waits_for_each(tokens: &[(u32, String)], at: usize) -> Option<u32> {
    let word = |at: usize| word_at(tokens, at);
    let (name, opens) = match (word(at), word(at + 1)) {
        ("for", name) if word(at + 2) == ":" && word(at + 3) == "=" && word(at + 4) == "range" => {
            (name, (at + 5..tokens.len()).find(|at| word(*at) == "{")?)
        }
        ("while", "let") if word(at + 2) == "Some" && word(at + 5) == ")" => {
            let opens = (at + 6..tokens.len()).find(|at| word(*at) == "{")?;
            (word(at + 4), (at..opens).any(|at| word(at) == "recv").then_some(opens)?)
        }
        _ => return None,
    };
    let waits = |at: usize| {
        let of = is_name(name) && word(at) == name && word(at - 1) != ".";
        let received = word(at - 1) == "<-";
        let ends = if word(at + 1) == "." && word(at + 3) == "." { at + 4 } else { at + 2 };
        let awaited = word(ends - 1) == "." && word(ends) == "await";
        of && (received && word(at + 1) == "." || awaited)
    };
    within(tokens, opens).find(|at| waits(*at)).map(|at| tokens[at].0)
}

/// The collection into which something is put there under a number: `self.aside.insert(n, x)`, `p.aside[n] = x`.
fn put_aside(tokens: &[(u32, String)], at: usize) -> Option<&str> {
    let word = |at: usize| word_at(tokens, at);
    match word(at) {
        "insert" if word(at + 1) == "(" && at > 1 && word(at - 1) == "." => {
            let numbered = within(tokens, at + 1).any(|at| word(at) == ",");
            Some(word(at - 2)).filter(|into| numbered && is_name(into))
        }
        "[" if at > 0 && is_name(word(at - 1)) => {
            let closes = within(tokens, at).end;
            (word(closes + 1) == "=" && word(closes + 2) != "=").then(|| word(at - 1))
        }
        _ => None,
    }
}

/// Whether a loop begins there that goes on for as long as the next one is in that collection.
fn takes_next(tokens: &[(u32, String)], at: usize, end: usize, of: &str) -> bool {
    let word = |at: usize| word_at(tokens, at);
    let opens = |at: usize| (at..end).find(|at| word(*at) == "{");
    match word(at) {
        // `while let Some(one) = self.aside.remove(&self.next) {`
        "while" => opens(at).is_some_and(|opens| {
            let looks = |at: usize| NEXT.contains(&word(at)) && word(at - 1) == "." && word(at - 2) == of;
            (at..opens).any(looks)
        }),
        // `for { one, ok := p.aside[p.next]; if !ok { break }; delete(p.aside, p.next) … }`
        "for" => opens(at).is_some_and(|opens| {
            let body = within(tokens, opens);
            let deletes = |at: usize| word(at) == "delete" && within(tokens, at + 1).any(|at| word(at) == of);
            let looks = |at: usize| word(at) == of && word(at + 1) == "[";
            (at..body.end).any(looks) && body.clone().any(deletes)
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the function that is declared with these words.
    fn of(file: &str, source: &str, declared: &str) -> Option<u32> {
        let mut all = Loops::default();
        all.read(file, source);
        let line = source.lines().zip(1..).find(|(text, _)| text.contains(declared)).expect("it is there").1 + 1;
        all.parks(&TraceFrame { function: "shop::any".into(), file: file.into(), line })
    }

    #[test]
    fn what_is_ready_before_its_turn_is_put_aside() {
        let rust = "fn publish(mut self, surveys: Receiver<Survey>) {\n    for survey in surveys {\n        self.aside.insert(survey.number, survey);\n        while let Some(survey) = self.aside.remove(&self.next) {\n            self.next += 1;\n            confirm(survey);\n        }\n    }\n}\n";
        assert_eq!(of("a.rs", rust, "fn publish("), Some(3));
        let at_once = rust.replace(
            "while let Some(survey) = self.aside.remove(&self.next)",
            "if let Some(survey) = self.aside.remove(&survey.number)",
        );
        assert_eq!(of("a.rs", &at_once, "fn publish("), None);
        let bounded =
            rust.replace("while let Some(survey) = self.aside.remove(&self.next)", "while self.aside.len() > 64");
        assert_eq!(of("a.rs", &bounded, "fn publish("), None, "a cache");
        let other = rust.replace("self.aside.remove", "self.ready.remove");
        assert_eq!(of("a.rs", &other, "fn publish("), None);
        let go = "func (p *printer) done(n int, l label) {\n\tp.aside[n] = l\n\tfor {\n\t\tnext, ok := p.aside[p.next]\n\t\tif !ok {\n\t\t\treturn\n\t\t}\n\t\tdelete(p.aside, p.next)\n\t\tp.next++\n\t\tnext.reply <- 1\n\t}\n}\nfunc (p *printer) sweep(n int, l label) {\n\tp.seen[n] = l\n\tfor k := range p.seen {\n\t\tdelete(p.seen, k)\n\t}\n}\n";
        assert_eq!(of("a.go", go, ") done("), Some(2));
        assert_eq!(of("a.go", go, ") sweep("), None);
    }

    #[test]
    fn who_waits_for_each_of_a_queue_before_it_takes_the_next_keeps_the_others() {
        let go = "func (o *office) handOut() {\n\tfor p := range o.tray {\n\t\tp.out <- <-p.cleared\n\t}\n}\nfunc (o *office) clerk() {\n\tfor p := range o.intake {\n\t\tp.cleared <- read(p)\n\t}\n}\nfunc gather(all []part) {\n\tfor _, p := range all {\n\t\t<-p.done\n\t}\n}\n";
        assert_eq!(of("a.go", go, ") handOut("), Some(3));
        assert_eq!(of("a.go", go, ") clerk("), None);
        assert_eq!(of("a.go", go, "func gather("), None, "one that waits for all of its own");
        let rust = "async fn hand_out(mut tray: Receiver<Paper>) {\n    while let Some(paper) = tray.recv().await {\n        let read = paper.cleared.await;\n        let _ = paper.out.send(read);\n    }\n}\nasync fn clerk(mut tray: Receiver<Paper>) {\n    while let Some(paper) = tray.recv().await {\n        paper.read().await;\n    }\n}\n";
        assert_eq!(of("a.rs", rust, "fn hand_out("), Some(3));
        assert_eq!(of("a.rs", rust, "fn clerk("), None, "it does the work itself");
    }
}
