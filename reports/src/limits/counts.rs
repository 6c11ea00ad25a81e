//! Limits on what is counted: error rates by exact bounds, counts trial by trial.

use super::counters::{self, Source};
use super::{Bound, Limit, LimitVerdict, Side};
use crate::run::TrialRecord;
use crate::stats::{Clustered, Counted, Design, clustered_ratio};

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
    /// Events among operations of evidence trials, pooled.
    FromEvidence,
}

/// How this limit is judged.
pub(super) fn kind(limit: &Limit) -> Kind {
    match (limit.metric.as_str(), limit.bound) {
        ("error_rate", _) | ("errors" | "timeouts" | "unanswered", Bound::Change(_)) => Kind::Share,
        ("errors" | "timeouts" | "unanswered", Bound::Value(_)) => Kind::EachTrial,
        // Whether a program is ours changes who counts, not whether.
        (metric, _) if matches!(counters::source(metric, true), Source::Counted(_)) => Kind::FromEvidence,
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
/// Operations of a trial are not independent: bounds are those of [`Clustered`], by trial.
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
    let [before, after] = [base, candidate].map(|trials| by_trial(trials, &limit.metric));
    let [base, candidate] = [&before, &after].map(|trials| Clustered::of(trials));
    if candidate.exposure <= 0.0 {
        return None;
    }
    let of = |side: Clustered| format!("{} of {}", side.events, side.exposure);
    let mut counts = match limit.bound {
        Bound::Value(bound) => absolute(&candidate, (bound, 1.0), limit, design.alpha(), part),
        Bound::Change(_) if base.exposure <= 0.0 => return None,
        Bound::Change(change) => relative(&before, &after, (change, FLOOR), limit, design.alpha(), part),
    };
    counts.told = match limit.bound {
        Bound::Value(_) => format!("{} operations{}", of(candidate), bursts(&[candidate], after.len())),
        Bound::Change(_) => format!(
            "{} operations against {}{}",
            of(candidate),
            of(base),
            bursts(&[base, candidate], before.len() + after.len())
        ),
    };
    Some(counts)
}

/// What a reader must know of operations that fail together: ``, in bursts: 12 trials differ 8.2 times as much as chance``.
/// What never happened shows no bursts: its bounds take operations as independent, and say so.
fn bursts(sides: &[Clustered], trials: usize) -> String {
    if sides.iter().all(|side| side.events == 0) {
        return "; bursts rarer than one a run are not ruled out".to_owned();
    }
    let most = sides.iter().map(|side| side.design_effect).fold(0.0, f64::max);
    // Twice is what a dozen trials of independent operations reach once in fifty times.
    if most < 2.0 {
        return String::new();
    }
    format!(", in bursts: {trials} trials differ {most:.1} times as much as chance has it")
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

/// Judges a side by itself; a share times `scale` is a value in the metric's unit.
pub(super) fn absolute(
    counted: &Clustered,
    (bound, scale): (f64, f64),
    limit: &Limit,
    alpha: f64,
    part: f64,
) -> Counts {
    let events = counted.events;
    let interval = |level: f64| {
        let (low, high) = counted.interval(level * part / 2.0);
        (low * scale, high * scale)
    };
    let (sure_low, sure_high) = interval(alpha);
    let (low, high) = interval(crate::stats::INTERVAL_ALPHA);
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let estimate = events as f64 / counted.exposure * scale;
    let verdict = match limit.side {
        // No operation failed: there is nothing that a limit could have been broken by.
        Side::Below if high <= bound => Some(LimitVerdict::Held),
        Side::Below if sure_low > bound || (bound == 0.0 && events > 0) => Some(LimitVerdict::Broken),
        Side::Above if low >= bound => Some(LimitVerdict::Held),
        Side::Above if sure_high < bound => Some(LimitVerdict::Broken),
        _ => None,
    };
    let why = (verdict.is_none() && events == 0 && limit.side == Side::Below)
        .then(|| "none was seen, and these are too few operations to show a part as small as that".to_owned());
    Counts { verdict, estimate: Some(estimate), low: Some(low), high: Some(high), why, told: String::new() }
}

/// Judges two sides; differences below `floor` events per operation count for nothing.
pub(super) fn relative(
    base: &[Counted],
    candidate: &[Counted],
    (change, floor): (f64, f64),
    limit: &Limit,
    alpha: f64,
    part: f64,
) -> Counts {
    // Test and interval have levels of their own, and few trials widen each by its level.
    let at = |level: f64| clustered_ratio(base, candidate, level * part / 2.0, floor);
    let (Some(found), Some(sure)) = (at(crate::stats::INTERVAL_ALPHA), at(alpha)) else { return Counts::default() };
    let none = candidate.iter().all(|trial| trial.events == 0);
    let bound = 1.0 + change;
    let verdict = match limit.side {
        Side::Below if none || found.high <= bound => Some(LimitVerdict::Held),
        Side::Below if sure.is_shown(alpha * part) && sure.difference > 0.0 => {
            found.ratio.is_none_or(|ratio| ratio > bound).then_some(LimitVerdict::Broken)
        }
        Side::Above if found.low >= bound => Some(LimitVerdict::Held),
        Side::Above if sure.is_shown(alpha * part) && sure.difference < 0.0 => {
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
    let all = Clustered::of(&by_trial(trials, metric));
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let share = all.events as f64 / all.exposure;
    (all.exposure > 0.0).then_some(share)
}

/// Events and operations of the open loop of each trial: operations of one share its luck.
fn by_trial(trials: &[&TrialRecord], metric: &str) -> Vec<Counted> {
    let counted = |trial: &&TrialRecord| {
        let events = trial.operations.iter().map(|one| match metric {
            "errors" => one.errors,
            "timeouts" => one.timeouts,
            "unanswered" => one.unanswered,
            _ => one.errors + one.timeouts + one.unanswered,
        });
        let operations: u64 = trial.operations.iter().map(|one| one.scheduled).sum();
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let exposure = operations as f64;
        Counted { events: events.sum(), exposure }
    };
    trials.iter().map(counted).collect()
}

/// Whether there are trials, and none of them had an operation in its open loop.
pub(super) fn nothing_sent(trials: &[&TrialRecord]) -> bool {
    let sent = |trial: &&TrialRecord| trial.operations.iter().any(|one| one.scheduled > 0);
    !trials.is_empty() && !trials.iter().any(sent)
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
