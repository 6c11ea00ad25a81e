//! What functions get and give and whom of other packages they call, by the source: one that gets the thing itself, and not how much
//! of it there is, or that gives what is asked for, decides on that.

use super::Loops;
use super::naming::{Place, name_at};
use super::tokens::{is_name, parameters_of, within, word_at};

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    /// The line on which it begins.
    line: u32,
    /// It gets a reference to something else than what it is a method of, or gives something.
    has_an_object: bool,
    /// Of Go's: its name, and what it calls by the name of a package (`runtime.Stack`), with the lines.
    name: String,
    calls: Vec<(String, u32)>,
}

impl Loops {
    /// Whether the function around a line gets a reference to something, or gives something: a page, and not a number of bytes;
    /// `None` where its source is not known.
    pub(super) fn has_an_object(&self, file: &str, line: u32) -> Option<bool> {
        let before = self.files.get(file)?.signatures.iter().filter(|one| one.line <= line);
        before.max_by_key(|one| one.line).map(|one| one.has_an_object)
    }

    /// The only function of Go's that calls one of another package's: its file, name and line.
    pub(super) fn only_caller(&self, called: &str) -> Option<Place<'_>> {
        let all = self.files.iter().flat_map(|(file, lines)| lines.signatures.iter().map(move |one| (file, one)));
        let mut callers = all.filter_map(|(file, one)| {
            let (_, line) = one.calls.iter().find(|(name, _)| name == called)?;
            Some((file.as_str(), one.name.as_str(), *line))
        });
        callers.next().filter(|_| callers.next().is_none())
    }
}

impl Loops {
    /// Who calls a method of Go's as `x.method(`, by its name alone: file, function and line of each such call.
    pub(super) fn calls_of(&self, method: &str) -> Vec<Place<'_>> {
        let all = self.files.iter().flat_map(|(file, lines)| lines.signatures.iter().map(move |one| (file, one)));
        let calls = all.flat_map(|(file, one)| {
            let here = one.calls.iter().filter(|(name, _)| name.rsplit('.').next() == Some(method));
            here.map(move |(_, line)| (file.as_str(), one.name.as_str(), *line))
        });
        calls.filter(|(_, caller, _)| *caller != method).collect()
    }
}

/// All of a source of Rust's or Go's.
pub(super) fn signatures(tokens: &[(u32, String)]) -> Vec<Signature> {
    let word = |at: usize| word_at(tokens, at);
    let refers = |at: usize| match word(at) {
        "&" => {
            let mut to = at + 1;
            while matches!(word(to), "'" | "mut") || word(to - 1) == "'" {
                to += 1;
            }
            !matches!(word(to), "self" | "str" | "Self")
        }
        "*" => true,
        _ => false,
    };
    let mut found: Vec<Signature> = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        // `runtime.Stack(`
        let of_package = at > 2
            && token == "("
            && word(at - 2) == "."
            && is_name(word(at - 3))
            && at.checked_sub(4).map_or("", word) != ".";
        if of_package && let Some(caller) = found.last_mut().filter(|caller| !caller.name.is_empty()) {
            caller.calls.push((format!("{}.{}", word(at - 3), word(at - 1)), *line));
        }
        let name = name_at(tokens, at);
        let Some((name, parameters)) = name.and_then(|name| Some((name, parameters_of(tokens, name)?))) else {
            continue;
        };
        let name = if token == "func" { word(name).to_owned() } else { String::new() };
        let has_an_object = within(tokens, parameters).any(refers) || gives(tokens, within(tokens, parameters).end + 1);
        found.push(Signature { line: *line, has_an_object, name, calls: Vec::new() });
    }
    found
}

/// What who waits for its turn is given: that it may go on, until when, or what it gives back afterwards.
const PLAIN: &[&str] = &[
    "Result",
    "Option",
    "Box",
    "Pin",
    "Future",
    "BoxFuture",
    "Output",
    "Send",
    "Self",
    "Duration",
    "Instant",
    "error",
    "bool",
    "int",
    "uint",
    "func",
    "impl",
    "dyn",
    "chan",
    "struct",
    "Context",
];
const LEASES: &[&str] = &["Permit", "Guard", "Error", "Lease", "Token", "Turn", "Slot"];

