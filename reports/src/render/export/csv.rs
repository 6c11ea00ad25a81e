//! Comma-separated values (RFC 4180), a row for each metric of each trial: what a data frame wants.

use crate::metric;
use crate::run::{RunSummary, TrialKind, TrialOutcome, TrialRecord};

const HEAD: &str = "run,scenario,variant,trial,block,kind,outcome,driver_limited,metric,unit,value\r\n";

/// Every trial, evidence and failures among them: the columns say which is which. A trial without metrics has one row
/// without a metric.
pub(super) fn csv(summary: &RunSummary, trials: &[TrialRecord]) -> String {
    let mut out = HEAD.to_owned();
    for trial in trials {
        let kind = match trial.kind {
            TrialKind::Measure => "measure".to_owned(),
            TrialKind::Evidence(kind) => kind.name().to_owned(),
        };
        let outcome = match trial.outcome {
            TrialOutcome::Ok => "ok",
            TrialOutcome::EvidenceMissing { .. } => "evidence_missing",
            TrialOutcome::SubjectFailed { .. } => "subject_failed",
        };
        let head = [
            quoted(&summary.run),
            quoted(&summary.scenario),
            quoted(&trial.variant),
            trial.index.to_string(),
            trial.block.map(|block| block.to_string()).unwrap_or_default(),
            quoted(&kind),
            outcome.to_owned(),
            trial.driver.limited.is_some().to_string(),
        ]
        .join(",");
        if trial.metrics.is_empty() {
            out.push_str(&format!("{head},,,\r\n"));
        }
        for (name, value) in &trial.metrics {
            let unit = metric::lookup(name).map_or("", |metric| metric.unit);
            let value = if value.is_finite() { value.to_string() } else { String::new() };
            out.push_str(&format!("{head},{},{unit},{value}\r\n", quoted(name)));
        }
    }
    out
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
