//! Throughput and latency by concurrency, for every page.

use super::{number, text, words};
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

/// What the ladder says of each variant, a sentence each: the lowest level, the one with the most throughput and the
/// highest.
pub(crate) fn sentences(summary: &RunSummary) -> Vec<String> {
    summary.variants.iter().filter_map(sentence).collect()
}

fn sentence(variant: &VariantSummary) -> Option<String> {
    let (first, last) = (variant.levels.first()?, variant.levels.last()?);
    let most = variant.levels.iter().reduce(|a, b| if b.throughput > a.throughput { b } else { a })?;
    let mut shown = vec![first];
    for level in [most, last] {
        if shown.iter().all(|one| one.concurrency != level.concurrency) {
            shown.push(level);
        }
    }
    let level = |level: &&crate::run::LevelSummary| {
        let p99 = level.p99.map(|p99| format!(", p99 {}", number::seconds(p99))).unwrap_or_default();
        let answered = number::count(level.throughput.round());
        let failed = failed(level).map(|share| format!(", {share} failed")).unwrap_or_default();
        format!("{} {answered}/s{p99}{failed}", words::plural(u64::from(level.concurrency), "client", "clients"))
    };
    let each: Vec<String> = shown.iter().map(level).collect();
    Some(format!("{}: {}", text::name(&variant.name), each.join("; ")))
}

/// Share of the operations of a level that failed, where any did.
fn failed(level: &crate::run::LevelSummary) -> Option<String> {
    #[allow(clippy::cast_precision_loss, reason = "operations of a moment")]
    let percent = 100.0 * level.failed as f64 / (level.answered + level.failed).max(1) as f64;
    (level.failed > 0).then(|| if percent < 1.0 { "less than 1 %".to_owned() } else { format!("{percent:.0} %") })
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

    #[test]
    fn a_sentence_has_both_ends_and_the_best() {
        let level = |concurrency: u32, throughput: f64| LevelSummary {
            concurrency,
            throughput,
            p99: Some(0.001 * f64::from(concurrency)),
            ..LevelSummary::default()
        };
        let told = |levels: Vec<LevelSummary>| {
            sentence(&VariantSummary { name: "new".into(), levels, ..VariantSummary::default() }).unwrap_or_default()
        };
        let rising = vec![level(1, 800.0), level(4, 3000.0), level(32, 2500.0)];
        let failing = |failed| LevelSummary { answered: 900, failed, ..level(64, 900.0) };
        let failing = [1, 300].map(|failed| told(vec![level(1, 800.0), failing(failed)])).join("\n");
        assert_eq!(
            failing,
            "new: 1 client 800/s, p99 1.00 ms; 64 clients 900/s, p99 64.0 ms, less than 1 % failed\n\
             new: 1 client 800/s, p99 1.00 ms; 64 clients 900/s, p99 64.0 ms, 25 % failed"
        );
        insta::assert_snapshot!(
            [told(rising), told(vec![level(1, 800.0), level(4, 3000.0)]), told(vec![level(2, 800.0)]), told(vec![])]
                .join("\n")
        );
    }
}
