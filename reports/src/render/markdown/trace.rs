//! The part of `report.md` that tasks told that were traced from outside.

use std::collections::BTreeMap;

use super::{escape, line};
use crate::render::trace::{BLAME_HOW, HEADS, HOW, Shown, WAIT_HEADS, shown};
use crate::run::{RunSummary, Trace};

/// Types of tasks and places of waits of a variant.
const ROWS: usize = 12;

/// Tasks by type, what the longest were for and where they wait, by variant; empty where nothing was traced.
pub fn trace(summary: &RunSummary, traces: &BTreeMap<String, Trace>) -> String {
    let mut out = String::new();
    for profile in summary.profiles.iter().filter(|one| one.kind == "trace" && one.missing.is_none()) {
        let Some(trace) = traces.get(&profile.variant) else { continue };
        if out.is_empty() {
            out.push_str(&format!("\n## Tasks from outside\n\n{}\n", escape(HOW)));
        }
        out.push_str(&format!("\n### {}\n", line(&profile.variant)));
        of_process(&shown(trace, profile.overhead), &mut out);
    }
    out
}

fn of_process(all: &Shown, out: &mut String) {
    out.push_str(&format!("\n{}\n", escape(&all.source)));
    for doubt in &all.doubts {
        out.push_str(&format!("\n> {}\n", escape(doubt)));
    }
    let cells = |cells: &[crate::render::tasks::Cell]| {
        cells.iter().map(|cell| format!(" {} |", escape(&cell.text))).collect::<String>()
    };
    heading("type of task", &HEADS, out);
    for row in all.kinds.iter().take(ROWS) {
        let note = if row.blocking { " (blocking pool)" } else { "" };
        out.push_str(&format!("| {}{note} |{}\n", escape(&row.place), cells(&row.cells)));
    }
    for note in &all.notes {
        out.push_str(&format!("\n- {}", escape(note)));
    }
    if !all.notes.is_empty() {
        out.push('\n');
    }
    if !all.blame.is_empty() {
        out.push_str(&format!("\n{}\n\n", escape(BLAME_HOW)));
        for row in &all.blame {
            let (length, kind, says) = (escape(&row.length), escape(&row.kind), escape(&row.sentence));
            out.push_str(&format!("1. **{length}** {kind} ({}): {says}\n", row.what));
        }
    }
    if !all.waits.is_empty() {
        heading("waits", &WAIT_HEADS, out);
        for row in all.waits.iter().take(ROWS) {
            out.push_str(&format!("| {} at {} |{}\n", escape(&row.kind), escape(&row.place), cells(&row.cells)));
        }
    }
}

fn heading(first: &str, heads: &[&str], out: &mut String) {
    out.push_str(&format!("\n| {first} | {} |\n|---|{}\n", heads.join(" | "), "--:|".repeat(heads.len())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::Fixture;

    #[test]
    fn tasks_in_markdown() {
        let fixture = Fixture::two_variants().with_trace();
        insta::assert_snapshot!(trace(&fixture.summary, &fixture.traces));
        assert_eq!(trace(&Fixture::two_variants().summary, &fixture.traces), "");
    }
}
