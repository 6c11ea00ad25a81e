//! How long a program is ready to wait for others, by its source: durations that stand where a timeout or a deadline is set.

use super::Loops;
use super::tokens::{is_name, word_at};

/// A duration, and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Timeout {
    pub(super) line: u32,
    pub(super) seconds: f64,
    /// Where it is used by its name.
    pub(super) used: Vec<u32>,
}

/// Parts of names by which somebody waits no longer than that.
const LIMITS: &[&str] = &["timeout", "deadline", "window", "patience", "linger", "grace"];
/// And by which it is a pace.
const PACES: &[&str] = &["sleep", "ticker", "interval", "every"];
/// A wait is as long as a timeout up to this part of it: it ends late, and not early.
const LATER: f64 = 1.15;

impl Loops {
    /// Timeouts that a file sets.
    pub(super) fn timeouts_in(&self, file: &str) -> &[Timeout] {
        self.files.get(file).map_or(&[], |lines| &lines.timeouts)
    }

    /// The timeout that waits of so many seconds end at: its file, and where it is written.
    pub(super) fn timeout_of(&self, waited_s: f64) -> Option<(&str, &Timeout)> {
        let all =
            self.files.iter().flat_map(|(file, lines)| lines.timeouts.iter().map(move |one| (file.as_str(), one)));
        let ends = |one: &Timeout| (one.seconds..=LATER * one.seconds).contains(&waited_s);
        let ends = all.filter(|(_, one)| ends(one));
        ends.max_by(|(_, a), (_, b)| a.seconds.total_cmp(&b.seconds))
    }
}

/// All of a source of Rust's or Go's.
pub(super) fn timeouts(tokens: &[(u32, String)]) -> Vec<Timeout> {
    let durations = (0..tokens.len()).filter_map(|at| Some((at, duration(tokens, at)?)));
    let found = durations.filter_map(|(at, seconds)| {
        let line = tokens[at].0;
        let uses = |name: &str| -> Vec<u32> {
            let used = tokens.iter().filter(|(other, word)| *other != line && word == name);
            used.map(|(other, _)| *other).collect()
        };
        let used = named(tokens, at).map(uses).unwrap_or_default();
        let is_timeout = is_limit(tokens, line) || used.iter().any(|other| is_limit(tokens, *other));
        is_timeout.then_some(Timeout { line, seconds, used })
    });
    found.collect()
}

/// Whether a line sets a limit to a wait, as its names say.
fn is_limit(tokens: &[(u32, String)], line: u32) -> bool {
    let names = || tokens.iter().filter(|(other, _)| *other == line).map(|(_, word)| word.to_lowercase());
    let has = |parts: &[&str]| names().any(|name| parts.iter().any(|part| name.contains(part)));
    has(LIMITS) && !has(PACES) && names().all(|name| name != "tick")
}

/// The constant that a line gives a name to: `voteWindow` of `const voteWindow = 35 * time.Millisecond`.
fn named(tokens: &[(u32, String)], at: usize) -> Option<&str> {
    let (line, word) = (tokens[at].0, |at: usize| word_at(tokens, at));
    let begins = (0..=at).rev().take_while(|at| tokens[*at].0 == line).last()?;
    let declares =
        |at: &usize| matches!(word(*at), "pub" | "(" | "crate" | ")" | "const" | "static" | "let" | "mut" | "var");
    let name = (begins..at).find(|at| !declares(at)).filter(|name| is_name(word(*name)))?;
    // With its type between, or Go's `:=`; a block of constants begins with the name.
    let equals = (name + 1..at).find(|at| word(*at) == "=" && word(at + 1) != "=")?;
    let is_plain = (name + 1..equals).all(|at| is_name(word(at)) || matches!(word(at), ":" | "."));
    (is_plain && !matches!(word(name), "if" | "for" | "while" | "return" | "case" | "switch" | "match"))
        .then(|| word(name))
}

/// Seconds of `35 * time.Millisecond`, and of `Duration::from_millis(35)`, which begin there.
fn duration(tokens: &[(u32, String)], at: usize) -> Option<f64> {
    let word = |at: usize| word_at(tokens, at);
    let number = |word: &str| word.replace('_', "").parse::<f64>().ok();
    let unit = match word(at) {
        "from_millis" | "Millisecond" => 1e-3,
        "from_micros" | "Microsecond" => 1e-6,
        "from_secs" | "Second" => 1.0,
        _ => return None,
    };
    // Of `2 * 30 * time.Second` and of `2.5 * time.Second` it is not read how much that is.
    let before = |at: usize| at.checked_sub(1).map_or("", word);
    let alone = |at: &usize| !matches!(before(*at), "*" | "." | "/");
    let count = match word(at).starts_with("from") {
        true => number(word(at + 2)).filter(|_| word(at + 1) == "(" && word(at + 3) == ")"),
        false if at > 2 && word(at - 1) == "." && word(at - 2) == "time" => match word(at - 3) {
            "*" => at.checked_sub(4).filter(alone).and_then(|at| number(word(at))),
            _ if word(at + 1) == "*" => number(word(at + 2)).filter(|_| !matches!(word(at + 3), "*" | "." | "/")),
            _ => Some(1.0),
        },
        false => None,
    };
    count.map(|count| count * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_told_from_a_pace_by_its_name_or_its_use() {
        let mut all = Loops::default();
        all.read("a.go", "const voteWindow = 35 * time.Millisecond\nconst span = 50 * time.Millisecond\nfunc ask() {\n\tsock.SetReadDeadline(time.Now().Add(span))\n\ttime.Sleep(80 * time.Millisecond)\n\tx := http.Client{Timeout: 5 * time.Second}\n}\n");
        all.read("b.rs", "const QUIET: Duration = Duration::from_millis(20);\nfn read() {\n    sock.set_read_timeout(Some(QUIET));\n    sleep(Duration::from_millis(90));\n    timeout(Duration::from_millis(1_500), other()).await;\n}\n");
        let of = |seconds| all.timeout_of(seconds).map(|(file, one)| (file, one.line));
        assert_eq!([of(0.0355), of(0.051), of(5.1)], [Some(("a.go", 1)), Some(("a.go", 2)), Some(("a.go", 6))]);
        assert_eq!([of(0.021), of(1.51)], [Some(("b.rs", 1)), Some(("b.rs", 5))]);
        assert_eq!([of(0.081), of(0.091), of(0.034), of(0.042)], [None; 4]);
        let seconds = |go: &str| {
            let all = timeouts(&super::super::tokens::tokens(go));
            all.first().map(|one| one.seconds)
        };
        assert_eq!(seconds("c := http.Client{Timeout: time.Second * 30}"), Some(30.0));
        assert_eq!(seconds("c := http.Client{Timeout: 2 * 30 * time.Second}"), None, "it is not read how much");
        assert_eq!(seconds("c := http.Client{Timeout: 2.5 * time.Second}"), None);
        assert_eq!(seconds("if elapsed >= 2 * time.Second {\n}\nif timeout {\n}\n"), None);
    }
}
