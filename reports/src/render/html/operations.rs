//! Counts per operation and variant.

use super::variants::{Variant, Variants};
use crate::render::{number, text};
use crate::run::OperationRecord;

/// One operation of one variant, summed over its measured trials.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) measured: bool,
    pub(super) variant: String,
    pub(super) class: String,
    pub(super) scheduled: String,
    pub(super) sent: String,
    pub(super) answered: String,
    /// Errors, timeouts, unanswered.
    pub(super) failures: [Count; 3],
    pub(super) p50: String,
    pub(super) p99: String,
}

/// A count that should be zero.
pub(super) struct Count {
    pub(super) text: String,
    pub(super) bad: bool,
}

/// Rows by operation, in the order of the mix, then by variant.
pub(super) fn rows(variants: &Variants<'_>) -> Vec<Row> {
    let mut names: Vec<&str> = Vec::new();
    for operation in variants.all.iter().flat_map(|variant| &variant.measured).flat_map(|trial| &trial.operations) {
        if !names.contains(&operation.name.as_str()) {
            names.push(&operation.name);
        }
    }
    names.iter().flat_map(|name| variants.all.iter().filter_map(|variant| row(name, variant))).collect()
}

fn row(name: &str, variant: &Variant<'_>) -> Option<Row> {
    let records: Vec<_> = variant
        .measured
        .iter()
        .flat_map(|trial| &trial.operations)
        .filter(|operation| operation.name == name)
        .collect();
    let first = *records.first()?;
    let sum = |pick: fn(&OperationRecord) -> u64| records.iter().map(|record| pick(record)).sum::<u64>();
    let text = |count: u64| number::count(count as f64);
    let bad = |count: u64| Count { text: text(count), bad: count > 0 };
    let latency = |percentile: &str| {
        let mut values: Vec<_> = records.iter().filter_map(|record| record.latency.get(percentile).copied()).collect();
        number::median(&mut values).map_or_else(|| number::ABSENT.into(), number::seconds)
    };
    Some(Row {
        name: text::name(name),
        measured: first.measured,
        variant: variant.name.clone(),
        class: variant.class(),
        scheduled: text(sum(|record| record.scheduled)),
        sent: text(sum(|record| record.sent)),
        answered: text(sum(|record| record.answered)),
        failures: [
            bad(sum(|record| record.errors)),
            bad(sum(|record| record.timeouts)),
            bad(sum(|record| record.unanswered)),
        ],
        p50: latency("p50"),
        p99: latency("p99"),
    })
}
