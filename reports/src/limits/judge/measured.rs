//! Limits on what is measured: differences in the order of blocks, each limit a member of the family.

use super::{Cell, How, Judge};
use crate::compare::pairs::{collect, value, well_ended};
use crate::limits::scale::{against, beyond_nothing, edge, from_bound};
use crate::limits::{Bound, LimitOutcome, LimitVerdict, Side};
use crate::run::Verdict;
use crate::stats::{self, Conclusion, Design};

impl Judge {
    /// Feeds what is new to the member of the family, and looks.
    pub(super) fn look(&mut self, index: usize) -> Option<LimitVerdict> {
        let cell = self.cells[index].clone();
        let How::Sequential { member, fed } = cell.how else { return None };
        if self.absent(&cell) {
            return Some(LimitVerdict::NotComparable);
        }
        let differences = self.differences(&cell).ok()?;
        let family = self.family.as_mut()?;
        for difference in &differences[fed.min(differences.len())..] {
            // Values of a metric are finite and, on a scale of ratios, positive: both were looked at.
            let _ = family.push(member, *difference);
        }
        self.cells[index].how = How::Sequential { member, fed: differences.len() };
        let session = &family.members()[member];
        if let Some(conclusion) = session.conclusion()
            && conclusion.verdict == Verdict::Regressed
        {
            return Some(LimitVerdict::Broken);
        }
        let taken = session.design().looks().iter().position(|look| *look == differences.len())?;
        let interval = stats::interval(&differences, 1.0 - session.design().interval_level(taken))?;
        self.inside(&cell, interval).then_some(LimitVerdict::Held)
    }

    pub(super) fn measured(
        &self,
        cell: &Cell,
        member: usize,
        conclusion: Option<&Conclusion>,
        (decided, last): (Option<LimitVerdict>, bool),
        outcome: &mut LimitOutcome,
    ) {
        let differences = match self.differences(cell) {
            Ok(differences) => differences,
            Err(why) => {
                outcome.why = Some(why);
                outcome.verdict =
                    if self.absent(cell) { LimitVerdict::NotComparable } else { LimitVerdict::CannotTell };
                return;
            }
        };
        outcome.pairs = u32::try_from(differences.len()).unwrap_or(u32::MAX);
        let Some(session) = self.family.as_ref().map(|family| &family.members()[member]) else { return };
        let interval = stats::interval(&differences, 1.0 - interval_level(session.design(), differences.len()));
        let shown = |difference: f64| self.shown(cell, difference);
        outcome.estimate = stats::hodges_lehmann(&differences).map(shown);
        outcome.low = interval.map(|(low, _)| shown(low));
        outcome.high = interval.map(|(_, high)| shown(high));
        outcome.verdict = match (decided, conclusion.map(|one| one.verdict)) {
            (Some(verdict), _) => verdict,
            (None, Some(Verdict::Regressed)) => LimitVerdict::Broken,
            (None, _) if last && interval.is_some_and(|interval| self.inside(cell, interval)) => LimitVerdict::Held,
            _ => LimitVerdict::CannotTell,
        };
        if outcome.verdict == LimitVerdict::CannotTell
            && let Some(conclusion) = conclusion
        {
            outcome.why.clone_from(&conclusion.why);
            outcome.pairs_needed = conclusion.pairs_needed.filter(|needed| *needed > outcome.pairs);
        }
    }

    /// Differences of a cell in the order of blocks, or why there are none.
    fn differences(&self, cell: &Cell) -> Result<Vec<f64>, String> {
        let (limit, metric) = (&cell.limit, cell.limit.about());
        match limit.bound {
            Bound::Change(change) => {
                let Some(collected) = collect(&self.trials, &self.base, &cell.candidate, &limit.metric, metric) else {
                    return Err(format!("no trial has a value of {} that is not zero", limit.metric));
                };
                let granted = if beyond_nothing(limit.side, change) { change.ln_1p() } else { 0.0 };
                Ok(collected.log_ratios?.into_iter().map(|ratio| ratio - granted).collect())
            }
            Bound::Value(bound) => {
                let trials = well_ended(&self.trials, &cell.candidate);
                let limited = trials.iter().filter(|trial| trial.driver.limited.is_some()).count();
                if metric.latency && 2 * limited > trials.len() {
                    let of = trials.len();
                    return Err(format!("the load driver could not keep up in {limited} of {of} trials"));
                }
                let kept = trials.iter().filter(|trial| !metric.latency || trial.driver.limited.is_none());
                let values: Vec<f64> = kept.filter_map(|trial| value(trial, &limit.metric)).collect();
                if values.is_empty() {
                    return Err(format!("no trial has a value of {}", limit.metric));
                }
                Ok(values.into_iter().map(|value| against(value, bound, metric.unit)).collect())
            }
        }
    }

    /// Whether no variant has the metric although trials ended well: it is not measured here.
    pub(super) fn absent(&self, cell: &Cell) -> bool {
        let none = |variant: &str| {
            let trials = well_ended(&self.trials, variant);
            !trials.is_empty()
                && trials
                    .iter()
                    .all(|trial| trial.driver.limited.is_none() && value(trial, &cell.limit.metric).is_none())
        };
        none(&cell.candidate) && (matches!(cell.limit.bound, Bound::Value(_)) || none(&self.base))
    }

    /// Whether an interval of differences lies on the side that the limit allows.
    fn inside(&self, cell: &Cell, (low, high): (f64, f64)) -> bool {
        let bound = edge(&cell.limit);
        match (cell.limit.side, cell.limit.inclusive) {
            (Side::Below, true) => high <= bound,
            (Side::Below, false) => high < bound,
            (Side::Above, true) => low >= bound,
            (Side::Above, false) => low > bound,
        }
    }

    /// A difference as the outcome shows it: a ratio, or a value.
    fn shown(&self, cell: &Cell, difference: f64) -> f64 {
        match cell.limit.bound {
            Bound::Change(change) if beyond_nothing(cell.limit.side, change) => (difference + change.ln_1p()).exp(),
            Bound::Change(_) => difference.exp(),
            Bound::Value(bound) => from_bound(difference, bound, cell.limit.about().unit),
        }
    }
}

/// One minus the confidence of the interval of so many pairs: of their look, or of one more where the time was up.
fn interval_level(design: &Design, pairs: usize) -> f64 {
    if let Some(look) = design.looks().iter().position(|look| *look == pairs) {
        return design.interval_level(look);
    }
    // Without pairs there is no interval, whatever its level.
    design.ending(pairs).map_or(0.0, |design| design.interval_level(design.looks().len() - 1))
}
