//! One metric of one variant over many runs, against a pinned reference, and where it changed. Pure: no I/O, no clock.
//!
//! Each point is the logarithm of a run's value ÷ the reference's, with its standard error. A gate that measured the
//! reference's own program beside a new one gives a paired point; any other run is set against the reference's stored
//! value, which only runs of the same scenario version, build profile and kind of host allow.

mod changes;
mod error;
mod notes;

pub use changes::{Change, EDGE, FEWEST, change_points};
pub use error::HistoryError;

use self::notes::{Notes, clocks};
use crate::metric;
use crate::run::{GateVerdict, RunHead, Status};

/// Points that are looked at for changes: the latest.
pub const LOOKED_AT: usize = 400;

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Scenario; the one of the latest run where absent.
    pub scenario: Option<String>,
    /// Variant; the first of the latest run where absent.
    pub variant: Option<String>,
    /// Metric.
    pub metric: String,
    /// Run that everything is set against; the oldest where absent.
    pub reference: Option<String>,
    /// Seed of the permutation test.
    pub seed: u64,
}

/// A metric over runs.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct History {
    /// Scenario.
    pub scenario: String,
    /// Version of it that all points have.
    pub scenario_version: u32,
    /// Variant.
    pub variant: String,
    /// Metric.
    pub metric: String,
    /// Run that everything is set against.
    pub reference: String,
    /// Its value, in the metric's unit.
    pub reference_value: f64,
    /// Oldest first.
    pub points: Vec<Point>,
    /// Changes among the latest points.
    pub suspects: Vec<Suspect>,
    /// What is left out and why, and what is odd.
    pub notes: Vec<String>,
    /// What measuring the programs around the changes side by side came to; empty until somebody does.
    pub reruns: Vec<Rerun>,
}

/// What became of a suspicion.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Rerun {
    /// Last run before the change.
    pub before: String,
    /// First run after it.
    pub after: String,
    /// The run that measured both programs side by side; `None` where that could not be.
    pub run: Option<String>,
    /// Its verdict.
    pub verdict: Option<GateVerdict>,
    /// Its sentence, or why there is none.
    pub sentence: String,
}

/// A run in a history.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Point {
    /// Run id.
    pub run: String,
    /// When it began, RFC 3339.
    pub at: String,
    /// Commit, where the program is of a repository that is known.
    pub commit: String,
    /// Hash of the program.
    pub binary: String,
    /// ln(value ÷ the reference's value).
    pub log_ratio: f64,
    /// Standard error of it; `None` where a run has too few trials.
    pub error: Option<f64>,
    /// Measured beside the reference's program, in pairs.
    pub paired: bool,
}

/// A change and the two runs around it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Suspect {
    /// Position of the first point after the change.
    pub at: usize,
    /// Last run before it.
    pub before: String,
    /// First run after it.
    pub after: String,
    /// Hash of the program before.
    pub before_binary: String,
    /// Hash of the program after.
    pub after_binary: String,
    /// Median after ÷ median before.
    pub ratio: f64,
    /// p of the permutation test.
    pub p: f64,
}

impl History {
    /// What became of a suspicion, where both programs were measured side by side.
    pub fn rerun(&self, suspect: &Suspect) -> Option<&Rerun> {
        self.reruns.iter().find(|rerun| (&rerun.before, &rerun.after) == (&suspect.before, &suspect.after))
    }
}

/// Makes the history that `query` asks for of `heads` in any order. `now` (RFC 3339) only tells runs from the future.
///
/// # Errors
/// [`HistoryError`].
pub fn history(heads: &[RunHead], query: &Query, now: &str) -> Result<History, HistoryError> {
    let Some(about) = metric::lookup(&query.metric).filter(|metric| metric.compared) else {
        return Err(HistoryError::Metric { name: query.metric.clone(), nearest: metric::nearest(&query.metric) });
    };
    let mut measured: Vec<&RunHead> =
        heads.iter().filter(|head| !head.attached && head.status == Status::Complete).collect();
    measured.sort_by(|a, b| (&a.started_at, &a.run).cmp(&(&b.started_at, &b.run)));
    let latest = match &query.scenario {
        Some(name) => measured.iter().rev().find(|head| head.scenario == *name).copied(),
        None => measured.last().copied(),
    };
    let Some(latest) = latest else {
        let mut known: Vec<String> = measured.iter().map(|head| head.scenario.clone()).collect();
        known.sort_unstable();
        known.dedup();
        return Err(HistoryError::Empty { scenario: query.scenario.clone(), known });
    };
    let scenario = latest.scenario.clone();
    measured.retain(|head| head.scenario == scenario);
    let variant = variant(&measured, query, &scenario)?;
    let has = |head: &RunHead| value(head, &variant, about.name).is_some();
    let reference = match &query.reference {
        Some(run) => measured.iter().find(|head| head.run == *run).copied().ok_or_else(|| HistoryError::Reference {
            run: run.clone(),
            why: format!("it is no finished run of `{scenario}`"),
        })?,
        // The oldest that the latest may be compared with.
        None => {
            let first = measured.iter().find(|head| has(head) && incomparable(head, latest).is_none());
            first.copied().ok_or_else(|| no_reference(&measured, &variant, about.name))?
        }
    };
    let Some((reference_value, reference_error, reference_binary)) = value(reference, &variant, about.name) else {
        let why = format!("it has no value of {} for `{variant}`", about.name);
        return Err(HistoryError::Reference { run: reference.run.clone(), why });
    };
    let mut notes = Notes::default();
    let mut points = Vec::new();
    for head in &measured {
        if let Some(point) = paired(head, &variant, about.name, &reference_binary) {
            points.push(point);
            continue;
        }
        if head.gate.is_some() {
            continue;
        }
        if let Some(why) = incomparable(head, reference) {
            notes.leave_out(&why);
            continue;
        }
        let Some((found, error, binary)) = value(head, &variant, about.name) else {
            notes.leave_out(&format!("have no value of {} for `{variant}`", about.name));
            continue;
        };
        let error = match head.run == reference.run {
            true => Some(0.0),
            false => error.zip(reference_error).map(|(own, theirs)| own.hypot(theirs)),
        };
        points.push(Point {
            run: head.run.clone(),
            at: head.started_at.clone(),
            commit: head.commit.clone(),
            binary,
            log_ratio: found.ln() - reference_value.ln(),
            error,
            paired: false,
        });
    }
    let mut notes = notes.told();
    notes.extend(clocks(&measured, now));
    let suspects = suspects(&points, query.seed);
    if points.len() < FEWEST {
        notes.push(format!("{} runs: fewer than {FEWEST} can show no change", points.len()));
    }
    if points.len() > LOOKED_AT {
        notes.push(format!("changes were looked for among the latest {LOOKED_AT} of {} runs", points.len()));
    }
    let (scenario_version, metric) = (reference.scenario_version, about.name.to_owned());
    let reference = reference.run.clone();
    Ok(History {
        scenario,
        scenario_version,
        variant,
        metric,
        reference,
        reference_value,
        points,
        suspects,
        notes,
        reruns: Vec::new(),
    })
}