/// Whether a function whose parameters end before that place gives something else than leave to go on.
fn gives(tokens: &[(u32, String)], from: usize) -> bool {
    let ends = (from..tokens.len()).find(|at| matches!(word_at(tokens, *at), "{" | "where" | ";")).unwrap_or(from);
    let word = |at: usize| word_at(tokens, at);
    let is_rust = word(from) == "-" && word(from + 1) == ">";
    // Of `Result<(), QuotaError>` the second says why not.
    let result = (from..ends).find(|at| word(*at) == "Result" && word(at + 1) == "<");
    let mut depth = 0_i32;
    let parts = |at: &usize| {
        depth += i32::from(matches!(word(*at), "<" | "(")) - i32::from(matches!(word(*at), ">" | ")"));
        depth == 1 && word(*at) == ","
    };
    let fails = result.and_then(|at| (at + 1..ends).find(parts));
    let is_type = |at: &usize| {
        let is_path = word(at + 1) == ":" || word(at + 1) == "." && !is_rust;
        let is_lifetime = *at > 0 && word(at - 1) == "'";
        // Go's results may have names: `(ok bool, err error)`.
        let names = !is_rust && matches!(word(at - 1), "(" | ",") && is_name(word(at + 1));
        is_name(word(*at)) && !is_path && !is_lifetime && !names && !PLAIN.contains(&word(*at))
    };
    let is_number = |word: &str| {
        let digits = ["uint", "int", "float", "u", "i", "f"].iter().find_map(|kind| word.strip_prefix(kind));
        digits.is_some_and(|digits| digits == "size" || digits.starts_with(|c: char| c.is_ascii_digit()))
    };
    let types: Vec<&str> =
        (from..fails.unwrap_or(ends)).filter(is_type).map(word).filter(|word| !is_number(word)).collect();
    // What is within a guard is not given.
    !types.is_empty() && !types.iter().any(|word| LEASES.iter().any(|lease| word.contains(lease)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_the_thing_itself_is_told_from_who_gets_a_number() {
        let of = |file: &str, source: &str, line| {
            let mut all = Loops::default();
            all.read(file, source);
            all.has_an_object(file, line)
        };
        let rust = "impl Quota {\n    async fn take(&'a mut self, n: usize) {\n        nap();\n    }\n    fn send(&self, tile: &Tile) {\n        nap();\n    }\n}\n";
        assert_eq!([of("a.rs", rust, 3), of("a.rs", rust, 6), of("b.rs", "", 6)], [Some(false), Some(true), None]);
        let go = "func (q *quota) take(n int) {\n\tnap()\n}\nfunc (q *quota) send(t *tile) {\n\tnap()\n}\n";
        assert_eq!([of("a.go", go, 2), of("a.go", go, 5)], [Some(false), Some(true)]);

        let gives =
            |result: &str| of("a.rs", &format!("async fn take(&self, key: &str){result} {{\n    nap();\n}}\n"), 2);
        for plain in [
            "",
            " -> bool",
            " -> Result<(), QuotaError>",
            " -> Option<Duration>",
            " -> OwnedPermit<'_>",
            " -> usize",
            " -> crate::Result<()>",
            " -> Result<(), Elapsed>",
            " -> BoxFuture<'_, ()>",
            " -> tokio::time::Instant",
            " -> MutexGuard<'_, Bucket>",
        ] {
            assert_eq!(gives(plain), Some(false), "{plain}");
        }
        for object in [" -> Point", " -> Result<Quote, Error>", " -> io::Result<String>", " -> Vec<u8>"] {
            assert_eq!(gives(object), Some(true), "{object}");
        }
        let gives = |result: &str| of("a.go", &format!("func (d *desk) take(key string){result} {{\n\tnap()\n}}\n"), 2);
        for plain in [
            "",
            " error",
            " (bool, error)",
            " func()",
            " time.Duration",
            " (err error)",
            " (wait time.Duration, err error)",
            " <-chan struct{}",
            " uint32",
        ] {
            assert_eq!(gives(plain), Some(false), "{plain}");
        }
        assert_eq!([" string", " (*quote, error)", " ([]byte, error)", " (*frame, error)"].map(gives), [Some(true); 4]);
    }

    #[test]
    fn who_calls_another_package_is_found_by_its_name() {
        let mut all = Loops::default();
        all.read("a.go", "func (h *hub) count() int {\n\tbuf := h.buf\n\tn := runtime.Stack(buf, true)\n\treturn n\n}\nfunc render() {\n\tfmt.Sprint(h.runtime.Stack())\n}\n");
        assert_eq!(all.only_caller("runtime.Stack"), Some(("a.go", "count", 3)));
        all.read("b.go", "func other() {\n\truntime.Stack(nil, false)\n}\n");
        assert_eq!(all.only_caller("runtime.Stack"), None, "one of two");
    }
}
