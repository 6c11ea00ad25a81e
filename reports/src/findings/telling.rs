//! Who tells whoever waits for a condition of one name, by the source: nothing else says who should have told somebody that nobody
//! told.

use std::collections::BTreeSet;
use std::ops::Range;

use super::joined::Joined;
use super::naming::{Place, implemented, type_at};
use super::passing::{adds_to, kept, part_of_another};
use super::tokens::{around, is_name, within, word_at};
use super::{CpuTable, Loops};
use crate::run::{ThreadsRecord, Trace, TraceFrame};

/// A line on which a function waits for a condition, or tells one or all of those that do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// What the condition is called: `arrived` of `self.arrived.wait(all)`.
    pub(super) name: String,
    pub(super) line: u32,
    /// The function's own name.
    pub(super) function: String,
    /// Of which type of Rust's it is a method; empty of others.
    pub(super) of: String,
    /// The line of Go's `select` that it is a case of.
    pub(super) select: Option<u32>,
    pub(super) does: Does,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Waits,
    /// For tokio's kind, which keeps one telling for who comes later.
    WaitsOrWasTold,
    /// It wakes one of them.
    TellsOne,
    TellsAll,
    /// From a channel of Go's, of that name.
    Receives,
    Sends,
    /// In a `select` that goes on without, where nobody receives just then.
    SendsOrNot,
    /// It closes the channel: whoever receives goes on.
    Closes,
    /// It puts something into a collection of Go's that is part of something else: `r.desks[token] = d`.
    Keeps,
}

/// What the channel of a timer is called in Go (`time.Timer`).
pub(super) const TIMER: &str = "C";
/// Methods of condition variables in Rust and in Go.
const METHODS: &[(&str, Does)] = &[
    ("wait", Does::Waits),
    ("wait_while", Does::Waits),
    ("wait_timeout", Does::Waits),
    ("wait_timeout_while", Does::Waits),
    ("wait_for", Does::Waits),
    ("wait_until", Does::Waits),
    ("Wait", Does::Waits),
    ("notified", Does::WaitsOrWasTold),
    ("notify_one", Does::TellsOne),
    ("Signal", Does::TellsOne),
    ("notify_last", Does::TellsOne),
    ("notify_all", Does::TellsAll),
    ("notify_waiters", Does::TellsAll),
    ("Broadcast", Does::TellsAll),
];

impl Loops {
    /// Who wakes one of those that wait for a condition on a line, each function once.
    pub(super) fn tell_one(&self, file: &str, line: u32) -> Vec<Place<'_>> {
        self.functions(file, line, Does::Waits, Does::TellsOne)
    }

    /// Who wakes all of them, the same.
    pub(super) fn tell_all(&self, file: &str, line: u32) -> Vec<Place<'_>> {
        self.functions(file, line, Does::Waits, Does::TellsAll)
    }

    /// Who sends to the channel that is received from on a line, the same: those that may go on without having sent, if there are
    /// any.
    pub(super) fn send(&self, file: &str, line: u32) -> Vec<Place<'_>> {
        let lossy = self.functions(file, line, Does::Receives, Does::SendsOrNot);
        if lossy.is_empty() { self.functions(file, line, Does::Receives, Does::Sends) } else { lossy }
    }

    /// Who closes the channel that is received from on a line, the same.
    pub(super) fn close(&self, file: &str, line: u32) -> Vec<Place<'_>> {
        self.functions(file, line, Does::Receives, Does::Closes)
    }

    /// The type one of whose methods waits for a condition on a line, and whose methods alone tell of it, and whether they tell
    /// all who wait: whatever was lost, it was not lost there.
    pub(super) fn cell(&self, file: &str, line: u32) -> Option<(&str, bool)> {
        let waits = self.waits_at(file, line).filter(|waits| !waits.of.is_empty())?;
        let all = self.all_told().map(|(_, told)| told).filter(|told| told.name == waits.name);
        let tell: Vec<&Told> = all.filter(|told| matches!(told.does, Does::TellsOne | Does::TellsAll)).collect();
        let reaches = |told: &&Told| told.does == Does::TellsAll || waits.does == Does::WaitsOrWasTold;
        let alike = !tell.is_empty() && tell.iter().all(|told| told.of == waits.of);
        alike.then(|| (waits.of.as_str(), tell.iter().all(reaches)))
    }

    /// The wait on a line; or, where a future was made before, to be awaited there, the only one of its function.
    fn waits_at(&self, file: &str, line: u32) -> Option<&Told> {
        let told = || self.files.get(file).into_iter().flat_map(|lines| &lines.told);
        let waits = || told().filter(|told| matches!(told.does, Does::Waits | Does::WaitsOrWasTold));
        waits().find(|told| told.line == line).or_else(|| {
            let body = self.body(file, line)?;
            let mut within = waits().filter(|told| body.contains(&told.line) && told.line < line);
            within.next().filter(|_| within.next().is_none())
        })
    }

    /// Methods of a type that tell those who wait in it.
    pub(super) fn telling_of(&self, cell: &str) -> BTreeSet<&str> {
        let tells = |told: &&Told| told.of == cell && matches!(told.does, Does::TellsOne | Does::TellsAll);
        self.all_told().map(|(_, told)| told).filter(tells).map(|told| told.function.as_str()).collect()
    }

    /// The line on which a function of Go's puts something into a collection that outlives it.
    pub(super) fn keeps(&self, file: &str, function: &str) -> Option<u32> {
        let told = &self.files.get(file).filter(|_| file.ends_with(".go"))?.told;
        told.iter().find(|told| told.does == Does::Keeps && told.function == function).map(|told| told.line)
    }

    /// All lines of all files, each with its file.
    pub(super) fn all_told(&self) -> impl Iterator<Item = (&str, &Told)> {
        self.files.iter().flat_map(|(file, lines)| lines.told.iter().map(move |told| (file.as_str(), told)))
    }

    /// Functions that do something to what is called as what a line does `here`.
    fn functions(&self, file: &str, line: u32, here: Does, does: Does) -> Vec<Place<'_>> {
        let waits = |told: &&Told| (told.line == line || told.select == Some(line)) && told.does == here;
        let Some(name) = self.files.get(file).and_then(|lines| lines.told.iter().find(waits)).map(|told| &told.name)
        else {
            return Vec::new();
        };
        let all = self.all_told().filter(|(_, told)| told.does == does && told.name == *name);
        let mut found: Vec<Place<'_>> = all.map(|(file, told)| (file, told.function.as_str(), told.line)).collect();
        found.dedup_by(|a, b| (a.0, a.1) == (b.0, b.1));
        found
    }
}

