//! Which trials of two variants form pairs for a metric.

use std::collections::{BTreeMap, BTreeSet};

use crate::metric::{self, Metric, format_value};
use crate::run::{TrialKind, TrialOutcome, TrialRecord};
use crate::stats::median;

/// A metric of one candidate before it is judged.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) base: String,
    pub(crate) candidate: String,
    pub(crate) name: String,
    pub(crate) metric: &'static Metric,
    pub(crate) operations: Vec<String>,
    /// ln(candidate) − ln(base), a pair each; or why there is none.
    pub(crate) log_ratios: Result<Vec<f64>, String>,
}

/// Pairs up the trials of `base` and `candidate`. `None` where neither has the metric, or all of it is zero.
pub(crate) fn collect(
    trials: &[TrialRecord],
    base: &str,
    candidate: &str,
    name: &str,
    metric: &'static Metric,
) -> Option<Collected> {
    let (base_trials, candidate_trials) = (well_ended(trials, base), well_ended(trials, candidate));
    let values = |side: &[&TrialRecord]| side.iter().filter_map(|trial| value(trial, name)).collect::<Vec<_>>();
    let (base_values, candidate_values) = (values(&base_trials), values(&candidate_trials));
    if base_values.iter().chain(&candidate_values).all(|value| *value == 0.0) {
        return None;
    }
    let log_ratios = unmeasured([(base, &base_trials), (candidate, &candidate_trials)])
        .or_else(|| voided(metric, [(base, &base_trials), (candidate, &candidate_trials)]))
        .or_else(|| absent(name, [(base, &base_values), (candidate, &candidate_values)]))
        .or_else(|| no_ratio(name, metric, [(base, &base_values), (candidate, &candidate_values)]))
        .map_or_else(|| pair(&base_trials, &candidate_trials, name, metric), Err);
    Some(Collected {
        base: base.to_owned(),
        candidate: candidate.to_owned(),
        name: name.to_owned(),
        metric,
        operations: if metric.latency { operations(&base_trials, &candidate_trials, name) } else { Vec::new() },
        log_ratios,
    })
}

/// Measured trials of `variant` that ended well, the last of each block.
pub(crate) fn well_ended<'a>(trials: &'a [TrialRecord], variant: &str) -> Vec<&'a TrialRecord> {
    trials
        .iter()
        .filter(|trial| trial.kind == TrialKind::Measure && trial.outcome == TrialOutcome::Ok)
        .filter(|trial| trial.variant == variant)
        .filter_map(|trial| Some((trial.block?, trial)))
        .collect::<BTreeMap<_, _>>()
        .into_values()
        .collect()
}

/// The metric's value in a trial: as recorded, or from the record of the operation that the name is qualified with.
pub(crate) fn value(trial: &TrialRecord, name: &str) -> Option<f64> {
    let recorded = trial.metrics.get(name).copied();
    let value = recorded.or_else(|| {
        let (base, operation) = metric::split(name);
        let record = trial.operations.iter().find(|record| Some(record.name.as_str()) == operation)?;
        let (family, quantile) = base.split_once('.')?;
        match family {
            "latency" => record.latency.get(quantile).copied(),
            "service_time" => record.service_time.get(quantile).copied(),
            _ => None,
        }
    });
    value.filter(|value| value.is_finite())
}

/// Said once for all metrics, so that the sentence can name them together.
fn unmeasured(sides: [(&str, &Vec<&TrialRecord>); 2]) -> Option<String> {
    let (variant, _) = sides.into_iter().find(|(_, trials)| trials.is_empty())?;
    Some(format!("no trial of `{variant}` ended well"))
}

/// More than half of a variant's trials limited by the driver: its latency says nothing about it.
fn voided(metric: &Metric, sides: [(&str, &Vec<&TrialRecord>); 2]) -> Option<String> {
    if !metric.latency {
        return None;
    }
    sides.into_iter().find_map(|(variant, trials)| {
        let limited = trials.iter().filter(|trial| trial.driver.limited.is_some()).count();
        (2 * limited > trials.len()).then(|| {
            let (of, all) = (limited, trials.len());
            format!(
                "the load driver could not keep up in {of} of {all} trials of `{variant}`, which voids its latencies"
            )
        })
    })
}

