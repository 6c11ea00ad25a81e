//! Limits on what is counted: error rates by exact bounds, counts trial by trial.

use super::{Bound, Limit, LimitVerdict, Side};
use crate::run::TrialRecord;
use crate::stats::{Counted, Design, clopper_pearson, rate_ratio};

/// A change of an error rate below this many events per operation matters to nobody (one in ten thousand).
const FLOOR: f64 = 1e-4;
/// Part of all pairs that was measured, to this power, is the part of the error rate that may be spent by then; as
/// [`Design`] spends it.
const POWER: f64 = 1.5;

/// How a limit is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// By its values, trial by trial.
    Measured,
    /// Events among operations, pooled.
    Share,
    /// A count that no trial may exceed.
    EachTrial,
}

/// How this limit is judged.
pub(super) fn kind(limit: &Limit) -> Kind {
    match (limit.metric.as_str(), limit.bound) {
        ("error_rate", _) | ("errors" | "timeouts" | "unanswered", Bound::Change(_)) => Kind::Share,
        ("errors" | "timeouts" | "unanswered", Bound::Value(_)) => Kind::EachTrial,
        _ => Kind::Measured,
    }
}

/// What pooled counts say of a limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) verdict: Option<LimitVerdict>,
    /// A share, or a ratio of shares.
    pub(super) estimate: Option<f64>,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
    pub(super) why: Option<String>,
    /// `5 of 24000 operations`.
    pub(super) told: String,
}

/// Judges events among operations at a look (from 0), or at the end. `None` without operations.
///
/// What a look may spend is what [`Design`] may, less what earlier looks may have: Bonferroni's inequality over looks.
pub(super) fn share(
    base: &[&TrialRecord],
    candidate: &[&TrialRecord],
    limit: &Limit,
    design: &Design,
    look: Option<usize>,
    last: bool,
) -> Option<Counts> {
    let part = spent(design, look, last);
    let [before, after] = [base, candidate].map(|trials| pooled(trials, &limit.metric));
    if after.1 == 0 {
        return None;
    }
    let mut counts = match limit.bound {
        Bound::Value(bound) => absolute(after, bound, limit, design.alpha(), part),
        Bound::Change(_) if before.1 == 0 => return None,
        Bound::Change(change) => relative(before, after, change, limit, design.alpha(), part),
    };
    counts.told = match limit.bound {
        Bound::Value(_) => format!("{} of {} operations", after.0, after.1),
        Bound::Change(_) => {
            format!("{} of {} operations against {} of {}", after.0, after.1, before.0, before.1)
        }
    };
    Some(counts)
}

/// The share of the error rate that this look may spend.
fn spent(design: &Design, look: Option<usize>, last: bool) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "sample sizes are far below 2^52")]
    let by = |look: usize| (design.looks()[look] as f64 / design.most() as f64).powf(POWER);
    match look {
        Some(look) if !last => by(look) - look.checked_sub(1).map_or(0.0, by),
        Some(look) => 1.0 - look.checked_sub(1).map_or(0.0, by),
        // Not at a look: the time was up. What looks before the last may have spent is gone.
        None => 1.0 - design.looks().len().checked_sub(2).map_or(0.0, by),
    }
}

fn absolute((events, operations): (u64, u64), bound: f64, limit: &Limit, alpha: f64, part: f64) -> Counts {
    let (sure_low, sure_high) = clopper_pearson(events, operations, 1.0 - alpha * part);
    let (low, high) = clopper_pearson(events, operations, 1.0 - crate::stats::INTERVAL_ALPHA * part);
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let estimate = events as f64 / operations as f64;
    let verdict = match limit.side {
        // No operation failed: there is nothing that a limit could have been broken by.
        Side::Below if high <= bound => Some(LimitVerdict::Held),
        Side::Below if sure_low > bound || (bound == 0.0 && events > 0) => Some(LimitVerdict::Broken),
        Side::Above if low >= bound => Some(LimitVerdict::Held),
        Side::Above if sure_high < bound => Some(LimitVerdict::Broken),
        _ => None,
    };
    let why = (verdict.is_none() && events == 0 && limit.side == Side::Below)
        .then(|| format!("none failed, and {operations} operations are too few to show a share as small as that"));
    Counts { verdict, estimate: Some(estimate), low: Some(low), high: Some(high), why, told: String::new() }
}

fn relative(before: (u64, u64), after: (u64, u64), change: f64, limit: &Limit, alpha: f64, part: f64) -> Counts {
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let counted = |(events, operations): (u64, u64)| Counted { events, exposure: operations as f64 };
    let level = 1.0 - crate::stats::INTERVAL_ALPHA * part;
    let Some(found) = rate_ratio(counted(before), counted(after), level, FLOOR) else { return Counts::default() };
    let bound = 1.0 + change;
    let verdict = match limit.side {
        Side::Below if after.0 == 0 || found.high <= bound => Some(LimitVerdict::Held),
        Side::Below if found.is_shown(alpha * part) && found.difference > 0.0 => {
            found.ratio.is_none_or(|ratio| ratio > bound).then_some(LimitVerdict::Broken)
        }
        Side::Above if found.low >= bound => Some(LimitVerdict::Held),
        Side::Above if found.is_shown(alpha * part) && found.difference < 0.0 => {
            found.ratio.is_some_and(|ratio| ratio < bound).then_some(LimitVerdict::Broken)
        }
        _ => None,
    };
    Counts {
        verdict,
        estimate: found.ratio,
        low: Some(found.low),
        high: Some(found.high),
        why: None,
        told: String::new(),
    }
}

/// Events ÷ operations over trials; `None` without operations.
pub(super) fn pooled_share(trials: &[&TrialRecord], metric: &str) -> Option<f64> {
    let (events, operations) = pooled(trials, metric);
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let share = events as f64 / operations as f64;
    (operations > 0).then_some(share)
}

/// Events and operations of the open loop over trials.
fn pooled(trials: &[&TrialRecord], metric: &str) -> (u64, u64) {
    let records = trials.iter().flat_map(|trial| &trial.operations);
    records.fold((0, 0), |(events, operations), one| {
        let counted = match metric {
            "errors" => one.errors,
            "timeouts" => one.timeouts,
            "unanswered" => one.unanswered,
            _ => one.errors + one.timeouts + one.unanswered,
        };
        (events + counted, operations + one.scheduled)
    })
}

/// The trial that counted most (least, where a limit is a lower end).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Worst {
    pub(super) value: f64,
    pub(super) within: bool,
    /// `most in a trial, of 12`.
    pub(super) told: String,
}

/// `None` without a trial that has the metric.
pub(super) fn worst(trials: &[&TrialRecord], limit: &Limit) -> Option<Worst> {
    let Bound::Value(bound) = limit.bound else { return None };
    let values: Vec<f64> = trials.iter().filter_map(|trial| trial.metrics.get(&limit.metric).copied()).collect();
    let most = values.iter().copied().max_by(f64::total_cmp)?;
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    let (value, within, which) = match (limit.side, limit.inclusive) {
        (Side::Below, true) => (most, most <= bound, "most"),
        (Side::Below, false) => (most, most < bound, "most"),
        (Side::Above, true) => (least, least >= bound, "least"),
        (Side::Above, false) => (least, least > bound, "least"),
    };
    let trials = if values.len() == 1 { "1 trial".to_owned() } else { format!("any of {} trials", values.len()) };
    Some(Worst { value, within, told: format!("the {which} in {trials}") })
}
