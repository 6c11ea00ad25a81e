//! Which lines of a source stand in a loop, or in no function at all: a line in a stack says where a function is, and not whether it comes back there.
//!
//! Sources are read as text, by their brackets and the words before them, in Rust, Go and what looks alike. A closure or a
//! function within a loop is none of its work: it runs when somebody calls it.

use std::collections::{BTreeMap, BTreeSet};

use super::adapting::adapting;
use super::branching::{Branches, branches};
use super::comparing::{Compared, compared};
use super::dealing::dealt;
use super::guarded::guarded;
use super::hashing::{Hashing, hashing};
use super::iterating::{ITERATES, MAY_ITERATE, SINKS, SOURCES};
use super::leaving::{Left, left};
use super::letting_go::{LetGo, let_go};
use super::locking::{Taken, taken};
use super::naming::{Named, named, named_in};
use super::offloading::offloaded;
use super::overwriting::{Overwritten, overwritten};
use super::own_waits::own_waits;
use super::parking::parking;
use super::passing::{Passed, passed};
use super::preferring::preferring;
use super::recursing::recursing;
use super::remembering::remembering;
use super::rules::connecting::connecting;
use super::setting::sets_workers;
use super::signatures::{Signature, signatures};
use super::skipping::channels;
use super::slicing::slicing;
use super::telling::{Told, told};
use super::timeouts::{Timeout, timeouts};
use super::tokens::tokens;
use super::unheard::unheard;

/// Lines in loops, by file as stacks name it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loops {
    pub(super) files: BTreeMap<String, Lines>,
}

/// Lines of a source.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Lines {
    /// Those in a loop, or in a function that calls itself.
    pub(super) looped: BTreeSet<u32>,
    /// Those of functions that call themselves.
    pub(super) recursing: BTreeSet<u32>,
    /// Those that run only sometimes when their function does.
    pub(super) branches: Branches,
    /// Those in a function that somebody wrote.
    pub(super) written: BTreeSet<u32>,
    /// Locks that functions have.
    pub(super) taken: Vec<Taken>,
    /// Types that stand in locks.
    pub(super) guarded: BTreeSet<String>,
    /// Conditions that they wait for, and that they tell of.
    pub(super) told: Vec<Told>,
    /// Where they wait for conditions that they made.
    pub(super) waits_for_its_own: BTreeSet<u32>,
    /// What they hand on, of Go's.
    pub(super) passed: Vec<Passed>,
    /// Where they leave who is to be told, and who takes it from there.
    pub(super) left: Vec<Left>,
    /// Where they leave who is to be told under what they got.
    pub(super) overwritten: Vec<Overwritten>,
    /// Where they make channels.
    pub(super) channels: BTreeSet<u32>,
    /// Where they let go what they got.
    pub(super) let_go: Vec<LetGo>,
    /// Where they give something to one of several.
    pub(super) dealt: BTreeSet<u32>,
    /// Where they compare for those who sort.
    pub(super) compared: Compared,
    /// Whose keys they look up, and who hashes them.
    pub(super) hashing: Hashing,
    /// What they do first, whatever else is ready.
    pub(super) preferring: BTreeSet<u32>,
    /// Where they put aside what is ready before its turn.
    pub(super) parking: BTreeSet<u32>,
    /// Where they take parts of buffers that keep all of them.
    pub(super) slicing: BTreeSet<u32>,
    /// Where they connect to others.
    pub(super) connecting: BTreeSet<u32>,
    /// Where they look for what they keep.
    pub(super) remembering: BTreeSet<u32>,
    /// Those of functions that set the limit which they keep.
    pub(super) adapting: BTreeSet<u32>,
    /// What they give to threads of their own, and who does.
    pub(super) offloaded: BTreeSet<(String, String)>,
    /// Where they say how many workers a runtime has.
    pub(super) sets_workers: Option<u32>,
    /// Where they send and do not look whether anybody hears it.
    pub(super) unheard: BTreeSet<u32>,
    /// How long they are ready to wait for others.
    pub(super) timeouts: Vec<Timeout>,
    /// In which of its functions the names of others stand.
    pub(super) named_in: BTreeMap<String, BTreeSet<String>>,
    /// What functions are called.
    pub(super) named: Vec<Named>,
    /// What they get.
    pub(super) signatures: Vec<Signature>,
}

