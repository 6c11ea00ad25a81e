//! Replays the gate and the rules of other tools over recorded trials of known programs: how often each cries wolf over
//! two that are identical, and how often it misses one that is slower.
//!
//! Pure but for [`read`]: the same file, options and seed give the same figures.

mod data;
mod error;
mod figures;
mod file;
mod random;
mod rank_sum;
mod rules;
mod simulate;
mod text;

use std::path::Path;

pub use data::{Layout, Trials};
pub use error::ReplayError;
pub use figures::{Cell, Effect, Replay, Row};
pub use rules::Rule;
pub use simulate::replay;
pub use text::text;

/// What to replay.
#[derive(Debug, Clone)]
pub struct Options {
    /// Column of the metric; the first known one where absent.
    pub metric: Option<String>,
    /// Labels of the identical programs; found by name where empty.
    pub base: Vec<String>,
    /// Numbers of pairs; as many of the usual ones as the file has blocks for where empty.
    pub budgets: Vec<usize>,
    /// Random label swaps a figure of false alarms rests on.
    pub swaps: u32,
    /// Resamples a figure of power rests on.
    pub resamples: u32,
    /// Relative margin of `same` (0.03 is 3 %); by the metric where absent.
    pub margin: Option<f64>,
    /// Smallest estimate that counts, relative; see [`crate::stats::Question::least_effect`].
    pub least_effect: f64,
    /// Two-sided error rate of the gate, over all looks; [`crate::stats::GATE_ALPHA`] unless another is tried.
    pub alpha: f64,
    /// Who judges.
    pub rules: Vec<Rule>,
    /// Seed of swaps and resamples.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            metric: None,
            base: Vec::new(),
            budgets: Vec::new(),
            swaps: 40_000,
            resamples: 2_000,
            margin: None,
            least_effect: 0.0,
            alpha: crate::stats::GATE_ALPHA,
            rules: Rule::ALL.to_vec(),
            seed: 1,
        }
    }
}

/// Reads a file of trials, `.csv` or `.csv.gz`.
///
/// # Errors
/// A file that cannot be read, or is no table of trials: with the line, the column and what to do.
pub fn read(path: &Path, options: &Options) -> Result<Trials, ReplayError> {
    let table = file::Table::read(path)?;
    data::trials(&table, options)
}

#[cfg(test)]
mod tests;
