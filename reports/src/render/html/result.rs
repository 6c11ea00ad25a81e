//! The result table.

use super::prose::prose;
use crate::render::chart::{self, interval};
use crate::render::table::{Compared, Row, Table};
use crate::render::{number, slo, text, words};
use crate::run::RunSummary;

/// Above this many variants each has a line of its own below its metric.
const BESIDE: usize = 2;

/// The table with what its pictures share.
pub(super) struct Result {
    pub(super) table: Table,
    pub(super) compared: bool,
    /// Whether any variant says what it is.
    pub(super) described: bool,
    /// Whether variants stand beside each other.
    pub(super) beside: bool,
    pub(super) how: String,
    pub(super) more: String,
    /// Reasons that cells refer to, HTML.
    pub(super) notes: Vec<String>,
    /// The objective, a sentence for each variant.
    pub(super) slo: Vec<String>,
    reach: f64,
}

impl Result {
    pub(super) fn new(summary: &RunSummary) -> Self {
        let table = Table::new(summary);
        let all = |rows: &[Row]| -> Vec<[f64; 3]> {
            rows.iter().flat_map(|row| &row.cells).filter_map(|cell| cell.compared.as_ref()?.picture).collect()
        };
        let intervals: Vec<_> = [all(&table.headline), all(&table.others)].concat();
        let compared =
            summary.comparisons.iter().any(|comparison| comparison.ratio.is_some() || comparison.why.is_some());
        let reach = interval::reach(intervals.iter().copied());
        let mut how = if compared {
            let mut how =
                "The ratio is variant ÷ base over paired trials with its 95 % interval; ~ means nothing was shown."
                    .to_owned();
            if !intervals.is_empty() {
                let [from, to] = [number::ratio(reach.recip()), number::ratio(reach)];
                how.push_str(&format!(" The bar draws that interval from {from} to {to}, its line is 1 = no change."));
            }
            how
        } else {
            "Latencies come from all measured operations together, everything else is the median over trials."
                .to_owned()
        };
        how.push_str(&measured(summary));
        let more = words::plural(table.others.len() as u64, "more metric", "more metrics");
        let described = table.variants.iter().any(|head| !head.summary.is_empty());
        let notes = table.notes.0.iter().map(|note| prose(note)).collect();
        let beside = table.variants.len() <= BESIDE;
        let slo = slo::sentences(summary);
        Self { compared, described, beside, how, more, notes, slo, reach, table }
    }

    /// Rows shown at once, then those behind a click.
    pub(super) fn groups(&self) -> [&[Row]; 2] {
        [&self.table.headline, &self.table.others]
    }

    /// CSS class of a variant's colour.
    pub(super) fn class(&self, index: &usize) -> String {
        chart::class(*index)
    }

    /// Whether the others are compared with this variant.
    pub(super) fn is_base(&self, index: &usize) -> bool {
        self.table.variants.get(*index).is_some_and(|head| head.base)
    }

    /// CSS class of a verdict.
    pub(super) fn verdict_class(&self, compared: &Compared) -> &'static str {
        words::verdict_class(compared.verdict)
    }

    /// The word for a verdict.
    pub(super) fn word(&self, compared: &Compared) -> &'static str {
        words::verdict(compared.verdict)
    }

    /// The interval as SVG, escaped; empty without one.
    pub(super) fn picture(&self, compared: &Compared) -> String {
        let Some(picture) = compared.picture else { return String::new() };
        let label = format!("ratio {}, {}", compared.ratio_and_interval(), compared.pairs);
        interval::svg(picture, self.reach, words::verdict_class(compared.verdict), &label)
    }
}

/// ` Latency covers append.`, where the run says so.
fn measured(summary: &RunSummary) -> String {
    let names: Vec<_> = summary
        .variants
        .first()
        .map(|variant| variant.measured_operations.iter().map(|operation| text::name(operation)).collect())
        .unwrap_or_default();
    if names.is_empty() { String::new() } else { format!(" Latency covers: {}.", names.join(", ")) }
}
