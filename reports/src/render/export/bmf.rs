//! Bencher Metric Format: `{benchmark: {measure: {value, lower_value, upper_value}}}`.

use serde_json::{Map, Value, json};

use super::series::{Series, series};
use crate::render::text;
use crate::run::{RunSummary, TrialRecord};

/// Longest name of a benchmark.
const BENCHMARK: usize = 1024;
/// Longest name of a measure.
const MEASURE: usize = 64;

/// Medians over trials with their 95 % intervals. Times are in nanoseconds, which is what Bencher's own measure `latency`
/// has.
pub(super) fn bmf(summary: &RunSummary, trials: &[TrialRecord]) -> String {
    let mut benchmarks = Map::new();
    for one in series(trials) {
        let benchmark = text::visible(&format!("{}/{}", summary.scenario, one.variant), BENCHMARK - 1);
        let measures = benchmarks.entry(benchmark).or_insert_with(|| json!({}));
        if let Value::Object(measures) = measures {
            measures.insert(measure(one.metric), values(&one));
        }
    }
    let mut out = serde_json::to_string_pretty(&Value::Object(benchmarks)).unwrap_or_default();
    out.push('\n');
    out
}

/// `latency.p99[login]` as `latency-p99-login`.
fn measure(metric: &str) -> String {
    let plain = metric.replace(['.', '['], "-").replace(']', "");
    text::visible(&plain, MEASURE - 1)
}

fn values(series: &Series<'_>) -> Value {
    let factor = if series.unit.starts_with('s') { 1e9 } else { 1.0 };
    match series.interval() {
        Some((low, high)) => json!({
            "value": series.median() * factor,
            "lower_value": low * factor,
            "upper_value": high * factor,
        }),
        None => json!({ "value": series.median() * factor }),
    }
}
