//! The ladder: closed loops of rising concurrency, each for a moment, after everything that is compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::hlog;
use super::{TrialKind, TrialOutcome, TrialRecord};
use crate::stats::median;

/// One level of one trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LevelRecord {
    /// Clients, each sending as soon as it was answered.
    pub concurrency: u32,
    /// Seconds from the first operation to the last answer.
    pub duration_s: f64,
    /// Operations answered correctly within the timeout.
    pub answered: u64,
    /// Errors, timeouts and unanswered operations.
    pub failed: u64,
    /// Latencies of measured operations from the moment of sending, nanoseconds: V2-deflate in base64, as in `.hlog`.
    pub latency: String,
}

/// One level of a variant, over its trials.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LevelSummary {
    /// Clients.
    pub concurrency: u32,
    /// Trials that drove it.
    pub trials: u32,
    /// Operations answered correctly, all trials.
    pub answered: u64,
    /// Operations that were not.
    pub failed: u64,
    /// Operations answered per second, median over trials.
    pub throughput: f64,
    /// Median latency from the moment of sending, all trials merged, seconds; absent without answers.
    pub p50: Option<f64>,
    /// 99th percentile of the same.
    pub p99: Option<f64>,
}

impl LevelRecord {
    fn throughput(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "operations of a moment")]
        let answered = self.answered as f64;
        if self.duration_s > 0.0 { answered / self.duration_s } else { 0.0 }
    }
}

/// Levels of a variant by concurrency, from its measured trials that ended well. A latency that cannot be read is left
/// out: the counts stand without it.
pub fn summarise<'a>(trials: impl Iterator<Item = &'a TrialRecord>) -> Vec<LevelSummary> {
    let mut levels: BTreeMap<u32, Vec<&LevelRecord>> = BTreeMap::new();
    for trial in trials.filter(|trial| trial.kind == TrialKind::Measure && trial.outcome == TrialOutcome::Ok) {
        for level in &trial.levels {
            levels.entry(level.concurrency).or_default().push(level);
        }
    }
    levels.into_iter().map(|(concurrency, records)| summary(concurrency, &records)).collect()
}

fn summary(concurrency: u32, records: &[&LevelRecord]) -> LevelSummary {
    let mut merged = BTreeMap::new();
    for histogram in records.iter().filter_map(|record| hlog::histogram(&record.latency).ok()) {
        hlog::add(&mut merged, "", &histogram);
    }
    let all = merged.get("").filter(|histogram| !histogram.is_empty());
    #[allow(clippy::cast_precision_loss, reason = "latencies are below 2^52 ns")]
    let at = |quantile| all.map(|histogram| histogram.value_at_quantile(quantile) as f64 * 1e-9);
    let throughputs: Vec<f64> = records.iter().map(|record| record.throughput()).collect();
    LevelSummary {
        concurrency,
        trials: u32::try_from(records.len()).unwrap_or(u32::MAX),
        answered: records.iter().map(|record| record.answered).sum(),
        failed: records.iter().map(|record| record.failed).sum(),
        throughput: median(&throughputs).unwrap_or(0.0),
        p50: at(0.5),
        p99: at(0.99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(answered: u64, duration_s: f64, latency: &str) -> LevelRecord {
        LevelRecord { concurrency: 4, duration_s, answered, failed: 1, latency: latency.into() }
    }

    #[test]
    fn throughput_is_the_median_and_counts_are_sums() {
        let records = [level(100, 1.0, "garbage"), level(100, 0.5, ""), level(300, 1.0, "")];
        let summary = summary(4, &records.iter().collect::<Vec<_>>());
        assert_eq!((summary.trials, summary.answered, summary.failed), (3, 500, 3));
        assert_eq!((summary.throughput.to_bits(), summary.p50), (200.0_f64.to_bits(), None));
        assert_eq!(level(5, 0.0, "").throughput().to_bits(), 0.0_f64.to_bits());
    }
}
