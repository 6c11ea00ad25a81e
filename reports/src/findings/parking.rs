//! Where a function puts aside what came before its turn, and takes out what is next alone, by the source: whatever is ready waits
//! there for all that was asked before it.

use std::collections::BTreeMap;

use super::Loops;
use super::naming::functions;
use super::tokens::{is_name, within, word_at};
use crate::run::TraceFrame;

/// Methods by which it looks for what is next, by its number.
const NEXT: &[&str] = &["remove", "get", "contains_key", "remove_entry"];

impl Loops {
    /// The line on which the function of a frame puts aside what is ready.
    pub(super) fn parks(&self, frame: &TraceFrame) -> Option<u32> {
        self.files.get(&frame.file)?.parking.get(frame.name()).copied()
    }
}

/// Functions of a source that do so, and where.
pub(super) fn parking(tokens: &[(u32, String)]) -> BTreeMap<String, u32> {
    let word = |at: usize| word_at(tokens, at);
    let found = functions(tokens).into_iter().filter_map(|one| {
        let puts = one.clone().filter_map(|at| Some((at, put_aside(tokens, at)?)));
        let parks = |(at, into): &(usize, &str)| (*at..one.end).any(|at| takes_next(tokens, at, one.end, into));
        let (at, _) = puts.into_iter().find(parks)?;
        Some((word(one.start).to_owned(), tokens[at].0))
    });
    found.collect()
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
            let all = || within(tokens, opens);
            let deletes = |at: usize| word(at) == "delete" && within(tokens, at + 1).any(|at| word(at) == of);
            let looks = all().any(|at| word(at) == of && word(at + 1) == "[");
            (looks || (at..opens).any(|at| word(at) == of && word(at + 1) == "[")) && all().any(deletes)
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(file: &str, source: &str, function: &str) -> Option<u32> {
        let mut all = Loops::default();
        all.read(file, source);
        all.parks(&TraceFrame { function: function.into(), file: file.into(), line: 0 })
    }

    #[test]
    fn what_is_ready_before_its_turn_is_put_aside() {
        let rust = "fn publish(mut self, surveys: Receiver<Survey>) {\n    for survey in surveys {\n        self.aside.insert(survey.number, survey);\n        while let Some(survey) = self.aside.remove(&self.next) {\n            self.next += 1;\n            confirm(survey);\n        }\n    }\n}\n";
        assert_eq!(of("a.rs", rust, "shop::ByNumber::publish"), Some(3));
        let at_once = rust.replace(
            "while let Some(survey) = self.aside.remove(&self.next)",
            "if let Some(survey) = self.aside.remove(&survey.number)",
        );
        assert_eq!(of("a.rs", &at_once, "shop::ByNumber::publish"), None);
        let bounded =
            rust.replace("while let Some(survey) = self.aside.remove(&self.next)", "while self.aside.len() > 64");
        assert_eq!(of("a.rs", &bounded, "shop::ByNumber::publish"), None, "a cache");
        let other = rust.replace("self.aside.remove", "self.ready.remove");
        assert_eq!(of("a.rs", &other, "shop::ByNumber::publish"), None);
        let go = "func (p *printer) done(n int, l label) {\n\tp.aside[n] = l\n\tfor {\n\t\tnext, ok := p.aside[p.next]\n\t\tif !ok {\n\t\t\treturn\n\t\t}\n\t\tdelete(p.aside, p.next)\n\t\tp.next++\n\t\tnext.reply <- 1\n\t}\n}\nfunc (p *printer) sweep(n int, l label) {\n\tp.seen[n] = l\n\tfor k := range p.seen {\n\t\tdelete(p.seen, k)\n\t}\n}\n";
        assert_eq!(of("a.go", go, "main.(*printer).done"), Some(2));
        assert_eq!(of("a.go", go, "main.(*printer).sweep"), None);
    }
}