/// All of a source.
pub(super) fn told(tokens: &[(u32, String)]) -> Vec<Told> {
    let word = |at: usize| word_at(tokens, at);
    let mut function = String::new();
    let types = implemented(tokens);
    // Names that the function declared.
    let mut own: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        match token.as_str() {
            // A name like others in Go.
            "fn" if matches!(word(at + 2), "(" | "<") && word(at + 1) != "func" => {
                word(at + 1).clone_into(&mut function)
            }
            "func" => {
                // One without a name stands within another.
                if let Some(name) = declared(tokens, at) {
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
            "<-" => found.extend(channel(tokens, at).map(|(name, does)| {
                let chosen = chosen(tokens, at);
                let does = match (does, &chosen) {
                    (Does::Sends, Some((_, true))) => Does::SendsOrNot,
                    _ => does,
                };
                let select = chosen.map(|(select, _)| select);
                Told { name: name.to_owned(), line: *line, function: function.clone(), of: String::new(), select, does }
            })),
            "close" if word(at + 1) == "(" && at > 0 && word(at - 1) != "." => {
                let name = within(tokens, at + 1).map(word).next_back().unwrap_or_default().to_owned();
                let (function, of, does) = (function.clone(), String::new(), Does::Closes);
                found.push(Told { name, line: *line, function, of, select: None, does });
            }
            word if word == "=" || at > 1 && adds_to(tokens, at) => {
                let collection =
                    if word == "=" { kept(tokens, at, &own) } else { part_of_another(tokens, at - 2, &own) };
                found.extend(collection.map(|name| Told {
                    name: name.to_owned(),
                    line: *line,
                    function: function.clone(),
                    of: String::new(),
                    select: None,
                    does: Does::Keeps,
                }));
            }
            method if at > 1 && word(at - 1) == "." && word(at + 1) == "(" => {
                let does = METHODS.iter().find(|(name, _)| *name == method).map(|(_, does)| *does);
                let (function, of) = (function.clone(), type_at(&types, at).to_owned());
                let told = |does| Told { name: word(at - 2).to_owned(), line: *line, function, of, select: None, does };
                found.extend(does.map(told));
            }
            _ => {}
        }
    }
    found
}

/// The only one of these functions, or the only one of them that was seen at work.
pub(super) fn only<'l>(joined: &Joined<'_>, all: &[Place<'l>]) -> Option<Place<'l>> {
    let seen: Vec<&TraceFrame> = seen(joined).collect();
    only_of(all, |(file, function, _)| seen.iter().any(|frame| is_of(frame, file, function)))
}

/// The only one of these, or the only one of them that is so.
pub(super) fn only_of<T: Copy>(all: &[T], is_so: impl Fn(&T) -> bool) -> Option<T> {
    if let [one] = all {
        return Some(*one);
    }
    let mut all = all.iter().filter(|one| is_so(one));
    all.next().copied().filter(|_| all.next().is_none())
}

/// Whether a function of the program was seen at work, in any evidence, tasks' among it.
pub(super) fn is_seen(joined: &Joined<'_>, file: &str, function: &str) -> bool {
    let mut seen = joined.trace.into_iter().flat_map(Trace::own_frames).chain(seen(joined));
    seen.any(|frame| is_of(frame, file, function))
}

/// Functions of the program that threads, goroutines and samples of the CPU showed at work.
pub(super) fn seen<'a>(joined: &Joined<'a>) -> impl Iterator<Item = &'a TraceFrame> {
    let threads = joined.threads.into_iter().flat_map(ThreadsRecord::own_frames);
    threads.chain(joined.cpu.into_iter().flat_map(CpuTable::own_frames))
}

