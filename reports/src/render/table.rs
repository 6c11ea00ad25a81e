//! The result table as data: metrics in reading order, one cell per variant. Every renderer prints this one.

use std::collections::BTreeMap;

use super::{number, text, words};
use crate::metric;
use crate::run::{Comparison, RunSummary, VariantSummary, Verdict};

/// Metrics × variants.
pub(crate) struct Table {
    /// Columns.
    pub(crate) variants: Vec<Head>,
    /// Rows shown without asking.
    pub(crate) headline: Vec<Row>,
    /// Every other metric.
    pub(crate) others: Vec<Row>,
    /// Reasons that cells refer to by number.
    pub(crate) notes: Notes,
    /// Pairs that would show the smallest change worth acting on, by metric in words, where that was not shown.
    pub(crate) needed: Vec<(String, String)>,
}

/// Each distinct reason once, numbered from 1 in the order of their first mention; harmless.
#[derive(Debug, Default)]
pub(crate) struct Notes(pub(crate) Vec<String>);

impl Notes {
    /// The number of a reason.
    pub(crate) fn number(&mut self, reason: &str) -> usize {
        let reason = text::sentence(reason);
        let known = self.0.iter().position(|note| *note == reason);
        known.unwrap_or_else(|| {
            self.0.push(reason);
            self.0.len() - 1
        }) + 1
    }
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
    /// Name as in JSON and limits, harmless.
    pub(crate) metric: String,
    /// The same in words, harmless.
    pub(crate) words: String,
    /// How to read it, empty for unknown metrics.
    pub(crate) help: &'static str,
    /// One per variant.
    pub(crate) cells: Vec<Cell>,
}

impl Row {
    /// Whether the words say anything that the name does not.
    pub(crate) fn has_words(&self) -> bool {
        self.words != self.metric
    }

    /// `p99 latency (latency.p99)`.
    pub(crate) fn title(&self) -> String {
        if self.has_words() { format!("{} ({})", self.words, self.metric) } else { self.metric.clone() }
    }

    /// The value that every one of several variants has, where nothing was compared.
    pub(crate) fn shared(&self) -> Option<&str> {
        let first = self.cells.first()?;
        let alike = self.cells.iter().all(|cell| cell.compared.is_none() && cell.value == first.value);
        (alike && self.cells.len() > 1).then_some(first.value.as_str())
    }
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
    /// `±4 %`, may be empty; see [`words::reach`].
    pub(crate) reach: String,
    /// The same in words, may be empty.
    pub(crate) detail: String,
    /// Number of the reason in [`Notes`].
    pub(crate) note: Option<usize>,
    /// `24 pairs`.
    pub(crate) pairs: String,
    /// Ratio and interval for drawing, where all three are finite and positive.
    pub(crate) picture: Option<[f64; 3]>,
}

impl Compared {
    /// Puts a comparison into words, its reason into the notes.
    pub(crate) fn new(comparison: &Comparison, notes: &mut Notes) -> Self {
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
            reach: words::reach(comparison),
            detail: words::detail(comparison),
            note: words::reason(comparison).map(|reason| notes.number(reason)),
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

    /// `cannot tell (±4 %)`, `cannot tell, note 1`.
    pub(crate) fn verdict_and_note(&self) -> String {
        let mut text = words::verdict(self.verdict).to_owned();
        if !self.reach.is_empty() {
            text.push_str(&format!(" ({})", self.reach));
        }
        if let Some(number) = self.note {
            text.push_str(&format!(", note {number}"));
        }
        text
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

        let mut notes = Notes::default();
        let mut headline = Vec::new();
        let mut others = Vec::new();
        for metric in metrics {
            let is_compared = summary.comparisons.iter().any(|comparison| comparison.metric == metric);
            let row = Row {
                metric: text::name(metric),
                words: text::name(&metric::words(metric)),
                help: words::help(metric),
                cells: summary.variants.iter().map(|variant| cell(summary, variant, metric, &mut notes)).collect(),
            };
            if is_compared || words::is_headline(metric) {
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
        Self { variants, headline, others, notes, needed: needed(summary) }
    }
}

fn cell(summary: &RunSummary, variant: &VariantSummary, metric: &str, notes: &mut Notes) -> Cell {
    let value = variant.metrics.get(metric).map_or_else(
        || number::ABSENT.into(),
        |value| text::name(&words::metric_value(metric, value.value, &value.unit)),
    );
    let comparison = summary
        .comparisons
        .iter()
        .find(|comparison| comparison.candidate == variant.name && comparison.metric == metric);
    Cell { variant: text::name(&variant.name), value, compared: comparison.map(|one| Compared::new(one, notes)) }
}

/// Metrics in reading order with the most pairs that any variant would need.
fn needed(summary: &RunSummary) -> Vec<(String, String)> {
    let mut most: BTreeMap<(usize, &str), u32> = BTreeMap::new();
    for one in summary.comparisons.iter().filter(|one| words::reason(one).is_none()) {
        let Some(pairs) = one.pairs_needed else { continue };
        let entry = most.entry((words::rank(&one.metric), &one.metric)).or_default();
        *entry = pairs.max(*entry);
    }
    most.into_iter().map(|((_, metric), pairs)| (text::name(&metric::words(metric)), words::pairs(pairs))).collect()
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
