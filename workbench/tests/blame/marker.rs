//! Which functions of a source are guilty: those with a line that ends in the comment `guilty`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Where the programs stand.
pub(crate) fn sources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/blame/programs/src")
}

/// Lines, from 1, of every function of `source` that holds a marked line.
pub(crate) fn guilty(source: &str) -> Vec<RangeInclusive<usize>> {
    let lines: Vec<&str> = source.lines().collect();
    let marked = lines.iter().enumerate().filter(|(_, line)| line.trim_end().ends_with("// guilty"));
    let mut functions: Vec<RangeInclusive<usize>> = Vec::new();
    for (at, _) in marked {
        let begin = (0..=at).rev().find(|line| opens_function(lines[*line])).expect("a marked line is in a function");
        let indent = lines[begin].len() - lines[begin].trim_start().len();
        // Formatted source: a function ends where a brace stands as deep as its head.
        let close = format!("{}}}", " ".repeat(indent));
        let end = (at..lines.len()).find(|line| lines[*line] == close).expect("a function ends");
        let function = begin + 1..=end + 1;
        if functions.last() != Some(&function) {
            functions.push(function);
        }
    }
    functions
}

fn opens_function(line: &str) -> bool {
    let line = line.trim_start();
    ["fn ", "async fn ", "pub(crate) fn ", "pub(crate) async fn "].iter().any(|head| line.starts_with(head))
}

#[test]
fn the_function_around_a_marked_line_is_guilty() {
    let source = "fn a() {\n    b();\n}\n\nimpl X {\n    async fn c(&self) {\n        loop {\n            d(); // guilty\n        }\n    }\n}\n";
    assert_eq!(guilty(source), [6..=10]);
}

#[test]
fn every_program_with_a_line_to_blame_has_a_marked_one() {
    for case in crate::cases::CASES.iter().filter(|case| case.has_line) {
        let path = sources().join(format!("{}.rs", case.name.replace('-', "_")));
        let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!guilty(&source).is_empty(), "{} has no marked line", path.display());
    }
}