/// Whether a frame is of the function which a source calls so.
pub(super) fn is_of(frame: &TraceFrame, file: &str, function: &str) -> bool {
    frame.file == file && frame.name() == function
}

/// The name of a function of Go's that is declared there.
pub(super) fn declared(tokens: &[(u32, String)], at: usize) -> Option<&str> {
    declared_at(tokens, at).map(|name| word_at(tokens, name))
}

/// Where it stands; of a method what it is of comes first, and a literal has none.
pub(super) fn declared_at(tokens: &[(u32, String)], at: usize) -> Option<usize> {
    let word = |at: usize| word_at(tokens, at);
    let name = match word(at + 1) {
        "(" => (at + 1..tokens.len()).find(|at| word(*at) == ")")? + 1,
        _ => at + 1,
    };
    (is_name(word(name)) && matches!(word(name + 1), "(" | "[")).then_some(name)
}

/// The line of Go's `select` that an arrow is in a case of, and whether it goes on where no case is ready.
fn chosen(tokens: &[(u32, String)], at: usize) -> Option<(u32, bool)> {
    let word = |at: usize| word_at(tokens, at);
    let opens = around(tokens, at, &["{"]).filter(|opens| *opens > 0)?;
    // What stands behind the colon of a case is done when it was chosen.
    let cases = |from: usize| (from..at).rev().find(|at| matches!(word(*at), "case" | ":"));
    let is_case = cases(opens).is_some_and(|case| word(case) == "case" || word(case + 1) == "=");
    if word(opens - 1) != "select" || !is_case {
        return None;
    }
    let has_default = defaults(tokens, within(tokens, opens)).next().is_some();
    Some((tokens[opens - 1].0, has_default))
}

/// Where what Go's `select` does begins that goes on where no case is ready, among these places.
pub(super) fn defaults(tokens: &[(u32, String)], among: Range<usize>) -> impl Iterator<Item = usize> {
    among.filter(|at| word_at(tokens, *at) == "default" && word_at(tokens, at + 1) == ":").map(|at| at + 2)
}

/// What an arrow of Go's is to, or from: `l.sealed <- seal`, `<-l.sealed`; `None` in a type, and of a call's result.
fn channel(tokens: &[(u32, String)], at: usize) -> Option<(&str, Does)> {
    let word = |at: usize| word_at(tokens, at);
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
    let called = word(last + 1) == "(";
    // As a timer's is called.
    let after = called && last > 1 && word(last) == "After" && word(last - 2) == "time";
    let name = if after { TIMER } else { word(last) };
    // What a context's `Done` gives nobody sends to.
    (is_name(name) && !(called && name == "Done")).then_some((name, Does::Receives))
}

