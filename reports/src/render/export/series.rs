//! Metrics by variant over its trials.

use std::collections::BTreeSet;

use crate::metric::{self, Better};
use crate::run::{TrialKind, TrialOutcome, TrialRecord};
use crate::stats::median;

/// A metric of a variant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series<'a> {
    pub(super) variant: &'a str,
    /// Name, with its operation where it has one.
    pub(super) metric: &'a str,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    /// A value for each trial that has one.
    pub(super) values: Vec<f64>,
}

/// Measured trials that ended well.
pub(super) fn measured(trials: &[TrialRecord]) -> impl Iterator<Item = &TrialRecord> {
    trials.iter().filter(|trial| trial.kind == TrialKind::Measure && trial.outcome == TrialOutcome::Ok)
}

/// A metric's value where it counts: latencies of a driver that fell behind do not, nor quantiles with too few operations
/// beyond them.
pub(super) fn value(trial: &TrialRecord, name: &str) -> Option<f64> {
    let operations: u64 = trial.operations.iter().filter(|one| one.measured).map(|one| one.scheduled).sum();
    let void = metric::lookup(name)
        .is_some_and(|metric| metric.latency && trial.driver.limited.is_some() || !metric.enough(operations));
    trial.metrics.get(name).copied().filter(|value| value.is_finite() && !void)
}

/// Every known metric of every variant that has a value, variants in the order of their first trial.
pub(super) fn series(trials: &[TrialRecord]) -> Vec<Series<'_>> {
    let mut variants: Vec<&str> = Vec::new();
    for trial in measured(trials) {
        if !variants.contains(&trial.variant.as_str()) {
            variants.push(&trial.variant);
        }
    }
    let mut all = Vec::new();
    for variant in variants {
        let own: Vec<&TrialRecord> = measured(trials).filter(|trial| trial.variant == variant).collect();
        let names: BTreeSet<&str> = own.iter().flat_map(|trial| trial.metrics.keys()).map(String::as_str).collect();
        for name in names {
            let Some(known) = metric::lookup(name) else { continue };
            let values: Vec<f64> = own.iter().filter_map(|trial| value(trial, name)).collect();
            if !values.is_empty() {
                all.push(Series { variant, metric: name, unit: known.unit, better: known.better, values });
            }
        }
    }
    all
}

impl Series<'_> {
    /// Median over trials.
    pub(super) fn median(&self) -> f64 {
        median(&self.values).unwrap_or(f64::NAN)
    }

    /// Its 95 % interval by order statistics, which assumes nothing of the distribution; `None` below six trials, where
    /// there is none.
    pub(super) fn interval(&self) -> Option<(f64, f64)> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let count = u32::try_from(sorted.len()).ok()?;
        // P(fewer than `rank` of n fall below the median) = Σ C(n, k) ÷ 2ⁿ.
        let mut term = 0.5_f64.powf(f64::from(count));
        let mut below = term;
        let mut rank = 0;
        while 2.0 * below <= 0.05 && rank < count / 2 {
            rank += 1;
            term *= f64::from(count + 1 - rank) / f64::from(rank);
            below += term;
        }
        let first = usize::try_from(rank).ok()?.checked_sub(1)?;
        Some((sorted[first], sorted[sorted.len() - 1 - first]))
    }
}
