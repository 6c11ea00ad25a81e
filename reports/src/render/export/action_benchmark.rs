//! github-action-benchmark's custom tools: one file for what is better smaller, one for what is better bigger.

use serde_json::{Value, json};

use super::series::series;
use crate::metric::Better;
use crate::render::text;
use crate::run::{RunSummary, TrialRecord};

/// For `tool: customSmallerIsBetter`.
pub(super) fn smaller(summary: &RunSummary, trials: &[TrialRecord]) -> String {
    entries(summary, trials, Better::Lower)
}

/// For `tool: customBiggerIsBetter`.
pub(super) fn bigger(summary: &RunSummary, trials: &[TrialRecord]) -> String {
    entries(summary, trials, Better::Higher)
}

fn entries(summary: &RunSummary, trials: &[TrialRecord], better: Better) -> String {
    let entries: Vec<Value> = series(trials)
        .into_iter()
        .filter(|one| one.better == better)
        .map(|one| {
            let median = one.median();
            let mut entry = json!({
                "name": text::visible(&format!("{}/{}/{}", summary.scenario, one.variant, one.metric), 500),
                "unit": one.unit,
                "value": median,
                "extra": format!("n={}\nrun={}", one.values.len(), summary.run),
            });
            if let Some((low, high)) = one.interval() {
                // One number: the farther end.
                entry["range"] = json!(format!("± {}", (high - median).max(median - low)));
            }
            entry
        })
        .collect();
    serde_json::to_string_pretty(&entries).unwrap_or_default() + "\n"
}
