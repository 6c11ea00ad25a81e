//! The result table as data: metrics in reading order, one cell per variant. Every renderer prints this one.

use super::{number, text, words};
use crate::run::{Comparison, RunSummary, VariantSummary, Verdict};

/// Metrics × variants.
pub(crate) struct Table {
    /// Columns.
    pub(crate) variants: Vec<Head>,
    /// Rows shown without asking.
    pub(crate) headline: Vec<Row>,
    /// Every other metric.
    pub(crate) others: Vec<Row>,
}

/// One column.
pub(crate) struct Head {
    /// Name, harmless.
    pub(crate) name: String,
    /// One sentence, may be empty, harmless.
    pub(crate) summary: String,
    /// True for the variant that the others are compared with.
    pub(crate) base: bool,
    /// `12 trials, 2 driver-limited`.
    pub(crate) trials: String,
}

/// One metric.
pub(crate) struct Row {
    /// Name, harmless.
    pub(crate) metric: String,
    /// A few words, empty for unknown metrics.
    pub(crate) help: &'static str,
    /// One per variant.
    pub(crate) cells: Vec<Cell>,
}

/// One metric of one variant.
pub(crate) struct Cell {
    /// Name of the variant, harmless.
    pub(crate) variant: String,
    /// Value with its unit, or [`number::ABSENT`].
    pub(crate) value: String,
    /// Against the base; `None` for the base itself and for metrics that were not compared.
    pub(crate) compared: Option<Compared>,
}

/// What a comparison says, in words.
pub(crate) struct Compared {
    /// Verdict.
    pub(crate) verdict: Verdict,
    /// `0.12×`, or `~` where nothing was shown.
    pub(crate) ratio: String,
    /// `[0.09, 0.16]`, empty where there is none.
    pub(crate) interval: String,
    /// What stands behind the verdict, harmless, may be empty.
    pub(crate) note: String,
    /// `24 pairs`.
    pub(crate) pairs: String,
    /// Ratio and interval for drawing, where all three are finite and positive.
    pub(crate) picture: Option<[f64; 3]>,
}

impl Compared {
    /// Puts a comparison into words.
    pub(crate) fn new(comparison: &Comparison) -> Self {
        let (mut ratio, interval) = match (comparison.ratio, comparison.low, comparison.high) {
            (Some(ratio), Some(low), Some(high)) => number::interval(ratio, low, high),
            (Some(ratio), _, _) => (number::ratio(ratio), String::new()),
            _ => (String::new(), String::new()),
        };
        if matches!(comparison.verdict, Verdict::CannotTell) {
            ratio = "~".into();
        }
        let picture = match (comparison.low, comparison.ratio, comparison.high) {
            (Some(low), Some(ratio), Some(high)) => {
                let all = [low, ratio, high];
                all.iter().all(|value| value.is_finite() && *value > 0.0).then_some(all)
            }
            _ => None,
        };
        Self {
            verdict: comparison.verdict,
            ratio,
            interval,
            note: text::sentence(&words::note(comparison)),
            pairs: words::plural(u64::from(comparison.pairs), "pair", "pairs"),
            picture,
        }
    }

    /// `0.12× [0.09, 0.16]`.
    pub(crate) fn ratio_and_interval(&self) -> String {
        [self.ratio.as_str(), self.interval.as_str()]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// `same (within ±3 %)`.
    pub(crate) fn verdict_and_note(&self) -> String {
        let word = words::verdict(self.verdict);
        if self.note.is_empty() { word.into() } else { format!("{word} ({})", self.note) }
    }
}

impl Table {
    /// Arranges a summary.
    pub(crate) fn new(summary: &RunSummary) -> Self {
        let mut metrics: Vec<&str> = Vec::new();
        let compared = summary.comparisons.iter().map(|comparison| comparison.metric.as_str());
        for metric in
            summary.variants.iter().flat_map(|variant| variant.metrics.keys().map(String::as_str)).chain(compared)
        {
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        metrics.sort_by_key(|metric| (words::rank(metric), *metric));
        let base = summary.comparisons.first().map(|comparison| comparison.base.as_str());
        let base = base.or_else(|| summary.variants.first().map(|variant| variant.name.as_str()));
        let several = summary.variants.len() > 1;

        let mut headline = Vec::new();
        let mut others = Vec::new();
        for metric in metrics {
            let known = words::description(metric);
            let is_compared = summary.comparisons.iter().any(|comparison| comparison.metric == metric);
            let row = Row {
                metric: text::name(metric),
                help: known.map_or("", |known| known.help),
                cells: summary.variants.iter().map(|variant| cell(summary, variant, metric)).collect(),
            };
            if is_compared || known.is_some_and(|known| known.headline) {
                headline.push(row);
            } else {
                others.push(row);
            }
        }
        let variants = summary
            .variants
            .iter()
            .map(|variant| Head {
                name: text::name(&variant.name),
                summary: text::sentence(&variant.summary),
                base: several && base == Some(variant.name.as_str()),
                trials: trials(variant),
            })
            .collect();
        Self { variants, headline, others }
    }
}

fn cell(summary: &RunSummary, variant: &VariantSummary, metric: &str) -> Cell {
    let value = variant.metrics.get(metric).map_or_else(
        || number::ABSENT.into(),
        |value| text::name(&words::metric_value(metric, value.value, &value.unit)),
    );
    let comparison = summary
        .comparisons
        .iter()
        .find(|comparison| comparison.candidate == variant.name && comparison.metric == metric);
    Cell { variant: text::name(&variant.name), value, compared: comparison.map(Compared::new) }
}

/// `12 trials, 2 driver-limited, 1 failed`.
pub(crate) fn trials(variant: &VariantSummary) -> String {
    let mut parts = vec![words::plural(u64::from(variant.trials), "trial", "trials")];
    if variant.driver_limited > 0 {
        parts.push(format!("{} driver-limited", variant.driver_limited));
    }
    if variant.failed > 0 {
        parts.push(format!("{} failed", variant.failed));
    }
    parts.join(", ")
}
