//! The score of all programs run so far: a file each, and the table of them.

use std::fmt::Write as _;

use crate::cases::{CASES, Case, WELL, Written};
use crate::subject::scores;
use crate::verdict::{Broken, Healthy};

/// A program's row.
pub(crate) struct Row {
    name: &'static str,
    pub(crate) broken: Broken,
    pub(crate) healthy: Healthy,
}

impl Row {
    pub(crate) fn of(case: &Case) -> Self {
        Self { name: case.name, broken: Broken::Unasked, healthy: Healthy::default() }
    }

    /// Keeps the row for the table.
    pub(crate) fn keep(&self) {
        std::fs::create_dir_all(scores()).expect("a folder for the score");
        let text = format!("{:<16} {:<16} {}", self.name, self.broken, self.healthy);
        std::fs::write(scores().join(self.name), text).expect("the row is written");
    }
}

/// Rows of all programs that were run, and their sums: those that the rules were tuned on apart from those held out.
pub(crate) fn table() -> String {
    let mut text = format!("{:<16} {:<16} {}\n", "program", "broken", "healthy");
    let sets = [
        (Written::Along, "tuned on"),
        (Written::HeldOut, "held out"),
        (Written::HeldOutAgain, "held out again"),
        (Written::Blind, "written blind"),
        (Written::BlindAgain, "written blind, scored after"),
        (Written::Third, "of two more hands, written blind"),
        (Written::ThirdInformed, "written by one who knew the rules"),
        (Written::Fourth, "of three more hands, written blind"),
        (Written::Fifth, "of nine more hands, written blind"),
        (Written::Sixth, "of eight more hands, written blind"),
        (Written::Seventh, "of another nine hands, written blind"),
        (Written::Eighth, "of eight more hands, written blind, that a first look had wrong"),
        (Written::Ninth, "of seven more hands, written blind, that a first look had wrong"),
        (Written::Tenth, "of four more hands, written blind, that a first look had wrong"),
        (Written::Eleventh, "of five more hands, written blind, that a first look had wrong"),
        (Written::Twelfth, "of another five hands, written blind, that a first look had wrong"),
        (Written::Thirteenth, "of another four hands, written blind, that a first look had wrong"),
    ];
    for (written, words) in sets {
        let cases = CASES.iter().chain(WELL).filter(|case| case.written == written);
        let rows: Vec<String> =
            cases.filter_map(|case| std::fs::read_to_string(scores().join(case.name)).ok()).collect();
        for row in &rows {
            let _ = writeln!(text, "{row}");
        }
        let _ = writeln!(text, "{} programs {words}. {}", rows.len(), sums(&rows));
    }
    text
}

fn sums(rows: &[String]) -> String {
    let with = |word: &str| rows.iter().filter(|row| row.contains(word)).count();
    let (right, wrong) = (with(" right "), with(" WRONG ") + with(" wrong "));
    let unsure = with(" nothing found ") + with(" cannot tell ");
    let (as_twins, otherwise) = (with("BLAMED"), with("blamed otherwise"));
    format!(
        "Broken: {right} right, {wrong} wrong, {unsure} unsaid. Healthy: {as_twins} blamed as their twins, {otherwise} \
         blamed otherwise"
    )
}
