//! Where a function lets go what it got, by the source: where something is not as it should be it goes on with the next, and hands
//! nothing on (`if let Ok(quote) = …` without an `else`).

use std::collections::BTreeSet;
use std::ops::Range;

use super::Loops;
use super::naming::functions;
use super::tokens::{around, within, word_at};

/// A function that does so, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LetGo {
    function: String,
    line: u32,
}

/// How far from a function those are looked for that it calls.
const DEPTH: usize = 3;
/// Words by which something is handed on, told or kept.
const HANDS_ON: &[&str] = &[
    "send",
    "try_send",
    "write",
    "write_all",
    "push",
    "push_back",
    "insert",
    "put",
    "extend",
    "notify_one",
    "notify_all",
    "notify_waiters",
    "answer",
    "respond",
    "reply",
    "finish",
    "fail",
    "complete",
    "fill",
    "set",
    "<-",
    "append",
    "Fprint",
    "Fprintf",
    "Error",
    "Write",
    "Send",
];

impl Loops {
    /// Functions of a file that let go what they got for each of many: those of that name, and those they call.
    pub(super) fn lets_go(&self, file: &str, from: &[&str]) -> Vec<(&str, u32)> {
        let Some(lines) = self.files.get(file) else { return Vec::new() };
        let mut reached: BTreeSet<&str> = from.iter().copied().collect();
        for _ in 0..DEPTH {
            let calls = |inside: &BTreeSet<String>| inside.iter().any(|function| reached.contains(function.as_str()));
            let called = lines.named_in.iter().filter(|(_, inside)| calls(inside)).map(|(name, _)| name.as_str());
            let called: Vec<&str> = called.collect();
            reached.extend(called);
        }
        let mut found: Vec<(&str, u32)> = Vec::new();
        for one in lines.let_go.iter().filter(|one| reached.contains(one.function.as_str())) {
            let known = found.iter().any(|(function, _)| *function == one.function);
            if !known && self.around(file, one.line) == Some(true) {
                found.push((&one.function, one.line));
            }
        }
        found
    }
}

/// All of a source of Rust's or Go's.
pub(super) fn let_go(tokens: &[(u32, String)]) -> Vec<LetGo> {
    let mut found = Vec::new();
    for one in functions(tokens) {
        let places = one.clone().filter(|at| lets_go(tokens, *at, &one));
        found.extend(places.map(|at| LetGo { function: word_at(tokens, one.start).to_owned(), line: tokens[at].0 }));
    }
    found
}

/// What is got thus was not there before: nothing is let go.
const COMES: &[&str] = &[
    "recv",
    "try_recv",
    "recv_timeout",
    "accept",
    "incoming",
    "next",
    "lock",
    "try_lock",
    "read",
    "write",
    "join",
    "wait",
];

fn lets_go(tokens: &[(u32, String)], at: usize, function: &Range<usize>) -> bool {
    let word = |at: usize| word_at(tokens, at);
    let hands_on = |block: Range<usize>| block.into_iter().any(|at| HANDS_ON.contains(&word(at)));
    let comes = |at: usize| COMES.contains(&word(at)) && word(at + 1) == "(";
    let opens = |from: usize| (from..function.end).find(|at| matches!(word(*at), "{" | ";"));
    match word(at) {
        // `if let Ok(quote) = answer {`, and nothing else.
        "if" if word(at + 1) == "let" && word(at + 2) == "Ok" => {
            let Some(block) = opens(at).map(|opens| within(tokens, opens)) else { return false };
            word(block.end + 1) != "else" && !(at..block.start).any(comes) && hands_on(block)
        }
        // `let Ok(quote) = answer else { continue };`
        "else" if word(at + 1) == "{" && word(at + 2) == "continue" => {
            let mut got = (function.start..at).rev().take_while(|at| !matches!(word(*at), ";" | "{" | "}"));
            !got.clone().any(comes) && got.any(|at| word(at) == "let")
        }
        // `Err(_) => continue,`
        "Err" if word(at + 1) == "(" => {
            let then = within(tokens, at + 1).end + 1;
            if matched(tokens, at, function).is_none_or(|mut asked| asked.any(comes)) {
                return false;
            }
            match (word(then), word(then + 1)) {
                ("=>", "continue") => true,
                ("=>", "(") => word(then + 2) == ")",
                ("=>", "{") => {
                    let ends = |at: usize| matches!(word(at), "return" | "break" | "?");
                    !hands_on(within(tokens, then + 1)) && !within(tokens, then + 1).any(ends)
                }
                _ => false,
            }
        }
        // `.filter_map(Result::ok)`
        "filter_map" => word(at + 1) == "(" && within(tokens, at + 1).any(|at| word(at) == "ok"),
        // `if err != nil { continue }`
        "nil" if word(at + 1) == "{" && word(at - 2) == "!" && word(at - 3).starts_with("err") => {
            let block = within(tokens, at + 1);
            word(block.end - 1) == "continue" && !hands_on(block)
        }
        _ => false,
    }
}

