//! What ran while a variant was late, and what moved between variants, in short.

use super::{escape, line};
use crate::render::{breach, movers, number};
use crate::run::RunSummary;

/// Rows of a table.
const ROWS: usize = 8;

/// Both sections, as far as there is anything to say.
pub(super) fn seen(summary: &RunSummary, out: &mut String) {
    late(summary, out);
    moved(summary, out);
}

fn late(summary: &RunSummary, out: &mut String) {
    let told: Vec<_> = summary.late.iter().filter(|one| one.breach.late > 0).collect();
    if told.is_empty() {
        return;
    }
    out.push_str("## While it was late\n\n");
    for one in told {
        out.push_str(&format!("**{}**: {}\n\n", line(&one.variant), escape(&breach::summary(&one.breach))));
        for doubt in &one.breach.doubts {
            out.push_str(&format!("> {}\n\n", line(doubt)));
        }
        let rows: Vec<_> = breach::shown(&one.breach).take(ROWS).collect();
        if rows.is_empty() {
            continue;
        }
        out.push_str("| function | while late | in the rest | ratio |\n|---|--:|--:|---|\n");
        for row in rows {
            let cells = [
                breach::place(row),
                number::percent(row.within_share),
                number::percent(row.outside_share),
                breach::ratio(row),
            ];
            out.push_str(&format!("| {} |\n", cells.map(|cell| escape(&cell)).join(" | ")));
        }
        out.push('\n');
    }
}

fn moved(summary: &RunSummary, out: &mut String) {
    if summary.movers.is_empty() {
        return;
    }
    out.push_str("## What moved\n\n");
    for one in &summary.movers {
        let names = format!("{} against {}", line(&one.candidate), line(&one.base));
        out.push_str(&format!("**{names}**: {}\n\n", escape(&movers::summary(one)).replace('~', "\\~")));
        for doubt in &one.doubts {
            out.push_str(&format!("> {}\n\n", line(doubt)));
        }
        let rows: Vec<_> = movers::shown(&one.functions).filter(|row| row.moved()).take(ROWS).collect();
        if rows.is_empty() {
            continue;
        }
        out.push_str("| function | itself | with all it calls |\n|---|--:|--:|\n");
        for row in rows {
            let cells = [movers::place(row), movers::difference(&row.exclusive), movers::difference(&row.inclusive)];
            out.push_str(&format!("| {} |\n", cells.map(|cell| escape(&cell).replace('~', "\\~")).join(" | ")));
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use crate::render::fixture::Fixture;
    use crate::render::markdown::report;

    #[test]
    fn what_ran_while_it_was_late_and_what_moved_are_told_in_short() {
        let without = report(&Fixture::two_variants().summary);
        assert!(!without.contains("## While it was late") && !without.contains("## What moved"));
        let told = report(&Fixture::two_variants().with_samples().with_movers().summary);
        let sections: Vec<_> = told.split("## ").filter(|one| one.starts_with("Wh")).collect();
        insta::assert_snapshot!(sections.join("## "));
    }
}
