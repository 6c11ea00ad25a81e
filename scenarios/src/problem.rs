//! What is wrong with a file, shown the way rustc shows it.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

/// Problems shown before the rest is only counted.
const SHOWN: usize = 20;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One sentence without a full stop.
    pub message: String,
    /// Bytes of the source.
    pub span: Range<usize>,
    /// Written beside the caret; may be empty.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Everything that is wrong with one file, in the order of the file. Never empty.
///
/// Displays without colour; see [`Problems::render`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// Name of the file as a person would recognise it.
    pub file: String,
    /// Its text.
    pub source: String,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Problem {
    /// A problem at a place, without label or help.
    pub fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { message: message.into(), span, label: String::new(), help: None }
    }

    /// Adds the words beside the caret.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds what to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// As [`Problem::help`], where there is something to say.
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

impl Problems {
    /// Writes every problem with file name, line, column and caret; `color` adds terminal styles.
    ///
    /// Text of the file is data: control characters come out as symbols.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut rendered: Vec<String> =
            self.problems.iter().take(SHOWN).map(|problem| self.render_one(&renderer, problem)).collect();
        if let Some(rest) = self.problems.len().checked_sub(SHOWN).filter(|rest| *rest > 0) {
            rendered.push(format!("error: {rest} more problems in {}", shown(&self.file)));
        }
        rendered.join("\n\n")
    }

    fn render_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let annotation = AnnotationKind::Primary.span(fitted(&self.source, &problem.span));
        let annotation = if problem.label.is_empty() {
            annotation
        } else {
            annotation.label(normalize_untrusted_str(&problem.label))
        };
        let snippet = Snippet::source(&self.source).path(escaped(&self.file)).annotation(annotation);
        let mut group = Group::with_title(Level::ERROR.primary_title(&problem.message)).element(snippet);
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// The nearest range that lies in the source and cuts no character, since the renderer panics on others.
fn fitted(source: &str, span: &Range<usize>) -> Range<usize> {
    let start = source.floor_char_boundary(span.start.min(source.len()));
    let end = source.ceil_char_boundary(span.end.clamp(start, source.len()));
    start..end
}

/// A value as it may appear in a message: one line, control characters escaped, not endless.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => escaped(&text[..end]) + "…",
        None => escaped(text),
    }
}

/// Text with its control characters escaped.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        // Format characters (bidirectional overrides, zero-width) would hide as well as control characters do.
        if c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}') {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Names in backquotes, separated by commas.
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| format!("`{}`", shown(name.as_ref()))).collect::<Vec<_>>().join(", ")
}

/// The name most like the given one, unless none is like it.
///
/// A name that ends in the given one counts, if it is the only one: `status` for `expect_status`.
pub fn nearest<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Jaro-Winkler is 0.7 to 0.8 for names that merely begin alike and above 0.85 for slips of the finger.
    const LIKENESS: f64 = 0.8;
    let given = given.to_ascii_lowercase();
    let names: Vec<&str> = names.into_iter().collect();
    let tail = |name: &&&str| {
        name.strip_suffix(given.as_str()).is_some_and(|head| !given.is_empty() && head.ends_with(['.', '_', '-']))
    };
    let mut tails = names.iter().filter(tail);
    if let (Some(name), None) = (tails.next(), tails.next()) {
        return Some(name);
    }
    let mut best: Option<(f64, &str)> = None;
    for name in names {
        let likeness = strsim::jaro_winkler(&given, &name.to_ascii_lowercase());
        if likeness > best.map_or(LIKENESS, |(most, _)| most) {
            best = Some((likeness, name));
        }
    }
    best.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_like_the_given_one_or_ends_in_it() {
        let names = ["expect_status", "expect_body", "body", "operation", "weight"];
        for (given, expected) in [
            ("wieght", Some("weight")),
            ("WEIGHT", Some("weight")),
            ("status", Some("expect_status")),
            ("opration", Some("operation")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, names), expected, "{given}");
        }
        // Two names end in it, so that likeness decides.
        assert_eq!(nearest("kind", ["allocator.jemalloc.kind", "cpu.kind"]), None);
    }

    #[test]
    fn values_are_shown_on_one_line() {
        assert_eq!(shown("a\nb\u{1b}[1m\u{202e}é"), "a\\nb\\u{1b}[1m\\u{202e}é");
        assert_eq!(shown(&"é".repeat(81)), "é".repeat(80) + "…");
        assert_eq!(shown(&"é".repeat(80)), "é".repeat(80));
    }

    #[test]
    fn spans_beyond_the_text_are_fitted() {
        let reversed = Range { start: 2, end: 1 };
        for span in [0..0, 1..2, reversed, 3..99, 99..100, 4..4] {
            let problem = Problem::new("wrong", span.clone()).label("here").help("do this");
            let problems = Problems { file: "a.toml".to_owned(), source: "aé\nb".to_owned(), problems: vec![problem] };
            assert!(problems.to_string().contains("a.toml:"), "{span:?}");
        }
    }

    #[test]
    fn colour_is_asked_for() {
        let problems = Problems {
            file: "a.toml".to_owned(),
            source: "a = 1".to_owned(),
            problems: vec![Problem::new("wrong", 0..1)],
        };
        assert!(problems.render(true).contains('\u{1b}') && !problems.render(false).contains('\u{1b}'));
    }
}
