//! Limits on what is counted: operations, single trials, and evidence.

use super::{Cell, How, Judge};
use crate::compare::pairs::well_ended;
use crate::limits::counts::{self, Counts};
use crate::limits::{Bound, LimitOutcome, LimitVerdict, counters};

impl Judge {
    /// Whether trials ended well and had no operations that could have failed.
    pub(super) fn nothing_to_count(&self, index: usize) -> bool {
        let cell = &self.cells[index];
        if cell.how == How::EachTrial {
            return self.absent(cell);
        }
        let nothing = |variant: &str| counts::nothing_sent(&well_ended(&self.trials, variant));
        nothing(&cell.candidate) || (matches!(cell.limit.bound, Bound::Change(_)) && nothing(&self.base))
    }

    pub(super) fn count_operations(&self, index: usize, last: bool) -> Option<(LimitVerdict, Counts)> {
        let cell = &self.cells[index];
        let (base, candidate) = (well_ended(&self.trials, &self.base), well_ended(&self.trials, &cell.candidate));
        let look = self.design.looks().iter().position(|look| *look == self.pairs);
        if !last && look.is_none() {
            return None;
        }
        let all = counts::share(&base, &candidate, &cell.limit, &self.design, look, last)?;
        all.verdict.or(last.then_some(LimitVerdict::CannotTell)).map(|verdict| (verdict, all))
    }

    pub(super) fn count_each(&self, index: usize, last: bool) -> Option<LimitVerdict> {
        let cell = &self.cells[index];
        let worst = counts::worst(&well_ended(&self.trials, &cell.candidate), &cell.limit)?;
        match (worst.within, last || self.pairs >= self.design.looks()[0]) {
            (false, _) => Some(LimitVerdict::Broken),
            (true, true) => Some(LimitVerdict::Held),
            (true, false) => None,
        }
    }

    /// Judges by evidence; nothing of it where another limit has failed before any was gathered.
    pub(super) fn count_evidence(&self, cell: &Cell, outcome: &mut LimitOutcome) -> Option<String> {
        let own = self.evidence.iter().filter(|one| one.variant == cell.candidate && one.counts.is_ok());
        outcome.pairs = u32::try_from(own.count()).unwrap_or(u32::MAX);
        if self.failed() {
            return Some("not counted".to_owned());
        }
        #[allow(clippy::cast_precision_loss, reason = "families are small")]
        let alpha = self.alpha / self.cells.len().max(1) as f64;
        match counters::judge(&self.evidence, (&self.base, &cell.candidate), &cell.limit, alpha) {
            Ok(counts) => {
                outcome.verdict = counts.verdict.unwrap_or(LimitVerdict::CannotTell);
                outcome.estimate = counts.estimate;
                (outcome.low, outcome.high, outcome.why) = (counts.low, counts.high, counts.why);
                Some(counts.told)
            }
            Err(why) => {
                outcome.why = Some(why);
                Some("not counted".to_owned())
            }
        }
    }
}