impl Loops {
    /// Adds a file.
    pub fn read(&mut self, file: &str, source: &str) {
        self.files.insert(file.to_owned(), read(source));
    }

    /// Whether a line stands in a loop of its function; `None` where the source is not known.
    pub(super) fn around(&self, file: &str, line: u32) -> Option<bool> {
        self.files.get(file).map(|lines| lines.looped.contains(&line))
    }

    /// Whether a line of Rust stands in no function: what stands there was made by an attribute (`#[derive(Clone)]`) or a
    /// macro, and nobody decided on it.
    pub(super) fn is_derived(&self, file: &str, line: u32) -> bool {
        let Some(lines) = self.files.get(file).filter(|_| file.ends_with(".rs")) else { return false };
        // Line 0 is what the compiler added to a function, as drops at the end of a scope: nobody says where.
        line > 0 && lines.written.last().is_some_and(|last| line <= *last) && !lines.written.contains(&line)
    }
}

/// What a bracket opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    /// Something that is run once for each time that what is around it is.
    Plain,
    /// The body of a loop, or what an iterator calls for each item.
    Loop,
    /// What an iterator may call for each item, if it is one: an option has methods of the same names.
    Perhaps,
    /// Something that is run when it is called.
    Body,
}

/// A bracket that is open.
struct Level {
    opened: Opened,
    /// Line of the bracket.
    line: u32,
    /// It stands in a function.
    in_function: bool,
    /// Line of the last `fn` or `func` as it stands directly within.
    function: u32,
    /// Words of the statement so far, as it stands directly within.
    words: Vec<String>,
}

