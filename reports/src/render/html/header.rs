//! Title, verdict, warnings and failures.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::prose::prose;
use crate::render::{Page, number, text, words};
use crate::run::{Status, TrialKind, TrialOutcome};

/// What stands at the top.
pub(super) struct Header {
    pub(super) scenario: String,
    pub(super) summary: String,
    /// HTML.
    pub(super) verdict: String,
    pub(super) status: &'static str,
    pub(super) status_class: &'static str,
    /// HTML.
    pub(super) warnings: Vec<String>,
    pub(super) failures: Vec<Failure>,
    pub(super) findings: Findings,
    pub(super) run: String,
    pub(super) started: String,
    pub(super) counts: String,
    pub(super) contents: Vec<(&'static str, &'static str)>,
}

/// Trials that failed alike.
pub(super) struct Failure {
    pub(super) variant: String,
    pub(super) reason: String,
    pub(super) trials: String,
    pub(super) stderr: String,
}

/// Lines of standard error shown.
const STDERR_LINES: usize = 40;

impl Header {
    pub(super) fn new(page: &Page<'_>) -> Self {
        let summary = page.summary;
        let trials = page.trials.iter().filter(|trial| trial.kind == TrialKind::Measure).count();
        Self {
            scenario: text::name(&summary.scenario),
            summary: text::sentence(&summary.summary),
            verdict: prose(&summary.verdict),
            status: words::status(summary.status),
            status_class: match summary.status {
                Status::Complete => "complete",
                Status::Interrupted => "interrupted",
                Status::Failed => "failed",
            },
            warnings: summary.warnings.iter().map(|warning| prose(warning)).collect(),
            failures: failures(page),
            findings: Findings::new(page),
            run: text::name(&summary.run),
            started: text::name(&summary.started_at),
            counts: match &summary.attached {
                Some(seen) => format!("watched for {}, nothing restarted", number::seconds(seen.wall_s)),
                None => format!(
                    "{}, {}",
                    words::plural(summary.variants.len() as u64, "variant", "variants"),
                    words::plural(trials as u64, "measured trial", "measured trials")
                ),
            },
            contents: Vec::new(),
        }
    }
}

/// One entry per variant and reason, with the first such trial's output.
fn failures(page: &Page<'_>) -> Vec<Failure> {
    let mut alike: BTreeMap<(&str, &str), (Vec<u32>, &str)> = BTreeMap::new();
    for trial in page.trials {
        if let TrialOutcome::SubjectFailed { reason, stderr } = &trial.outcome {
            alike.entry((&trial.variant, reason)).or_insert_with(|| (Vec::new(), stderr)).0.push(trial.index);
        }
    }
    alike
        .into_iter()
        .map(|((variant, reason), (mut trials, stderr))| {
            trials.sort_unstable();
            Failure {
                variant: text::name(variant),
                reason: text::sentence(reason),
                trials: trial_list(&trials),
                stderr: last_lines(stderr),
            }
        })
        .collect()
}

/// `trial 3`, `trials 3, 5, 8 and 9 more`.
pub(super) fn trial_list(trials: &[u32]) -> String {
    let shown: Vec<_> = trials.iter().take(8).map(u32::to_string).collect();
    let more = trials.len() - shown.len();
    let word = if trials.len() == 1 { "trial" } else { "trials" };
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{word} {}{rest}", shown.join(", "))
}

fn last_lines(stderr: &str) -> String {
    let lines: Vec<_> = stderr.lines().map(text::sentence).collect();
    lines[lines.len().saturating_sub(STDERR_LINES)..].join("\n")
}
