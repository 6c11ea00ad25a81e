//! Who tells whoever waits for a condition of one name, by the source: nothing else says who should have told somebody that nobody
//! told.

use super::CpuTable;
use super::joined::Joined;
use crate::run::{ThreadsRecord, TraceFrame};

/// A line on which a function waits for a condition, or tells one or all of those that do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// What the condition is called: `arrived` of `self.arrived.wait(all)`.
    pub(super) name: String,
    pub(super) line: u32,
    /// The function's own name.
    pub(super) function: String,
    pub(super) does: Does,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Waits,
    /// It wakes one of them.
    TellsOne,
    TellsAll,
    /// From a channel of Go's, of that name.
    Receives,
    Sends,
    /// It puts something into a map or a slice of Go's that is part of something else: `r.desks[token] = d`.
    Keeps,
}

/// Methods of condition variables in Rust and in Go.
const METHODS: &[(&str, Does)] = &[
    ("wait", Does::Waits),
    ("wait_while", Does::Waits),
    ("wait_timeout", Does::Waits),
    ("wait_timeout_while", Does::Waits),
    ("wait_for", Does::Waits),
    ("wait_until", Does::Waits),
    ("Wait", Does::Waits),
    ("notify_one", Does::TellsOne),
    ("Signal", Does::TellsOne),
    ("notify_all", Does::TellsAll),
    ("Broadcast", Does::TellsAll),
];

/// All of a source.
pub(super) fn told(tokens: &[(u32, String)]) -> Vec<Told> {
    let word = |at: usize| tokens.get(at).map_or("", |(_, word)| word.as_str());
    let mut function = String::new();
    // Names that the function declared.
    let mut own: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        match token.as_str() {
            "fn" => word(at + 1).clone_into(&mut function),
            "func" => {
                // Of a method what it is of comes first.
                let name = match word(at + 1) {
                    "(" => (at + 1..tokens.len()).find(|at| word(*at) == ")").map_or("", |end| word(end + 1)),
                    name => name,
                };
                // One without a name stands within another.
                if name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                    name.clone_into(&mut function);
                    own.clear();
                }
            }
            "=" if at > 1 && word(at - 1) == ":" => {
                let mut name = at - 2;
                own.push(word(name));
                while name >= 2 && word(name - 1) == "," {
                    name -= 2;
                    own.push(word(name));
                }
            }
            "<-" => found.extend(channel(tokens, at).map(|(name, does)| Told {
                name: name.to_owned(),
                line: *line,
                function: function.clone(),
                does,
            })),
            "=" => found.extend(kept(tokens, at, &own).map(|name| Told {
                name: name.to_owned(),
                line: *line,
                function: function.clone(),
                does: Does::Keeps,
            })),
            method if at > 1 && word(at - 1) == "." && word(at + 1) == "(" => {
                let does = METHODS.iter().find(|(name, _)| *name == method).map(|(_, does)| *does);
                let told = |does| Told { name: word(at - 2).to_owned(), line: *line, function: function.clone(), does };
                found.extend(does.map(told));
            }
            _ => {}
        }
    }
    found
}

/// The only one of these functions, or the only one of them that was seen at work.
pub(super) fn only<'a>(joined: &Joined<'_>, all: Vec<(&'a str, &'a Told)>) -> Option<(&'a str, &'a Told)> {
    if let [one] = all.as_slice() {
        return Some(*one);
    }
    let threads = joined.threads.into_iter().flat_map(ThreadsRecord::own_frames);
    let seen: Vec<&TraceFrame> = threads.chain(joined.cpu.into_iter().flat_map(CpuTable::own_frames)).collect();
    let is_seen = |(file, told): &(&str, &Told)| {
        let named = |frame: &TraceFrame| frame.function.rsplit(['.', ':']).next() == Some(told.function.as_str());
        seen.iter().any(|frame| frame.file == *file && named(frame))
    };
    let mut all = all.into_iter().filter(is_seen);
    all.next().filter(|_| all.next().is_none())
}

/// What an arrow of Go's is to, or from: `l.sealed <- seal`, `<-l.sealed`; `None` in a type, and of a call's result.
fn channel(tokens: &[(u32, String)], at: usize) -> Option<(&str, Does)> {
    let word = |at: usize| tokens.get(at).map_or("", |(_, word)| word.as_str());
    let is_name = |word: &str| word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let before = at.checked_sub(1).map_or("", word);
    if before == "chan" || word(at + 1) == "chan" {
        return None;
    }
    if is_name(before) && !matches!(before, "case" | "return" | "range" | "if" | "for") {
        return Some((before, Does::Sends));
    }
    let mut last = at + 1;
    while word(last + 1) == "." && is_name(word(last + 2)) {
        last += 2;
    }
    (is_name(word(last)) && word(last + 1) != "(").then(|| (word(last), Does::Receives))
}

