//! Judges what each side spent, trial by trial: what grew, what shrank, and what cannot be told.

use flamegraphs::diff::mean;
use flamegraphs::svg::difference::Change;
use reports::run::{MoveKind, Moved};
use reports::stats::{MeanDifference, benjamini_hochberg, mean_difference};

use super::NANO;

/// Adjusted p below which something moved.
const ALPHA: f64 = 0.05;

/// What turns values into judgements.
pub(super) struct Scale {
    pub(super) pairs: usize,
    /// By side: CPU that a sample stands for, nanoseconds.
    pub(super) period: [f64; 2],
    /// By side and trial.
    pub(super) operations: [Vec<f64>; 2],
}

impl Scale {
    pub(super) fn difference(&self, values: &[Vec<f64>; 2]) -> Option<MeanDifference> {
        mean_difference(&values[0], &values[1], self.noise(values))
    }

    /// Standard error of the mean difference that counting samples alone leaves: a value of n samples has a variance of n.
    fn noise(&self, values: &[Vec<f64>; 2]) -> f64 {
        let of_side = |(values, (operations, period)): (&Vec<f64>, (&Vec<f64>, &f64))| {
            values.iter().zip(operations).map(|(value, operations)| value * period / operations).sum::<f64>()
        };
        let sides = values.iter().zip(self.operations.iter().zip(&self.period));
        sides.map(of_side).sum::<f64>().sqrt() / self.pairs.max(1) as f64
    }

    pub(super) fn moved(&self, values: &[Vec<f64>; 2], change: Change, p_adjusted: Option<f64>) -> Moved {
        let told = self.difference(values);
        Moved {
            base: mean(&values[0]) * NANO,
            candidate: mean(&values[1]) * NANO,
            low: told.map(|told| told.low * NANO),
            high: told.map(|told| told.high * NANO),
            p_adjusted,
            change: kind(change),
        }
    }

    /// Judges a family of values together.
    pub(super) fn judged(&self, family: &[&[Vec<f64>; 2]]) -> Vec<(Change, Option<f64>)> {
        let told: Vec<Option<MeanDifference>> = family.iter().map(|values| self.difference(values)).collect();
        let p: Vec<f64> = told.iter().map(|told| told.map_or(1.0, |told| told.p)).collect();
        let adjusted = benjamini_hochberg(&p);
        let each = told.iter().zip(adjusted).map(|(told, p)| match told {
            Some(told) => (change(told, p), Some(p)),
            None => (Change::Unsure, None),
        });
        each.collect()
    }
}

pub(super) fn change(told: &MeanDifference, p: f64) -> Change {
    match () {
        () if p >= ALPHA => Change::Unsure,
        () if told.mean > 0.0 => Change::Grew,
        () => Change::Shrank,
    }
}

pub(super) fn kind(change: Change) -> MoveKind {
    match change {
        Change::Unsure => MoveKind::Unsure,
        Change::Grew => MoveKind::Grew,
        Change::Shrank => MoveKind::Shrank,
    }
}
