//! On which scale values are set against their bound, and what is asked there.

use super::{Bound, Limit, Side};
use crate::metric::Better;
use crate::stats::Question;

/// The question behind a limit: `regressed` is the answer that breaks it.
pub(super) fn question(limit: &Limit) -> Question {
    let better = match limit.side {
        Side::Below => Better::Lower,
        Side::Above => Better::Higher,
    };
    let effect = match limit.bound {
        Bound::Change(change) if !beyond_nothing(limit.side, change) => change.ln_1p().abs().exp_m1(),
        _ => 0.0,
    };
    Question { better, margin: effect, least_effect: effect }
}

/// Whether a limit asks for more than no change: `<-10%`, `>+5%`.
pub(super) fn beyond_nothing(side: Side, change: f64) -> bool {
    match side {
        Side::Below => change < 0.0,
        Side::Above => change > 0.0,
    }
}

/// The bound on the scale of a cell's differences.
pub(super) fn edge(limit: &Limit) -> f64 {
    match limit.bound {
        Bound::Change(change) if !beyond_nothing(limit.side, change) => change.ln_1p(),
        _ => 0.0,
    }
}

/// Whether values of this unit may be zero, so that they have no ratio to a bound.
fn may_be_zero(unit: &str) -> bool {
    !matches!(unit, "s" | "s/op" | "B" | "B/op" | "ops/s")
}

/// A value against its bound: a logarithm where it cannot be zero.
pub(super) fn against(value: f64, bound: f64, unit: &str) -> f64 {
    if may_be_zero(unit) || bound <= 0.0 || value <= 0.0 { value - bound } else { value.ln() - bound.ln() }
}

pub(super) fn from_bound(difference: f64, bound: f64, unit: &str) -> f64 {
    if may_be_zero(unit) || bound <= 0.0 { difference + bound } else { (difference + bound.ln()).exp() }
}
