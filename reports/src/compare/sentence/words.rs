//! Names, values and lists in a sentence.

use crate::compare::ratio::percent;
use crate::metric::{self, METRICS, format_value};
use crate::run::VariantSummary;

/// What a scenario asks about, most important first; other metrics follow in the order of their table.
const ASKED: [&str; 5] = ["latency.p99", "latency.p50", "capacity", "cpu_per_op", "rss.max"];

/// More operations than this are not listed behind a latency: the report names them.
const OPERATIONS_NAMED: usize = 2;

/// Sort key of a metric.
pub(super) fn importance(metric: &str) -> (usize, usize) {
    let (base, _) = metric::split(metric);
    let asked = ASKED.iter().position(|name| *name == base).unwrap_or(ASKED.len());
    (asked, METRICS.iter().position(|metric| metric.name == base).unwrap_or(METRICS.len()))
}

/// Names metrics, and their operations once in a sentence.
#[derive(Debug, Default)]
pub(super) struct Speaker {
    named: Vec<String>,
}

impl Speaker {
    /// `p99 latency of orders` the first time, `p50 latency` from then on.
    pub(super) fn name(&mut self, metric: &str, operations: &[String]) -> String {
        let words = metric::words(metric);
        let known = metric.contains('[') || operations.is_empty() || operations.len() > OPERATIONS_NAMED;
        if known || self.named == operations {
            return words;
        }
        self.named = operations.to_vec();
        format!("{words} of {}", list(operations))
    }
}

/// A variant's value of a metric with its unit.
pub(super) fn value(variant: &VariantSummary, metric: &str) -> Option<String> {
    let found = variant.metrics.get(metric).filter(|found| found.value.is_finite())?;
    let share = metric.ends_with("_rate") && found.unit == "1";
    Some(if share { percent(found.value) } else { format_value(found.value, &found.unit) })
}

pub(super) fn quoted(name: &str) -> String {
    format!("`{name}`")
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}
