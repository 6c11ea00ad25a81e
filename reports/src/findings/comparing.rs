//! What is compared where something is sorted, by the source: what a comparison computes is computed many times for each of those
//! that are sorted.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Loops;
use super::joined::Joined;
use super::tokens::{is_name, within, word_at};
use crate::run::TraceFrame;

/// Methods of Rust, and functions of Go, that compare by what they are given.
const SORTS: &[&str] = &[
    "sort_by",
    "sort_by_key",
    "sort_unstable_by",
    "sort_unstable_by_key",
    "Slice",
    "SliceStable",
    "SortFunc",
    "SortStableFunc",
];
/// The method of Go's `sort.Interface`.
const LESS: &str = "Less";

/// Where a source compares.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Compared {
    /// Lines of what is given to those who sort.
    lines: BTreeSet<u32>,
    /// Functions that are given by their names.
    by: BTreeSet<String>,
}

impl Loops {
    /// Whether a function is at a comparison for those who sort: as that, or as what it gave them does, `called_by` whom.
    pub(super) fn compares(&self, frame: &TraceFrame, called_by: Option<&TraceFrame>) -> bool {
        let sorts = |frame: &TraceFrame| {
            self.files.get(&frame.file).is_some_and(|lines| lines.compared.lines.contains(&frame.line))
        };
        let given = |by: &TraceFrame| {
            let by_name = self.files.get(&by.file).is_some_and(|lines| lines.compared.by.contains(frame.name()));
            by_name && sorts(by)
        };
        let is_less = frame.file.ends_with(".go") && frame.name() == LESS;
        is_less || sorts(frame) || called_by.is_some_and(given)
    }
}

/// All of a source.
pub(super) fn compared(tokens: &[(u32, String)]) -> Compared {
    let word = |at: usize| word_at(tokens, at);
    let mut compared = Compared::default();
    let sorts = |at: &usize| {
        let of_its = *at > 1 && word(at - 1) == "." && (!word(*at).starts_with("Slice") || word(at - 2) == "sort");
        of_its && SORTS.contains(&word(*at)) && word(at + 1) == "("
    };
    for at in (0..tokens.len()).filter(sorts) {
        let given = within(tokens, at + 1);
        let is_closure = given.clone().any(|at| matches!(word(at), "|" | "||" | "func"));
        let by = match given.clone().next_back() {
            Some(last) if !is_closure => Some(last),
            // `|a, b| by_title(a, b)`: a closure that does nothing but that. What gives a key compares nothing.
            Some(_) if !word(at).ends_with("_key") => called_by(tokens, given.clone()),
            _ => None,
        };
        compared.by.extend(by.map(word).filter(|name| is_name(name)).map(str::to_owned));
        compared.lines.extend(given.map(|at| tokens[at].0));
    }
    compared
}

/// The name of the only function that a closure of Rust's calls, and that without doing anything else.
fn called_by(tokens: &[(u32, String)], closure: Range<usize>) -> Option<usize> {
    let bars: Vec<usize> = closure.clone().filter(|at| word_at(tokens, *at) == "|").collect();
    let [_, bar] = bars.as_slice() else { return None };
    let opens = (bar + 1..closure.end).find(|at| matches!(word_at(tokens, *at), "(" | "{" | "[" | "."))?;
    let ends = within(tokens, opens).end + 1 == closure.end;
    (word_at(tokens, opens) == "(" && ends).then(|| opens - 1)
}

/// The function that has something computed for a comparison, many times for each of those that are sorted. One that only compares is
/// no more to blame than who sorts.
pub(super) fn comparing<'f>(joined: &Joined<'_>, own: &'f [TraceFrame]) -> Option<&'f TraceFrame> {
    let loops = joined.loops?;
    let mut at = own.iter().enumerate().skip(1);
    at.find(|(depth, frame)| loops.compares(frame, own.get(depth + 1))).map(|(_, frame)| frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::guilty;
    use crate::findings::joined::Joined;

    /// Called on line `by`.
    fn compares(file: &str, source: &str, function: &str, line: u32, by: u32) -> bool {
        let mut loops = Loops::default();
        loops.read(file, source);
        let by = TraceFrame { function: "shelf".into(), file: file.into(), line: by };
        loops.compares(&TraceFrame { function: function.into(), file: file.into(), line }, Some(&by))
    }

    #[test]
    fn closures_and_functions_that_are_given_to_those_who_sort_compare() {
        let rust = "\
fn by_title(a: &Book, b: &Book) -> Ordering {
    form(a).cmp(&form(b))
}
fn shelf(books: &mut Vec<Book>) {
    let first = form(&books[0]);
    books.sort_by(Library::by_title);
    books.sort_unstable_by_key(|book| {
        form(book)
    });
    books.sort();
}
";
        let of = |function: &str, line| compares("a.rs", rust, function, line, 6);
        assert!(of("shop::by_title", 2) && of("shop::shelf", 8) && of("shop::shelf", 6));
        let closure = |of: &str| {
            let source = format!("fn shelf(books: &mut Vec<Book>) {{\n    books.{of};\n}}\n");
            compares("a.rs", &source, "shop::by_title", 9, 2)
        };
        assert!(!compares("a.rs", rust, "shop::by_title", 2, 5), "nobody sorts there");
        assert!(closure("sort_by(|a, b| Self::by_title(a, b))"));
        assert!(!closure("sort_by(|a, b| by_title(a, b).reverse())") && !closure("sort_by_key(|a| by_title(a))"));
        assert!(!of("shop::shelf", 5) && !of("shop::shelf", 10) && !of("shop::form", 20));
        let go = "func shelf(books []Book) {\n\tsort.Slice(books, func(i, j int) bool {\n\t\treturn form(books[i]) < form(books[j])\n\t})\n\tslices.SortFunc(books, byTitle)\n\tall.Slice(form(books[0]))\n}\n";
        let of = |function: &str, line| compares("a.go", go, function, line, 5);
        assert!(of("main.shelf.func1", 3) && of("main.byTitle", 9) && of("main.byYear.Less", 12));
        assert!(!of("main.shelf", 6) && !of("main.books", 9));
    }

    #[test]
    fn what_a_comparison_has_computed_is_its_work_and_what_it_compares_is_not() {
        let mut loops = Loops::default();
        loops.read("a.rs", "fn form(title: &str) -> String {\n    title.chars().map(lower).collect()\n}\nfn by_title(a: &Book, b: &Book) -> Ordering {\n    form(a).cmp(&form(b))\n}\nfn shelf(books: &mut Vec<Book>) {\n    books.sort_by(by_title);\n}\n");
        let joined = Joined { loops: Some(&loops), ..Joined::default() };
        let of = |own: &[(&str, u32)]| {
            let frame = |(function, line): &(&str, u32)| TraceFrame {
                function: (*function).into(),
                file: "a.rs".into(),
                line: *line,
            };
            let own: Vec<TraceFrame> = own.iter().map(frame).collect();
            guilty::asking(&joined, "", &own).map(|frame| frame.function.clone())
        };
        assert_eq!(of(&[("form", 2), ("by_title", 5), ("shelf", 8)]).as_deref(), Some("by_title"));
        assert_eq!(of(&[("by_title", 5), ("shelf", 8)]).as_deref(), Some("shelf"), "who sorts");
        assert_eq!(of(&[("form", 2), ("search", 20)]).as_deref(), Some("form"), "nobody sorts");
    }
}
