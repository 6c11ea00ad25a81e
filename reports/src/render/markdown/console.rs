//! The part of `report.md` that tokio-console told.

use std::collections::BTreeMap;

use super::{escape, line};
use crate::console::View;
use crate::render::console::{RESOURCE_HEADS, gathered, resources, words};
use crate::run::RunSummary;

/// Resources and waits by variant; empty where nothing was recorded.
pub fn console(summary: &RunSummary, views: &BTreeMap<String, View>) -> String {
    let mut out = String::new();
    for profile in gathered(summary).filter(|profile| profile.missing.is_none()) {
        let Some(view) = views.get(&profile.variant) else { continue };
        if out.is_empty() {
            out.push_str("\n## Resources and waits (tokio-console)\n");
        }
        section(&profile.variant, view, &mut out);
    }
    out
}

fn section(variant: &str, view: &View, out: &mut String) {
    let words = words(view);
    out.push_str(&format!("\n### {}\n\n{}\n\n", line(variant), escape(&words.agreement)));
    for doubt in &words.doubts {
        out.push_str(&format!("> {}\n\n", escape(doubt)));
    }
    for (place, says) in &words.observations {
        out.push_str(&format!("- {}: {}\n", escape(place), escape(says)));
    }
    let table = resources(view);
    if table.rows.is_empty() {
        return;
    }
    out.push_str(&format!(
        "\n| made at | {} |\n|---|{}\n",
        RESOURCE_HEADS.join(" | "),
        "--:|".repeat(RESOURCE_HEADS.len())
    ));
    for row in table.rows {
        let begin = if row.below { "← " } else { "" };
        let note = if row.note.is_empty() { String::new() } else { format!(" ({})", escape(&row.note)) };
        out.push_str(&format!("| {begin}{}{note} |", escape(&row.title)));
        row.cells.iter().for_each(|cell| out.push_str(&format!(" {} |", escape(&cell.text))));
        out.push('\n');
    }
    if !table.rest.is_empty() {
        out.push_str(&format!("\n{}\n", escape(&table.rest)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::Fixture;

    #[test]
    fn waits_in_markdown() {
        let fixture = Fixture::two_variants().with_console();
        insta::assert_snapshot!(console(&fixture.summary, &fixture.console));
        assert_eq!(console(&Fixture::two_variants().summary, &fixture.console), "");
    }
}