/// The field whose map or slice gets something by an assignment of Go's: `r.desks[token] = d`, `r.all = append(r.all, d)`.
fn kept<'t>(tokens: &'t [(u32, String)], at: usize, own: &[&str]) -> Option<&'t str> {
    let word = |at: usize| tokens.get(at).map_or("", |(_, word)| word.as_str());
    if at < 3 || word(at + 1) == "=" {
        return None;
    }
    // What it is a part of: something that the function made itself ends with it, unless it is kept in turn.
    let field = |name: usize| {
        let mut first = name;
        while first >= 2 && word(first - 1) == "." {
            first -= 2;
        }
        (first < name && !own.contains(&word(first))).then(|| word(name))
    };
    if word(at - 1) != "]" {
        return if word(at + 1) == "append" { field(at - 1) } else { None };
    }
    let mut depth = 0_usize;
    let opens = (0..at).rev().find(|at| {
        match word(*at) {
            "]" => depth += 1,
            "[" => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    field(opens.checked_sub(1)?)
}

/// What a function is called that stands beside another in its module or package.
pub(super) fn beside(known: &str, name: &str) -> String {
    if let Some((module, _)) = known.rsplit_once("::") {
        let is_type = |part: &&str| part.starts_with(|c: char| c.is_uppercase() || c == '<');
        let parts: Vec<&str> = module.split("::").take_while(|part| !is_type(part)).collect();
        return parts.into_iter().chain([name]).collect::<Vec<_>>().join("::");
    }
    let package = known.rsplit('/').next().and_then(|last| last.split('.').next()).unwrap_or_default();
    format!("{package}.{name}")
}

#[cfg(test)]
mod tests {
    use super::super::Loops;
    use super::*;

    #[test]
    fn who_tells_is_found_by_the_name_of_what_is_waited_for() {
        let rust = "\
impl Fetch {
    fn join(&self) -> Rates {
        rates = self.arrived.wait(rates).unwrap();
    }
}
fn hand_over(fetch: &Fetch) {
    fetch.arrived.notify_one();
}
fn hand_out(fetch: &Fetch) {
    fetch.arrived.notify_all();
}
";
        let mut all = Loops::default();
        all.read("a.rs", rust);
        let of = |all: &Loops, line| {
            only(&Joined::default(), all.tell_one("a.rs", line))
                .map(|(file, told)| (file.to_owned(), told.line, told.function.clone()))
        };
        assert_eq!(of(&all, 3), Some(("a.rs".to_owned(), 7, "hand_over".to_owned())));
        assert_eq!(of(&all, 7), None, "nobody waits there");
        all.read("b.rs", "fn other(fetch: &Fetch) {\n    fetch.arrived.notify_one();\n}\n");
        assert_eq!(of(&all, 3), None, "one of two");
        all.read(
            "c.go",
            "func (b *Board) Join() {\n\tb.cond.Wait()\n}\nfunc (b *Board) Give() {\n\tb.cond.Signal()\n}\n",
        );
        assert_eq!(
            only(&Joined::default(), all.tell_one("c.go", 2)).map(|(_, told)| told.function.as_str()),
            Some("Give")
        );
    }

    #[test]
    fn who_sends_to_a_channel_is_found_by_its_name() {
        let go = "func (p *press) print(l *label) {\n\tl.sealed <- seal\n}\nfunc (p *press) order(in chan<- *label) string {\n\tin <- l\n\treturn <-l.sealed\n}\nfunc wait() {\n\t<-time.After(1)\n}\n";
        let mut all = Loops::default();
        all.read("a.go", go);
        assert_eq!(
            only(&Joined::default(), all.send("a.go", 6)).map(|(_, told)| (told.function.as_str(), told.line)),
            Some(("print", 2))
        );
        assert_eq!(only(&Joined::default(), all.send("a.go", 5)), None, "it sends itself");
        assert_eq!(only(&Joined::default(), all.send("a.go", 9)), None);
        all.read("b.go", "func again(l *label) {\n\tl.sealed <- 1\n}\n");
        assert_eq!(only(&Joined::default(), all.send("a.go", 6)), None, "one of two");
    }

    #[test]
    fn who_keeps_something_is_told_by_its_assignments() {
        let go = "func (r *room) assign(token string) {\n\td := r.layOut()\n\td.marks[1] = 2\n\tr.desks[d.token] = d\n}\nfunc (r *room) note() {\n\tr.log = append(r.log, 1)\n}\nfunc count() {\n\tsums[1] = 2\n\tif r.all[1] == 2 {\n\t}\n}\n";
        let mut all = Loops::default();
        all.read("a.go", go);
        assert_eq!([("assign", 4), ("note", 7)].map(|(function, _)| all.keeps("a.go", function)), [Some(4), Some(7)]);
        assert_eq!(all.keeps("a.go", "count"), None, "what is its own ends with it");
    }

    #[test]
    fn it_is_named_as_its_neighbours_are() {
        assert_eq!(beside("shop::board::Fetch::join", "hand_over"), "shop::board::hand_over");
        assert_eq!(beside("shop::wait", "tell"), "shop::tell");
        assert_eq!(beside("main.(*Board).Join", "Give"), "main.Give");
    }
}