fn read(source: &str) -> Lines {
    let tokens = tokens(source);
    let mut levels = vec![Level { opened: Opened::Body, line: 0, in_function: false, function: 0, words: Vec::new() }];
    let mut lines = BTreeSet::new();
    let mut written = BTreeSet::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        let is_looped = levels.iter().rev().take_while(|level| level.opened != Opened::Body);
        if is_looped.into_iter().any(|level| level.opened == Opened::Loop) {
            lines.insert(*line);
        }
        match token.as_str() {
            "{" | "(" | "[" => {
                let opened = opens(token, &levels);
                if opened == Opened::Loop {
                    lines.insert(*line);
                }
                let begins = |level: &Level| level.words.iter().any(|word| word == "fn" || word == "func");
                let in_function = levels.last().is_some_and(|level| level.in_function || token == "{" && begins(level));
                // Where a function begins and ends registers are saved and restored.
                let function = levels.last().filter(|level| token == "{" && begins(level)).map(|level| level.function);
                written.extend(function.into_iter().flat_map(|from| from..=*line));
                levels.push(Level { opened, line: *line, in_function, function: 0, words: Vec::new() });
            }
            "}" | ")" | "]" => {
                if let Some(closed) = levels.pop_if(|level| level.line > 0) {
                    written.extend(closed.in_function.then_some(*line));
                    // Whatever was given to an iterator is called for each item, which its end may tell.
                    let then = |skip: usize| tokens.get(at + skip).map(|(_, token)| token.as_str());
                    if closed.opened == Opened::Perhaps
                        && then(1) == Some(".")
                        && then(2).is_some_and(|w| SINKS.contains(&w))
                    {
                        lines.extend(closed.line..=*line);
                    }
                }
                if let Some(level) = levels.last_mut().filter(|_| token == "}") {
                    level.words.clear();
                }
            }
            ";" => levels.last_mut().into_iter().for_each(|level| {
                // Go's `for i := 0; i < n; i++ {`, whose lines end without a mark.
                if level.words.iter().all(|word| word != "for") {
                    level.words.clear();
                }
            }),
            "," | "=>" => levels.last_mut().into_iter().for_each(|level| {
                // Of `fn f<A, B>() -> Result<A, B> {` the comma is no end.
                if level.words.iter().all(|word| !matches!(word.as_str(), "for" | "fn" | "func")) {
                    level.words.clear();
                }
            }),
            word => {
                if let Some(level) = levels.last_mut() {
                    // The bars of a closure that is given to somebody: whoever that is calls it.
                    let is_first = level.words.last().is_none_or(|last| last == "move" || last == "async");
                    if matches!(word, "|" | "||") && is_first && level.opened == Opened::Plain && level.line > 0 {
                        level.opened = Opened::Body;
                    }
                    if matches!(word, "fn" | "func") {
                        level.function = *line;
                    }
                    level.words.push(word.to_owned());
                }
            }
        }
        if levels.last().is_some_and(|level| level.in_function) {
            written.insert(*line);
        }
    }
    let recursing = recursing(&tokens);
    lines.extend(&recursing);
    Lines {
        looped: lines,
        recursing,
        branches: branches(&tokens),
        written,
        taken: taken(&tokens),
        told: told(&tokens),
        waits_for_its_own: own_waits(&tokens),
        passed: passed(&tokens),
        left: left(&tokens),
        overwritten: overwritten(&tokens),
        channels: channels(&tokens),
        let_go: let_go(&tokens),
        dealt: dealt(&tokens),
        compared: compared(&tokens),
        hashing: hashing(&tokens),
        preferring: preferring(&tokens),
        parking: parking(&tokens),
        slicing: slicing(&tokens),
        guarded: guarded(&tokens),
        connecting: connecting(&tokens),
        remembering: remembering(&tokens),
        adapting: adapting(&tokens),
        offloaded: offloaded(&tokens),
        sets_workers: sets_workers(&tokens),
        unheard: unheard(&tokens),
        timeouts: timeouts(&tokens),
        named_in: named_in(&tokens),
        named: named(&tokens),
        signatures: signatures(&tokens),
    }
}