/// What a `match` asks in one of whose arms a place is.
fn matched(tokens: &[(u32, String)], at: usize, function: &Range<usize>) -> Option<Range<usize>> {
    let opens = around(tokens, at, &["{", "(", "["]).filter(|opens| *opens >= function.start)?;
    let begins = (function.start..opens).rev().find(|at| matches!(word_at(tokens, *at), "match" | ";" | "{" | "}"))?;
    (word_at(tokens, begins) == "match").then_some(begins..opens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_on_with_the_next_is_found_behind_who_calls_it() {
        let rust = "\
fn rate(batch: Vec<Enquiry>) -> Vec<Quote> {
    let mut quotes = Vec::new();
    for answer in batch.into_iter().map(quote) {
        if let Ok(q) = answer {
            quotes.push(q);
        }
    }
    quotes
}
fn room(inbox: Receiver<Enquiry>) {
    while let Ok(first) = inbox.recv() {
        for q in rate(vec![first]) {
            if outbox.send(q).is_err() {
                return;
            }
        }
    }
}
fn other(inbox: Receiver<Enquiry>) {
    loop {
        let Ok(next) = inbox.recv() else { continue };
        match price(next) {
            Err(_) => continue,
            Ok(q) => outbox.send(q),
        }
    }
}
fn careful(inbox: Receiver<Enquiry>) {
    for next in inbox {
        if let Ok(q) = price(next) {
            outbox.send(q);
        } else {
            next.reply(None);
        }
        match price(next) {
            Err(e) => next.reply(e),
            Ok(q) => outbox.send(q),
        }
        match inbox.recv_timeout(tick) {
            Err(_) => continue,
            Ok(q) => outbox.send(q),
        }
        match price(next) {
            Err(e) => {
                return Err(e);
            }
            Ok(q) => outbox.send(q),
        }
        if let Ok(mut all) = stats.lock() {
            all.push(next);
        }
    }
}
";
        let of = |file: &str, source: &str, from: &str| -> Vec<(String, u32)> {
            let mut all = Loops::default();
            all.read(file, source);
            all.lets_go(file, &[from]).into_iter().map(|(function, line)| (function.to_owned(), line)).collect()
        };
        assert_eq!(of("a.rs", rust, "room"), [("rate".to_owned(), 4)]);
        assert_eq!(of("a.rs", rust, "other"), [("other".to_owned(), 23)]);
        assert_eq!(of("a.rs", rust, "careful"), []);
        let go = "func (d *desk) run() {\n\tfor j := range d.jobs {\n\t\tq, err := price(j)\n\t\tif err != nil {\n\t\t\tlog.Print(err)\n\t\t\tcontinue\n\t\t}\n\t\tj.reply <- q\n\t}\n}\n";
        assert_eq!(of("a.go", go, "run"), [("run".to_owned(), 4)]);
        assert_eq!(of("a.go", &go.replace("log.Print(err)", "j.reply <- none"), "run"), []);
    }
}
