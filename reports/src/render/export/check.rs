//! What a machine should know of a run, one line each: limits where there was a gate, comparisons otherwise, the
//! objective, and what failed.

use crate::metric;
use crate::render::{slo, words};
use crate::run::{
    BurnRate, Comparison, GateVerdict, LimitOutcome, LimitSource, LimitVerdict, RunSummary, SloVerdict, TrialKind,
    TrialOutcome, TrialRecord, Verdict,
};

/// One thing that was judged.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    /// Variant that it is about; may be empty.
    pub(super) variant: String,
    /// A limit as written, a metric, `error budget`, …
    pub(super) name: String,
    /// What came of it.
    pub(super) outcome: Outcome,
    /// The same in a sentence.
    pub(super) sentence: String,
    /// Where it is written.
    pub(super) place: Option<LimitSource>,
    /// How far beyond what is allowed, as a logarithm; larger is worse.
    pub(super) excess: f64,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Held.
    Passed,
    /// Broken, or regressed.
    Failed,
    /// It could not be judged at all: a subject failed, or two things must not be compared.
    Error,
    /// Cannot tell.
    Skipped,
}

/// Everything that was judged, in the order of the run.
pub(super) fn checks(summary: &RunSummary, trials: &[TrialRecord]) -> Vec<Check> {
    let mut checks: Vec<Check> = failures(summary, trials);
    match &summary.gate {
        Some(gate) => {
            checks.extend(gate.limits.iter().map(limit));
            if gate.verdict == GateVerdict::NotComparable && gate.limits.is_empty() {
                checks.push(plain(&gate.candidate.variant, "gate", Outcome::Error, gate.sentence.clone()));
            }
        }
        None => checks.extend(summary.comparisons.iter().map(comparison)),
    }
    if let Some(judged) = &summary.slo {
        let gated = summary.gate.as_ref().map(|gate| gate.candidate.variant.as_str());
        let burn = judged.burn.iter().filter(|burn| gated.is_none_or(|variant| variant == burn.variant));
        checks.extend(burn.map(|burn| objective(burn, slo::sentence(&judged.slo, burn))));
    }
    if let Some(budget) = &summary.budget {
        let outcome = if budget.frozen && budget.overridden.is_none() { Outcome::Failed } else { Outcome::Passed };
        checks.push(plain("", "error budget", outcome, slo::budget(budget)));
    }
    checks
}

fn plain(variant: &str, name: &str, outcome: Outcome, sentence: String) -> Check {
    Check { variant: variant.to_owned(), name: name.to_owned(), outcome, sentence, place: None, excess: 0.0 }
}

/// Trials whose subject failed.
fn failures(summary: &RunSummary, trials: &[TrialRecord]) -> Vec<Check> {
    let of = |trial: &TrialRecord| match &trial.outcome {
        // Without evidence a run is still whole.
        TrialOutcome::SubjectFailed { reason, .. } if trial.kind == TrialKind::Measure => {
            let mut check = plain(&trial.variant, &format!("trial {}", trial.index), Outcome::Error, reason.clone());
            check.excess = f64::INFINITY;
            Some(check)
        }
        _ => None,
    };
    let mut failed: Vec<Check> = trials.iter().filter_map(of).collect();
    if failed.is_empty() && summary.status == crate::run::Status::Failed {
        failed.push(plain("", "run", Outcome::Error, summary.verdict.clone()));
    }
    failed
}

fn limit(limit: &LimitOutcome) -> Check {
    let outcome = match limit.verdict {
        LimitVerdict::Held => Outcome::Passed,
        LimitVerdict::Broken => Outcome::Failed,
        LimitVerdict::CannotTell => Outcome::Skipped,
        LimitVerdict::NotComparable => Outcome::Error,
    };
    let beyond = limit.estimate.map_or(0.0, |estimate| (estimate / limit.bound).ln());
    let excess = if limit.upper { beyond } else { -beyond };
    Check {
        variant: limit.candidate.clone(),
        name: limit.limit.clone(),
        outcome,
        sentence: limit.sentence.clone(),
        place: limit.source.clone(),
        excess: if excess.is_nan() { 0.0 } else { excess },
    }
}

fn comparison(comparison: &Comparison) -> Check {
    let outcome = match comparison.verdict {
        Verdict::Improved | Verdict::Same => Outcome::Passed,
        Verdict::Regressed => Outcome::Failed,
        Verdict::CannotTell | Verdict::NotComparable => Outcome::Skipped,
    };
    let interval = comparison.ratio.zip(comparison.low.zip(comparison.high));
    let figures = interval.map(|(ratio, (low, high))| format!(": {ratio:.3}× [{low:.3}, {high:.3}]"));
    let detail = words::reason(comparison).map_or_else(|| words::detail(comparison), str::to_owned);
    let detail = if detail.is_empty() { detail } else { format!(" ({detail})") };
    Check {
        variant: comparison.candidate.clone(),
        name: comparison.metric.clone(),
        outcome,
        sentence: format!(
            "{} of {} against {}, {} pairs, {}{}{detail}",
            metric::words(&comparison.metric),
            comparison.candidate,
            comparison.base,
            comparison.pairs,
            words::verdict(comparison.verdict),
            figures.unwrap_or_default(),
        ),
        place: None,
        excess: comparison.ratio.map_or(0.0, |ratio| ratio.ln().abs()),
    }
}

fn objective(burn: &BurnRate, sentence: String) -> Check {
    let outcome = match burn.verdict {
        SloVerdict::Met => Outcome::Passed,
        SloVerdict::Missed => Outcome::Failed,
        SloVerdict::CannotTell => Outcome::Skipped,
    };
    let mut check = plain(&burn.variant, "objective", outcome, sentence);
    check.excess = burn.rate.map_or(0.0, |rate| rate.max(f64::MIN_POSITIVE).ln());
    check
}
