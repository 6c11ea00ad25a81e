//! Throughput and latency by concurrency, for every page.

use super::number;
use crate::run::{RunSummary, VariantSummary};

/// How to read it.
pub(crate) const HOW: &str = "Closed loops of rising concurrency after everything that is compared, merged over trials: where \
    throughput no longer rises and latency does, operations wait for something of which there is a fixed amount; where \
    throughput never rises, they wait in line for one thing.";

/// One level of one variant.
pub(crate) struct Row {
    pub(crate) variant: String,
    pub(crate) concurrency: String,
    pub(crate) throughput: String,
    /// Throughput ÷ that of the lowest level.
    pub(crate) gain: String,
    pub(crate) p50: String,
    pub(crate) p99: String,
    pub(crate) failed: u64,
}

/// Rows by variant, then by concurrency; none where no ladder was driven.
pub(crate) fn rows(summary: &RunSummary) -> Vec<Row> {
    summary.variants.iter().flat_map(of_variant).collect()
}

fn of_variant(variant: &VariantSummary) -> Vec<Row> {
    let lowest = variant.levels.first().map_or(0.0, |level| level.throughput);
    let seconds = |value: Option<f64>| value.map_or_else(|| number::ABSENT.into(), number::seconds);
    let row = |level: &crate::run::LevelSummary| Row {
        variant: variant.name.clone(),
        concurrency: level.concurrency.to_string(),
        throughput: number::count(level.throughput.round()),
        gain: if lowest > 0.0 { format!("{:.1}×", level.throughput / lowest) } else { number::ABSENT.into() },
        p50: seconds(level.p50),
        p99: seconds(level.p99),
        failed: level.failed,
    };
    variant.levels.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::LevelSummary;

    #[test]
    fn levels_are_shown_against_the_lowest() {
        let level = |concurrency: u32, throughput: f64, p50: f64| LevelSummary {
            concurrency,
            trials: 3,
            answered: 100,
            failed: u64::from(concurrency > 1),
            throughput,
            p50: Some(p50),
            p99: None,
        };
        let levels = vec![level(1, 812.4, 0.0012), level(4, 1624.8, 0.0025)];
        let rows = of_variant(&VariantSummary { name: "new".into(), levels, ..VariantSummary::default() });
        let shown: Vec<String> = rows
            .iter()
            .map(|row| {
                format!("{} {} {} {} {} {}", row.concurrency, row.throughput, row.gain, row.p50, row.p99, row.failed)
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }
}
