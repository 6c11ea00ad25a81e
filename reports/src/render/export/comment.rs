//! Markdown for a pull request.

use super::check::{Check, Outcome, checks};
use super::step_summary::cut;
use crate::render::markdown::line;
use crate::run::{RunSummary, TrialRecord};

/// GitHub takes 65,536 characters; some room is left for whoever adds a line.
const ROOM: usize = 60_000;
/// Rows of the table before it is folded up.
const SHOWN: usize = 10;

/// The line by which a comment is found again, to be replaced by the next one: the same for every run of a scenario.
pub fn marker(scenario: &str) -> String {
    let name: String = scenario.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(80).collect();
    format!("<!-- workbench:{name} -->")
}

/// The comment with its marker.
pub fn comment(summary: &RunSummary, trials: &[TrialRecord]) -> String {
    format!("{}\n{}", marker(&summary.scenario), body(summary, trials, ROOM))
}

/// Verdict, what was judged, findings and where it ran, in at most `room` bytes.
pub(super) fn body(summary: &RunSummary, trials: &[TrialRecord], room: usize) -> String {
    let mut checks = checks(summary, trials);
    // What needs a reader stands first; within that the order of the run.
    checks.sort_by_key(|check| rank(check.outcome));
    let verdict = summary.gate.as_ref().map_or(&summary.verdict, |gate| &gate.sentence);
    let mut out = format!("### {} {}\n\n{}\n\n", sign(&checks), line(&summary.scenario), line(verdict));
    for warning in &summary.warnings {
        out.push_str(&format!("> Warning: {}\n", line(warning)));
    }
    if !summary.warnings.is_empty() {
        out.push('\n');
    }
    let (first, rest) = checks.split_at(SHOWN.min(checks.len()));
    table(first, &mut out);
    if !rest.is_empty() {
        out.push_str(&format!("<details><summary>{} more</summary>\n\n", rest.len()));
        table(rest, &mut out);
        out.push_str("</details>\n\n");
    }
    for finding in &summary.findings {
        let place = finding.culprit.as_ref().map(|culprit| format!(", {}", line(&culprit.sentence())));
        out.push_str(&format!(
            "- **{}** ({}{})\n",
            line(&finding.title),
            line(&finding.variant),
            place.unwrap_or_default()
        ));
    }
    if !summary.findings.is_empty() {
        out.push('\n');
    }
    let (host, build) = (&summary.host, &summary.build);
    out.push_str(&format!(
        "<sub>run {}, seed {}; {}, {} CPUs; workbench {} at {}</sub>\n",
        line(&summary.run),
        summary.seed,
        line(&host.cpu),
        host.cpus,
        line(&build.version),
        line(&build.commit)
    ));
    if out.len() > room { cut(&out, room) } else { out }
}

fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Error => 0,
        Outcome::Failed => 1,
        Outcome::Skipped => 2,
        Outcome::Passed => 3,
    }
}

/// A sign for the whole, readable without colour.
fn sign(checks: &[Check]) -> &'static str {
    match checks.iter().map(|check| rank(check.outcome)).min() {
        Some(0) => "⛔ error:",
        Some(1) => "❌ regressed:",
        Some(2) => "❔ cannot tell everything:",
        Some(_) => "✅ passed:",
        None => "",
    }
}

fn table(checks: &[Check], out: &mut String) {
    if checks.is_empty() {
        return;
    }
    out.push_str("| | limit or metric | variant | |\n|---|---|---|---|\n");
    for check in checks {
        let word = match check.outcome {
            Outcome::Error => "⛔ error",
            Outcome::Failed => "❌ failed",
            Outcome::Skipped => "❔ cannot tell",
            Outcome::Passed => "✅ passed",
        };
        let place = check.place.as_ref().map(|place| format!(" ({}:{})", line(&place.file), place.line));
        out.push_str(&format!(
            "| {word} | {}{} | {} | {} |\n",
            line(&check.name),
            place.unwrap_or_default(),
            line(&check.variant),
            line(&check.sentence)
        ));
    }
    out.push('\n');
}
