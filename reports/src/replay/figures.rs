//! What a replay found, as data.

use serde::Serialize;

use super::{Layout, Rule};
use crate::stats::{clopper_pearson, clopper_pearson_upper};

/// Everything a replay says.
#[derive(Debug, Clone, Serialize)]
pub struct Replay {
    /// Version of this document.
    pub format: u32,
    /// What was read.
    pub layout: Layout,
    /// Seed of swaps and resamples.
    pub seed: u64,
    /// Numbers of pairs, in the order of the cells.
    pub budgets: Vec<usize>,
    /// The candidates' measured differences, over all blocks.
    pub effects: Vec<Effect>,
    /// Two identical programs.
    pub false_alarms: Vec<Row>,
    /// Programs that are slower, and identical ones of which one was made slower.
    pub found: Vec<Row>,
}

/// A candidate against the base over all blocks: the mean of the base's logarithms where it has several labels.
#[derive(Debug, Clone, Serialize)]
pub struct Effect {
    /// Label.
    pub label: String,
    /// Pairs.
    pub pairs: usize,
    /// Hodges–Lehmann estimate of candidate ÷ base.
    pub ratio: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Standard deviation of the differences of logarithms.
    pub spread: f64,
}

/// One rule over one subject.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Who judges.
    pub rule: Rule,
    /// Whom: a label, or `A +5 %`.
    pub subject: String,
    /// A cell for each budget; none where the file has too few blocks for it.
    pub cells: Vec<Option<Cell>>,
}

/// A rule over a subject at a number of pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cell {
    /// Most pairs; trials of either program.
    pub pairs: usize,
    /// Swaps or resamples.
    pub runs: u64,
    /// Of them flagged as worse.
    pub regressed: u64,
    /// Flagged as better.
    pub improved: u64,
    /// Shown to be the same; no peer says so.
    pub same: u64,
    /// Nothing shown.
    pub cannot_tell: u64,
    /// Mean number of pairs used.
    pub mean_pairs: f64,
    /// Part flagged either way.
    pub flagged: f64,
    /// Upper end of the one-sided 95 % interval of that part (Clopper and Pearson).
    pub flagged_at_most: f64,
    /// Part flagged as worse.
    pub found: f64,
    /// Lower end of its 95 % interval over resamples; how few blocks a file has is not in it.
    pub found_low: f64,
    /// Upper end.
    pub found_high: f64,
}

impl Cell {
    /// The same with its rates.
    pub(super) fn rated(self) -> Self {
        let flagged = self.regressed + self.improved;
        let (found_low, found_high) = clopper_pearson(self.regressed, self.runs, 0.95);
        Self {
            flagged: part(flagged, self.runs),
            flagged_at_most: clopper_pearson_upper(flagged, self.runs, 0.95),
            found: part(self.regressed, self.runs),
            found_low,
            found_high,
            ..self
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn part(of: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { of as f64 / all as f64 }
}
