//! The result table.

use crate::render::chart::{self, interval};
use crate::render::table::{Compared, Row, Table};
use crate::render::{number, text, words};
use crate::run::RunSummary;

/// Above this many variants a cell's parts stand below each other.
const ROOMY: usize = 2;

/// The table with what its pictures share.
pub(super) struct Result {
    pub(super) table: Table,
    pub(super) compared: bool,
    /// Whether any variant says what it is.
    pub(super) described: bool,
    pub(super) roomy: bool,
    pub(super) how: String,
    pub(super) more: String,
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
        let reach = interval::reach(intervals.into_iter());
        let mut how = if compared {
            format!(
                "The ratio is variant ÷ base over paired trials with its 95 % interval; the bar draws that interval from \
                 {} to {}, its line is 1 = no change, and ~ means nothing was shown.",
                number::ratio(reach.recip()),
                number::ratio(reach)
            )
        } else {
            "Latencies come from all measured operations together, everything else is the median over trials."
                .to_owned()
        };
        how.push_str(&measured(summary));
        let more = words::plural(table.others.len() as u64, "more metric", "more metrics");
        let described = table.variants.iter().any(|head| !head.summary.is_empty());
        Self { compared, described, roomy: table.variants.len() <= ROOMY, how, more, reach, table }
    }

    /// Rows shown at once, then those behind a click.
    pub(super) fn groups(&self) -> [&[Row]; 2] {
        [&self.table.headline, &self.table.others]
    }

    /// CSS class of a variant's colour.
    pub(super) fn class(&self, index: &usize) -> String {
        chart::class(*index)
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