#[cfg(test)]
mod tests {
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
            only(&Joined::default(), &all.tell_one("a.rs", line))
                .map(|(file, function, line)| (file.to_owned(), line, function.to_owned()))
        };
        assert_eq!(of(&all, 3), Some(("a.rs".to_owned(), 7, "hand_over".to_owned())));
        assert_eq!(of(&all, 7), None, "nobody waits there");
        all.read("b.rs", "fn other(fetch: &Fetch) {\n    fetch.arrived.notify_one();\n}\n");
        assert_eq!(of(&all, 3), None, "one of two");
        all.read(
            "c.go",
            "func (b *Board) Join() {\n\tb.cond.Wait()\n}\nfunc (b *Board) Give() {\n\tb.cond.Signal()\n}\n",
        );
        assert_eq!(only(&Joined::default(), &all.tell_one("c.go", 2)).map(|(_, function, _)| function), Some("Give"));
    }

    #[test]
    fn who_sends_to_a_channel_is_found_by_its_name() {
        let go = "func (p *press) print(l *label) {\n\tl.sealed <- seal\n}\nfunc (p *press) order(in chan<- *label) string {\n\tin <- l\n\treturn <-l.sealed\n}\nfunc wait() {\n\t<-time.After(1)\n}\n";
        let mut all = Loops::default();
        all.read("a.go", go);
        assert_eq!(
            only(&Joined::default(), &all.send("a.go", 6)).map(|(_, function, line)| (function, line)),
            Some(("print", 2))
        );
        assert_eq!(only(&Joined::default(), &all.send("a.go", 5)), None, "it sends itself");
        assert_eq!(only(&Joined::default(), &all.send("a.go", 9)), None);
        all.read("b.go", "func again(l *label) {\n\tl.sealed <- 1\n}\n");
        assert_eq!(only(&Joined::default(), &all.send("a.go", 6)), None, "one of two");
    }

    #[test]
    fn who_may_go_on_without_having_sent_comes_first() {
        let go = "func tell(q enquiry) {\n\tselect {\n\tcase q.reply <- 1:\n\tdefault:\n\t}\n}\nfunc hand(q enquiry) { q.reply <- 1 }\nfunc ticket(reply <-chan int) {\n\tselect {\n\tcase f := <-reply:\n\t\tf = <-other\n\tcase <-ctx.Done():\n\t}\n}\n";
        let mut all = Loops::default();
        all.read("a.go", go);
        for line in [9, 10] {
            let sends = only(&Joined::default(), &all.send("a.go", line));
            assert_eq!(sends.map(|(_, function, line)| (function, line)), Some(("tell", 3)));
        }
    }

    #[test]
    fn a_cell_waits_and_tells_itself() {
        let of = |name: &str| {
            format!(
                "impl<T> Reply<T> {{\n    fn take(&self) -> T {{\n        code = self.here.wait(code);\n    }}\n}}\nimpl Drop for {name} {{\n    fn put(&self) {{\n        self.here.notify_all();\n    }}\n}}\n"
            )
        };
        let is_cell = |source: &str| {
            let mut all = Loops::default();
            all.read("a.rs", source);
            all.cell("a.rs", 3).is_some_and(|(_, reaches)| reaches)
        };
        assert!(is_cell(&of("Reply<T>")));
        assert!(!is_cell(&of("Wall")), "somebody else tells");
        assert!(!is_cell(&of("Reply<T>").replace("all", "one")), "it wakes one");
        let kept = of("Reply<T>").replace("all", "one").replace("wait(code)", "notified()");
        assert!(is_cell(&kept), "whom it wakes is the only one");
        assert!(is_cell(&kept.replace("notify_one", "notify_waiters")));
        let awaited =
            kept.replacen("code = self.here.notified();", "let told = self.here.notified();\n        told.await", 1);
        let mut all = Loops::default();
        all.read("a.rs", &awaited);
        assert_eq!(all.cell("a.rs", 4).map(|(of, _)| of), Some("Reply"), "it was made before it is awaited");
        assert!(!is_cell("fn take() {\n\n    here.wait(code);\n}\n"), "nobody tells");
    }

    #[test]
    fn who_keeps_something_is_told_by_its_assignments() {
        let go = "func (r *room) assign(token string) {\n\td := r.layOut()\n\td.marks[1] = 2\n\tr.desks[d.token] = d\n}\nfunc (r *room) note() {\n\tr.log = append(r.log, 1)\n}\nfunc count() {\n\tsums[1] = 2\n\tif r.all[1] == 2 {\n\t}\n}\n";
        let mut all = Loops::default();
        all.read("a.go", go);
        assert_eq!([("assign", 4), ("note", 7)].map(|(function, _)| all.keeps("a.go", function)), [Some(4), Some(7)]);
        assert_eq!(all.keeps("a.go", "count"), None, "what is its own ends with it");
        all.read(
            "b.go",
            "func (r *room) hold(k int) {\n\tr.seen.Store(k, 1)\n}\nfunc (r *room) count() {\n\tr.n.Store(1)\n}\n",
        );
        assert_eq!([all.keeps("b.go", "hold"), all.keeps("b.go", "count")], [Some(2), None]);
    }
}