/// What a bracket opens, by the words before it.
fn opens(bracket: &str, levels: &[Level]) -> Opened {
    let Some(level) = levels.last() else { return Opened::Plain };
    let words = &level.words;
    let has = |word: &str| words.iter().any(|one| one == word);
    let last = words.last().map_or("", String::as_str);
    match bracket {
        "{" if has("fn") || has("func") || has("impl") || has("trait") || has("mod") => Opened::Body,
        "{" if has("for") || has("while") || has("loop") => Opened::Loop,
        // A future runs when it is polled, a closure when it is called; that of an iterator for each item.
        "{" if last == "async" || (last == "move" && has("async")) => Opened::Body,
        "{" if matches!(last, "|" | "||") && !matches!(level.opened, Opened::Loop | Opened::Perhaps) => Opened::Body,
        "(" if words.iter().rev().nth(1).is_some_and(|dot| dot == ".") => match last {
            method if ITERATES.contains(&method) => Opened::Loop,
            method if MAY_ITERATE.contains(&method) && words.iter().any(|word| SOURCES.contains(&word.as_str())) => {
                Opened::Loop
            }
            method if MAY_ITERATE.contains(&method) => Opened::Perhaps,
            _ => Opened::Plain,
        },
        _ => Opened::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines whose comment says `again`, and those found.
    fn marked(source: &str) -> (Vec<u32>, Vec<u32>) {
        let marks = source.lines().zip(1..).filter(|(line, _)| line.contains("// again")).map(|(_, n)| n).collect();
        let found = read(source).looped;
        let code =
            |n: &u32| !matches!(source.lines().nth(*n as usize - 1).map(str::trim), Some("}" | "})" | "});" | "}()"));
        (found.into_iter().filter(code).collect(), marks)
    }

    #[test]
    fn lines_of_loops_are_told_in_rust() {
        let (found, marks) = marked(
            r##"
impl<T> Draw for Page<T> {
    async fn in_turn(&self) -> u64 {
        let mut sum = "for {".len(); // while {
        for neighbour in &self.all { // again
            sum += neighbour.ask().await; // again
        }
        let first = self.first.map(|one| one.ask());
        let text = r#"loop { " } "#;
        sum
    }
    fn stir(&self, block: Block) -> Block {
        (0..self.rounds).fold(block, |block, round| mix(&block, round)) // again
    }
    fn all<'a>(&'a self, c: char) -> Vec<u64> {
        let open = c == '{' || c == '\'';
        self.pages().map(|page| page.read()).sum() // again
    }
}
fn run(twin: Twin) {
    for _ in 0..16 { // again
        let queue = queue.clone(); // again
        std::thread::spawn(move || match twin { // again
            Twin::Broken => work(&queue),
            Twin::Healthy => other(&queue),
        });
        tasks.push(async move { // again
            serve(queue).await
        }); // again
    }
    'outer: loop { // again
        while let Ok(job) = queue.lock().recv() { // again
            job(|| hold()); // again
        }
    }
}
"##,
        );
        assert_eq!(found, marks);
    }

    #[test]
    fn lines_of_loops_are_told_in_go() {
        let (found, marks) = marked(
            "
func (s *Shop) serve(w http.ResponseWriter, r *http.Request) {
\tsum := 0
\tfor i := 0; i < 10; i++ { // again
\t\tsum += price(i) // again
\t\tgo func() { // again
\t\t\twork()
\t\t}()
\t}
\tif sum > 0 {
\t\tfmt.Fprint(w, `for {`, sum)
\t}
\tfor range s.rows { // again
\t\tsum++ // again
\t}
}
",
        );
        assert_eq!(found, marks);
    }

    #[test]
    fn what_stands_in_no_function_was_derived() {
        let mut loops = Loops::default();
        loops.read("a.rs", "#[derive(Clone)]\nstruct Item {\n    name: String,\n}\nfn one(n: u64) -> u64 { n }\nfn two() {\n    all.clone()\n}\n");
        loops.read("c.rs", "impl<T> Lock<T> {\n    fn lock<'a, U>(&'a self) -> Result<Guard<'_, T>, U> {\n        while self.taken() {\n            wait();\n        }\n    }\n}\n");
        let derived = |line| loops.is_derived("c.rs", line);
        assert_eq!(
            [1, 2, 3, 4, 5, 7].map(derived),
            [true, false, false, false, false, false],
            "a comma ends no signature"
        );
        let derived: Vec<u32> = (1..=8).filter(|line| loops.is_derived("a.rs", *line)).collect();
        assert_eq!(derived, [1, 2, 3, 4]);
        loops.read("b.c", "int f(void) {\n    return 1;\n}\n");
        loops.read("d.rs", "#[derive(Clone)]\nfn matches(\n    text: &[u8],\n) -> bool {\n    true\n}\n");
        let derived: Vec<u32> = (1..=6).filter(|line| loops.is_derived("d.rs", *line)).collect();
        assert_eq!(derived, [1], "where it begins and ends it is somebody's");
        assert!(!loops.is_derived("a.rs", 0) && !loops.is_derived("b.c", 2) && !loops.is_derived("not-read.rs", 1));
    }

    #[test]
    fn what_is_no_source_has_no_loops() {
        for odd in ["}}}", "((", "\"", "r#\"", "/* /*", "'", "`", "for", "{"] {
            assert!(read(odd).looped.is_empty(), "{odd}");
        }
        assert_eq!(Loops::default().around("a.rs", 1), None);
    }
}
