//! Variants of one run against the first, runs against each other, and one sentence about it. Pure: no I/O, no clock.

mod judge;
pub(crate) mod pairs;
mod ratio;
mod runs;
mod sentence;
mod summary;

pub use runs::compare_runs;
pub use sentence::{runs_sentence, sentence};
pub use summary::summarise;

use crate::metric::{self, METRICS};
use crate::run::{Comparison, Plan, TrialRecord};

/// Compares every variant with the first over the metrics that are compared without being asked.
///
/// Trials pair within their block, both measured and ended well. Ratios are candidate ÷ base; the estimate is
/// Hodges–Lehmann on log ratios with its 95 % interval, p the signed-rank test's, corrected by Holm over everything this
/// call tests. `improved` and `regressed` need the corrected p below .05 and an interval without 1, `same` a 90 % interval
/// within the metric's minimum effect; anything else is `cannot_tell`.
pub fn compare(plan: &Plan, trials: &[TrialRecord]) -> Vec<Comparison> {
    let names: Vec<String> =
        METRICS.iter().filter(|metric| metric.compared).map(|metric| metric.name.to_owned()).collect();
    compare_metrics(plan, trials, &names)
}

/// The same over metrics by name, `latency.p99[login]` among them; they form one family for Holm. Unknown names, and
/// metrics that neither side has or that are zero in every trial, are left out.
pub fn compare_metrics(plan: &Plan, trials: &[TrialRecord], names: &[String]) -> Vec<Comparison> {
    let Some((base, candidates)) = plan.variants.split_first() else {
        return Vec::new();
    };
    let mut collected = Vec::new();
    for candidate in candidates {
        for name in names {
            let Some(metric) = metric::lookup(name) else {
                continue;
            };
            if let Some(found) = pairs::collect(trials, &base.name, &candidate.name, name, metric) {
                collected.push(found);
            }
        }
    }
    judge::judge(collected)
}

/// ln(candidate) − ln(base) of each pair of a metric, in the order of blocks, by the rules of [`compare`]; or why there are
/// none. `None` where neither variant has the metric, or all of it is zero, or its name is unknown.
pub fn log_ratios(trials: &[TrialRecord], base: &str, candidate: &str, name: &str) -> Option<Result<Vec<f64>, String>> {
    pairs::collect(trials, base, candidate, name, metric::lookup(name)?).map(|collected| collected.log_ratios)
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