/// Why no run can be the reference.
fn no_reference(measured: &[&RunHead], variant: &str, metric: &str) -> HistoryError {
    let scenario = measured.first().map(|head| head.scenario.clone()).unwrap_or_default();
    let variant = variant.to_owned();
    let ran = |head: &&&RunHead| head.gate.is_none() && head.variants.iter().any(|one| one.name == variant);
    if !measured.iter().any(|head| ran(&head)) {
        return HistoryError::OnlyGates { scenario, variant };
    }
    HistoryError::NoValues { scenario, variant, metric: metric.to_owned() }
}

fn variant(measured: &[&RunHead], query: &Query, scenario: &str) -> Result<String, HistoryError> {
    let mut known: Vec<String> = Vec::new();
    for head in measured.iter().rev() {
        let plain = head.variants.iter().filter(|_| head.gate.is_none()).map(|variant| &variant.name);
        for name in plain.chain(head.gate.iter().map(|gate| &gate.of)) {
            if !name.is_empty() && !known.contains(name) {
                known.push(name.clone());
            }
        }
    }
    let wanted = query.variant.clone().or_else(|| known.first().cloned()).unwrap_or_default();
    if known.contains(&wanted) {
        return Ok(wanted);
    }
    Err(HistoryError::Variant { scenario: scenario.to_owned(), name: wanted, known })
}

/// Value, standard error of its logarithm, and program of a variant; `None` without a value above zero.
fn value(head: &RunHead, variant: &str, metric: &str) -> Option<(f64, Option<f64>, String)> {
    let found = head.variants.iter().find(|one| one.name == variant && one.trials > 0)?;
    let (value, error) = found.metrics.get(metric)?;
    (*value > 0.0 && value.is_finite()).then(|| (*value, *error, found.binary.clone()))
}

/// A gate that measured the reference's program beside another.
fn paired(head: &RunHead, variant: &str, metric: &str, reference: &str) -> Option<Point> {
    let gate =
        head.gate.as_ref().filter(|gate| gate.of == variant && !reference.is_empty() && gate.base == reference)?;
    let (log_ratio, error) = *gate.log_ratios.get(metric)?;
    Some(Point {
        run: head.run.clone(),
        at: head.started_at.clone(),
        commit: gate.commit.clone(),
        binary: gate.candidate.clone(),
        log_ratio,
        error: Some(error),
        paired: true,
    })
}

/// Why the stored numbers of two runs must not be set against each other.
fn incomparable(head: &RunHead, reference: &RunHead) -> Option<String> {
    if head.scenario_version != reference.scenario_version {
        return Some(format!("are of version {} of the scenario", head.scenario_version));
    }
    if head.profile != reference.profile {
        return Some(format!("were built with profile `{}`", head.profile));
    }
    (head.host != reference.host).then(|| format!("were measured on another kind of host ({})", head.cpu))
}

fn suspects(points: &[Point], seed: u64) -> Vec<Suspect> {
    let from = points.len().saturating_sub(LOOKED_AT);
    let values: Vec<f64> = points[from..].iter().map(|point| point.log_ratio).collect();
    let changes = change_points(&values, seed);
    let suspect = |change: Change| {
        let (before, after) = (&points[from + change.at - 1], &points[from + change.at]);
        Suspect {
            at: from + change.at,
            before: before.run.clone(),
            after: after.run.clone(),
            before_binary: before.binary.clone(),
            after_binary: after.binary.clone(),
            ratio: (change.after - change.before).exp(),
            p: change.p,
        }
    };
    changes.into_iter().map(suspect).collect()
}

#[cfg(test)]
mod tests;
