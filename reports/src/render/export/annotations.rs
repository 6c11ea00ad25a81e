//! GitHub workflow commands: annotations on the line of a limit.

use super::check::{Check, Outcome, checks};
use crate::render::text;
use crate::run::{RunSummary, TrialRecord};

/// GitHub shows ten of a kind in a step, and drops the others without a word.
const MOST: usize = 10;

/// The ten worst failures as errors, ten that cannot be told as warnings, and a notice with the verdict and what is left
/// out. Paths should be those of the repository: GitHub finds no others.
pub fn annotations(summary: &RunSummary, trials: &[TrialRecord]) -> String {
    let mut checks = checks(summary, trials);
    checks.sort_by(|a, b| b.excess.total_cmp(&a.excess));
    let mut out = String::new();
    let mut dropped = 0;
    let failed = |check: &&Check| matches!(check.outcome, Outcome::Failed | Outcome::Error);
    let unsure = |check: &&Check| check.outcome == Outcome::Skipped;
    for (level, some) in [
        ("error", checks.iter().filter(failed).collect::<Vec<_>>()),
        ("warning", checks.iter().filter(unsure).collect()),
    ] {
        dropped += some.len().saturating_sub(MOST);
        for check in some.into_iter().take(MOST) {
            out.push_str(&command(level, check));
        }
    }
    let verdict = summary.gate.as_ref().map_or(&summary.verdict, |gate| &gate.sentence);
    let more = match dropped {
        0 => String::new(),
        1 => " (one more is in the report)".to_owned(),
        more => format!(" ({more} more are in the report)"),
    };
    out.push_str(&format!(
        "::notice title={}::{}\n",
        property(&format!("workbench: {}", summary.scenario)),
        data(&format!("{}{more}", text::sentence(verdict)))
    ));
    out
}

fn command(level: &str, check: &Check) -> String {
    let title = property(&format!("workbench: {}", check.name));
    let place = check
        .place
        .as_ref()
        .map(|place| format!("file={},line={},col={},", property(&place.file), place.line, place.column));
    format!("::{level} {}title={title}::{}\n", place.unwrap_or_default(), data(&text::sentence(&check.sentence)))
}

/// What follows `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(raw: &str) -> String {
    data(&text::visible(raw, 255)).replace(':', "%3A").replace(',', "%2C")
}
