//! Go's benchmark format (golang.org/design/14313-benchmark-format), as benchstat reads it: a line for each trial.

use std::fmt::Write as _;

use super::series::{measured, value};
use crate::metric::{self, Better};
use crate::run::{RunSummary, TrialRecord};

/// Metric, unit in Go's words, and the factor from ours. `ns/op` is what Go's RunParallel would say: elapsed time ÷
/// operations at full concurrency.
const COLUMNS: &[(&str, &str, f64)] = &[
    ("cpu_per_op", "cpu-ns/op", 1e9),
    ("latency.p50", "p50-ns", 1e9),
    ("latency.p99", "p99-ns", 1e9),
    ("latency.p99_9", "p99.9-ns", 1e9),
    ("capacity", "ops/s", 1.0),
    ("alloc.bytes_per_op", "B/op", 1.0),
    ("alloc.count_per_op", "allocs/op", 1.0),
    ("rss.max", "peak-RSS-B", 1.0),
    ("error_rate", "errors/op", 1.0),
];

/// The trials as text for benchstat. Two runs, or two variants by `-col /variant`, compare there.
pub(super) fn benchstat(summary: &RunSummary, trials: &[TrialRecord]) -> String {
    let (os, arch) = summary.host.os.split_once(' ').unwrap_or((summary.host.os.as_str(), ""));
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let mut out = String::new();
    // Not the run: benchstat compares only what agrees in every key.
    for (key, text) in [("goos", os), ("goarch", arch), ("pkg", &summary.scenario), ("cpu", &summary.host.cpu)] {
        let _ = writeln!(out, "{key}: {}", crate::render::text::name(text));
    }
    for (name, unit, _) in COLUMNS {
        // The units of Go itself are known to be better when lower.
        if metric::lookup(name).is_some_and(|metric| metric.better == Better::Higher) {
            let _ = writeln!(out, "Unit {unit} better=higher");
        }
    }
    for trial in measured(trials) {
        let mut cells = Vec::new();
        if let Some(capacity) = value(trial, "capacity").filter(|capacity| *capacity > 0.0) {
            cells.push((1e9 / capacity, "ns/op"));
        }
        cells.extend(COLUMNS.iter().filter_map(|(name, unit, factor)| Some((value(trial, name)? * factor, *unit))));
        if cells.is_empty() {
            continue;
        }
        let operations: u64 = trial.operations.iter().map(|operation| operation.scheduled).sum();
        // The number behind the dash is Go's GOMAXPROCS; without it a variant that ends in one would be taken apart.
        let _ = write!(
            out,
            "Benchmark{}/variant={}-{} {}",
            camel(&summary.scenario),
            word(&trial.variant),
            summary.host.cpus.max(1),
            operations.max(1)
        );
        for (value, unit) in cells {
            let _ = write!(out, " {} {unit}", number(value));
        }
        out.push('\n');
    }
    out
}

/// `http-service` as `HttpService`: a benchmark's name goes on with a capital.
fn camel(name: &str) -> String {
    let mut out = String::new();
    for part in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = part.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.extend(letters);
    }
    if out.starts_with(|c: char| c.is_ascii_uppercase()) { out } else { format!("Scenario{out}") }
}

/// A name without what ends a word or a part of a name.
fn word(name: &str) -> String {
    name.chars().map(|c| if c.is_whitespace() || c.is_control() || matches!(c, '/' | '"') { '_' } else { c }).collect()
}

/// Enough digits to tell trials apart.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
