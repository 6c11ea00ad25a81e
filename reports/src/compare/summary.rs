//! Results per variant.

use std::collections::{BTreeMap, BTreeSet};

use super::pairs::{measured_operations, value};
use crate::metric;
use crate::run::levels;
use crate::run::{MetricValue, Metrics, Plan, TrialKind, TrialOutcome, TrialRecord, VariantSummary};
use crate::stats::{median, standard_deviation};

/// Summarises every variant of the plan, in its order.
///
/// `merged` holds latency metrics by variant from merged histograms ([`crate::run::LoadedRun::merged_metrics`]); they are
/// for display, comparisons pair trial by trial. Every other metric is the median over the measured trials that ended
/// well, metrics of latency over those whose driver kept up. Trials whose subject failed are counted, never averaged.
pub fn summarise(plan: &Plan, trials: &[TrialRecord], merged: &BTreeMap<String, Metrics>) -> Vec<VariantSummary> {
    let none = Metrics::new();
    plan.variants
        .iter()
        .map(|variant| {
            let measured: Vec<&TrialRecord> = trials
                .iter()
                .filter(|trial| trial.variant == variant.name && trial.kind == TrialKind::Measure)
                .collect();
            let well: Vec<&TrialRecord> =
                measured.iter().copied().filter(|trial| trial.outcome == TrialOutcome::Ok).collect();
            let limited = well.iter().filter(|trial| trial.driver.limited.is_some()).count();
            let failed =
                measured.iter().filter(|trial| matches!(trial.outcome, TrialOutcome::SubjectFailed { .. })).count();
            VariantSummary {
                name: variant.name.clone(),
                summary: variant.summary.clone(),
                knobs: well.first().map(|trial| trial.effective.clone()).unwrap_or_default(),
                requested: variant.requested.clone(),
                trials: count(well.len()),
                driver_limited: count(limited),
                failed: count(failed),
                measured_operations: measured_operations(well.iter().copied()),
                levels: levels::summarise(well.iter().copied()),
                metrics: metrics(&well, merged.get(&variant.name).unwrap_or(&none)),
                log_errors: log_errors(&well),
                heeded: well.first().map(|trial| trial.heeded.clone()).unwrap_or_default(),
            }
        })
        .collect()
}

fn metrics(trials: &[&TrialRecord], merged: &Metrics) -> BTreeMap<String, MetricValue> {
    let recorded = trials.iter().flat_map(|trial| trial.metrics.keys());
    let names: BTreeSet<&String> = recorded.chain(merged.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let known = metric::lookup(name);
            let latency = known.is_some_and(|metric| metric.latency);
            let over_trials = || {
                let kept = trials.iter().filter(|trial| !latency || trial.driver.limited.is_none());
                median(&kept.filter_map(|trial| value(trial, name)).collect::<Vec<_>>())
            };
            let value = merged.get(name).copied().or_else(over_trials)?;
            let unit = known.map_or("", |metric| metric.unit).to_owned();
            Some((name.clone(), MetricValue { value, unit }))
        })
        .collect()
}

/// Standard errors of the mean logarithm; a history weighs runs by them.
fn log_errors(trials: &[&TrialRecord]) -> Metrics {
    let compared = metric::METRICS.iter().filter(|metric| metric.compared);
    let error = |about: &metric::Metric| {
        let kept = trials.iter().filter(|trial| !about.latency || trial.driver.limited.is_none());
        let logs: Vec<f64> = kept.filter_map(|trial| value(trial, about.name)).map(f64::ln).collect();
        let spread = standard_deviation(&logs).filter(|_| logs.iter().all(|log| log.is_finite()))?;
        #[allow(clippy::cast_precision_loss, reason = "a number of trials")]
        let error = spread / (logs.len() as f64).sqrt();
        Some((about.name.to_owned(), error))
    };
    compared.filter_map(error).collect()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