fn absent(name: &str, sides: [(&str, &Vec<f64>); 2]) -> Option<String> {
    let (variant, _) = sides.into_iter().find(|(_, values)| values.is_empty())?;
    Some(format!("no trial of `{variant}` has a value of {name}"))
}

/// Counts can be zero, and zero has no ratio.
fn no_ratio(name: &str, metric: &Metric, sides: [(&str, &Vec<f64>); 2]) -> Option<String> {
    let all = sides.iter().flat_map(|(_, values)| values.iter());
    let without = all.clone().filter(|value| **value <= 0.0).count();
    if without == 0 {
        return None;
    }
    let medians = sides.map(|(variant, values)| {
        format!("`{variant}` {}", format_value(median(values).unwrap_or(f64::NAN), metric.unit))
    });
    let of = all.count();
    Some(format!("{name} is zero in {without} of {of} trials, so it has no ratio (medians: {})", medians.join(", ")))
}

fn pair(base: &[&TrialRecord], candidate: &[&TrialRecord], name: &str, metric: &Metric) -> Result<Vec<f64>, String> {
    let kept_up = |trial: &TrialRecord| !metric.latency || trial.driver.limited.is_none();
    let both: Vec<(&TrialRecord, &TrialRecord)> = base
        .iter()
        .filter_map(|first| Some((*first, *candidate.iter().find(|second| second.block == first.block)?)))
        .collect();
    if both.is_empty() {
        return Err("no block has a trial of both that ended well".to_owned());
    }
    let steady: Vec<_> = both.iter().filter(|(first, second)| kept_up(first) && kept_up(second)).collect();
    if steady.is_empty() {
        return Err("in every pair the load driver could not keep up in one of the two trials".to_owned());
    }
    let enough: Vec<_> = steady
        .iter()
        .filter(|(first, second)| metric.enough(samples(first, name)) && metric.enough(samples(second, name)))
        .collect();
    if enough.is_empty() {
        let most = steady.iter().map(|(first, second)| samples(first, name).min(samples(second, name))).max();
        return Err(format!(
            "{name} needs {} measured operations a trial, so that 20 lie beyond it; these trials have {}",
            metric.operations_needed(),
            most.unwrap_or(0)
        ));
    }
    let log_ratios: Vec<f64> = enough
        .iter()
        // A difference of logarithms, not the logarithm of a ratio: swapping the sides then exactly flips the sign.
        .filter_map(|(first, second)| Some(value(second, name)?.ln() - value(first, name)?.ln()))
        .collect();
    if log_ratios.is_empty() { Err(format!("no pair has a value of {name} on both sides")) } else { Ok(log_ratios) }
}

/// Operations whose latency is behind `name` in this trial. Errors have a histogram of their own; timeouts and
/// unanswered operations count with the age they reached.
fn samples(trial: &TrialRecord, name: &str) -> u64 {
    let (_, operation) = metric::split(name);
    trial
        .operations
        .iter()
        .filter(|record| operation.map_or(record.measured, |operation| record.name == operation))
        .map(|record| record.answered.saturating_add(record.timeouts).saturating_add(record.unanswered))
        .fold(0, u64::saturating_add)
}

fn operations(base: &[&TrialRecord], candidate: &[&TrialRecord], name: &str) -> Vec<String> {
    if let (_, Some(operation)) = metric::split(name) {
        return vec![operation.to_owned()];
    }
    measured_operations(base.iter().chain(candidate).copied())
}

/// Names of the measured operations, in the order of the records.
pub(super) fn measured_operations<'a>(trials: impl Iterator<Item = &'a TrialRecord>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    trials
        .flat_map(|trial| &trial.operations)
        .filter(|record| record.measured && seen.insert(record.name.as_str()))
        .map(|record| record.name.clone())
        .collect()
}
