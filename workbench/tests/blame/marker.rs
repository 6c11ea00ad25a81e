//! Which functions of a source are guilty: those with a line that ends in the comment `guilty`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::cases::{Case, Package};

/// Where what belongs to these tests stands.
pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/blame").join(name)
}

/// The sources in which a program may be guilty: its own, and that of the library.
pub(crate) fn sources(case: &Case) -> Vec<PathBuf> {
    let name = case.name.replace('-', "_");
    let own = match case.package {
        Package::Programs => folder("programs/src").join(name + ".rs"),
        Package::Strangers => folder("strangers/src").join(name + ".rs"),
        Package::GoStrangers => folder("go_strangers").join(name + ".go"),
        Package::GoStrangersOf(of) => folder("go_strangers").join(of).join(name + ".go"),
    };
    std::iter::once(own).chain(case.library.map(|file| folder("depotkit/src").join(file))).collect()
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
    let line = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
    ["fn ", "async fn ", "func "].iter().any(|head| line.starts_with(head))
}

#[test]
fn the_function_around_a_marked_line_is_guilty() {
    let source = "fn a() {\n    b();\n}\n\nimpl X {\n    async fn c(&self) {\n        loop {\n            d(); // guilty\n        }\n    }\n}\n";
    assert_eq!(guilty(source), [6..=10]);
}

#[test]
fn functions_of_a_library_and_of_go_are_guilty_too() {
    assert_eq!(guilty("impl X {\n    pub fn a() {\n        // guilty\n        b();\n    }\n}\n"), [2..=5]);
    assert_eq!(guilty("func (p *sheet) row() {\n\tp.add() // guilty\n}\n"), [1..=3]);
}

#[test]
fn every_program_with_a_line_to_blame_has_a_marked_one() {
    for case in crate::cases::CASES.iter().filter(|case| case.has_line) {
        let marked = sources(case).iter().any(|path| {
            let source = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            !guilty(&source).is_empty()
        });
        assert!(marked, "`{}` has no marked line", case.name);
    }
}
