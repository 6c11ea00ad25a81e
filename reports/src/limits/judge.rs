//! Judges limits while their trials come in, and says when no more are needed.
//!
//! A relative limit is broken where the candidate is shown to differ from what the limit grants without asking (no
//! change, or the change demanded), at the looks and error rate of [`crate::stats::Design`], and its estimate lies beyond
//! the bound. It is held where the interval, adjusted for the looks, lies within the bound. An absolute limit is judged
//! alike, on the candidate's trials against the bound itself. Error rates are counts: exact binomial bounds, and the exact
//! conditional test of two rates.

use std::collections::BTreeSet;

use super::counters::{self, Evidence};
use super::counts::{self, Counts};
use super::scale::{against, beyond_nothing, edge, from_bound, question};
use super::words::sentence;
use super::{Bound, Limit, LimitOutcome, LimitVerdict, Side, Stopped};
use crate::compare::pairs::{collect, value, well_ended};
use crate::run::{TrialRecord, Verdict};
use crate::stats::{self, Conclusion, Design, DesignError, Family};

/// Limits, the variants they are for, and what was heard so far.
#[derive(Debug, Clone)]
pub struct Judge {
    base: String,
    candidates: Vec<String>,
    cells: Vec<Cell>,
    family: Option<Family>,
    design: Design,
    alpha: f64,
    trials: Vec<TrialRecord>,
    evidence: Vec<Evidence>,
    pairs: usize,
    decided: Vec<Option<LimitVerdict>>,
}

/// A limit for a candidate.
#[derive(Debug, Clone)]
struct Cell {
    limit: Limit,
    candidate: String,
    how: How,
}

/// How a cell is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    /// Logarithms of candidate ÷ base, or values against the bound: a member of the family, and how much of it was fed.
    Sequential { member: usize, fed: usize },
    /// Events among operations.
    Counted,
    /// A count that no trial may exceed.
    EachTrial,
    /// What evidence trials count: looked at once, when all are there.
    FromEvidence,
}

impl Judge {
    /// `most` pairs at most; `alpha` over all limits, candidates and looks.
    ///
    /// # Errors
    /// No pairs, or an `alpha` that is not between 0 and 1.
    pub fn new(
        limits: &[Limit],
        base: &str,
        candidates: &[String],
        most: usize,
        alpha: f64,
    ) -> Result<Self, DesignError> {
        let (mut cells, mut questions) = (Vec::new(), Vec::new());
        for candidate in candidates {
            for limit in limits {
                let how = match counts::kind(limit) {
                    counts::Kind::Share => How::Counted,
                    counts::Kind::EachTrial => How::EachTrial,
                    counts::Kind::FromEvidence => How::FromEvidence,
                    counts::Kind::Measured => {
                        questions.push(question(limit));
                        How::Sequential { member: questions.len() - 1, fed: 0 }
                    }
                };
                cells.push(Cell { limit: limit.clone(), candidate: candidate.clone(), how });
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "families are small")]
        let (members, all) = (questions.len() as f64, cells.len().max(1) as f64);
        let family =
            if questions.is_empty() { None } else { Some(Family::gate(&questions, most, alpha * members / all)?) };
        let decided = vec![None; cells.len()];
        Ok(Self {
            base: base.to_owned(),
            candidates: candidates.to_vec(),
            cells,
            family,
            design: Design::gate(most, alpha / all)?,
            alpha,
            trials: Vec::new(),
            evidence: Vec::new(),
            pairs: 0,
            decided,
        })
    }

    /// Takes in what an evidence trial counted.
    pub fn count(&mut self, evidence: Evidence) {
        self.evidence.push(evidence);
    }

    /// Takes in a measured trial; at the end of a block it looks, where a look is due.
    pub fn hear(&mut self, trial: TrialRecord) {
        self.trials.push(trial);
        let pairs = self.complete_blocks();
        if pairs == self.pairs {
            return;
        }
        self.pairs = pairs;
        for index in 0..self.cells.len() {
            let verdict = match self.cells[index].how {
                How::Sequential { .. } => self.look(index),
                How::Counted | How::EachTrial if self.nothing_to_count(index) => Some(LimitVerdict::NotComparable),
                How::Counted => self.count_operations(index, false).map(|(verdict, _)| verdict),
                How::EachTrial => self.count_each(index, false),
                How::FromEvidence => None,
            };
            if self.decided[index].is_none() {
                self.decided[index] = verdict;
            }
        }
    }

    /// Whether more pairs would change nothing: a limit is broken or cannot be judged at all, or every one that measured
    /// trials decide is held.
    pub fn decided(&self) -> bool {
        let open = |(cell, verdict): (&Cell, &Option<LimitVerdict>)| cell.how != How::FromEvidence && verdict.is_none();
        self.failed() || !self.cells.iter().zip(&self.decided).any(open)
    }

    /// Whether evidence trials are still to be counted: a gate that has failed needs none.
    pub fn awaits_counts(&self) -> bool {
        !self.failed() && self.cells.iter().any(|cell| cell.how == How::FromEvidence)
    }

    fn failed(&self) -> bool {
        let ends = |verdict: &Option<LimitVerdict>| {
            matches!(verdict, Some(LimitVerdict::Broken | LimitVerdict::NotComparable))
        };
        self.decided.iter().any(ends)
    }

    /// Blocks in which every variant has ended well.
    pub fn pairs(&self) -> usize {
        self.pairs
    }

    /// Numbers of pairs at which it looks.
    pub fn looks(&self) -> &[usize] {
        self.design.looks()
    }

    /// Error rate over everything.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// What became of every limit. Where nothing decided before, this is the last look, unless `stopped` says that the
    /// result itself ended it.
    pub fn outcomes(&self, stopped: Stopped) -> Vec<LimitOutcome> {
        let last = stopped != Stopped::Early;
        let conclusions: Vec<Option<Conclusion>> = match &self.family {
            // Every member ends here; those that were decided stay as they are.
            Some(family) if last => family.clone().finish().into_iter().map(Some).collect(),
            Some(family) => family.members().iter().map(|member| member.conclusion().cloned()).collect(),
            None => Vec::new(),
        };
        (0..self.cells.len()).map(|index| self.outcome(index, last, &conclusions)).collect()
    }

    fn complete_blocks(&self) -> usize {
        let of = |variant: &str| -> BTreeSet<u32> {
            well_ended(&self.trials, variant).iter().filter_map(|trial| trial.block).collect()
        };
        let mut common = of(&self.base);
        for candidate in &self.candidates {
            let theirs = of(candidate);
            common.retain(|block| theirs.contains(block));
        }
        common.len()
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

    /// Feeds what is new to the member of the family, and looks.
    fn look(&mut self, index: usize) -> Option<LimitVerdict> {
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

    /// Whether no variant has the metric although trials ended well: it is not measured here.
    fn absent(&self, cell: &Cell) -> bool {
        let none = |variant: &str| {
            let trials = well_ended(&self.trials, variant);
            !trials.is_empty()
                && trials
                    .iter()
                    .all(|trial| trial.driver.limited.is_none() && value(trial, &cell.limit.metric).is_none())
        };
        none(&cell.candidate) && (matches!(cell.limit.bound, Bound::Value(_)) || none(&self.base))
    }

    /// Whether trials ended well and had no operations that could have failed.
    fn nothing_to_count(&self, index: usize) -> bool {
        let cell = &self.cells[index];
        if cell.how == How::EachTrial {
            return self.absent(cell);
        }
        let nothing = |variant: &str| counts::nothing_sent(&well_ended(&self.trials, variant));
        nothing(&cell.candidate) || (matches!(cell.limit.bound, Bound::Change(_)) && nothing(&self.base))
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

    fn outcome(&self, index: usize, last: bool, conclusions: &[Option<Conclusion>]) -> LimitOutcome {
        let cell = &self.cells[index];
        let mut outcome = self.blank(cell);
        let counted = match cell.how {
            How::Counted | How::EachTrial if self.nothing_to_count(index) => {
                outcome.verdict = LimitVerdict::NotComparable;
                outcome.why = Some("no operation was sent in an open loop: there is nothing to count".to_owned());
                None
            }
            How::Sequential { member, .. } => {
                let conclusion = conclusions.get(member).and_then(Option::as_ref);
                self.measured(cell, member, conclusion, (self.decided[index], last), &mut outcome);
                None
            }
            How::Counted => self.count_operations(index, last).map(|(verdict, counts)| {
                outcome.verdict = self.decided[index].unwrap_or(verdict);
                outcome.estimate = counts.estimate;
                (outcome.low, outcome.high) = (counts.low, counts.high);
                outcome.why = counts.why;
                counts.told
            }),
            How::EachTrial => {
                outcome.verdict = self.count_each(index, last).unwrap_or(LimitVerdict::CannotTell);
                let worst = counts::worst(&well_ended(&self.trials, &cell.candidate), &cell.limit);
                outcome.estimate = worst.as_ref().map(|worst| worst.value);
                worst.map(|worst| worst.told)
            }
            How::FromEvidence => self.count_evidence(cell, &mut outcome),
        };
        let early = !last && (cell.how != How::FromEvidence || self.failed());
        if outcome.verdict == LimitVerdict::CannotTell && early && outcome.why.is_none() {
            outcome.why = Some("the gate ended as another limit was decided".to_owned());
        }
        outcome.sentence = sentence(&cell.limit, &outcome, counted.as_deref());
        outcome
    }

    fn measured(
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

    /// A difference as the outcome shows it: a ratio, or a value.
    fn shown(&self, cell: &Cell, difference: f64) -> f64 {
        match cell.limit.bound {
            Bound::Change(change) if beyond_nothing(cell.limit.side, change) => (difference + change.ln_1p()).exp(),
            Bound::Change(_) => difference.exp(),
            Bound::Value(bound) => from_bound(difference, bound, cell.limit.about().unit),
        }
    }

    fn count_operations(&self, index: usize, last: bool) -> Option<(LimitVerdict, Counts)> {
        let cell = &self.cells[index];
        let (base, candidate) = (well_ended(&self.trials, &self.base), well_ended(&self.trials, &cell.candidate));
        let look = self.design.looks().iter().position(|look| *look == self.pairs);
        if !last && look.is_none() {
            return None;
        }
        let all = counts::share(&base, &candidate, &cell.limit, &self.design, look, last)?;
        all.verdict.or(last.then_some(LimitVerdict::CannotTell)).map(|verdict| (verdict, all))
    }

    /// Judges by evidence; nothing of it where another limit has failed before any was gathered.
    fn count_evidence(&self, cell: &Cell, outcome: &mut LimitOutcome) -> Option<String> {
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

    fn count_each(&self, index: usize, last: bool) -> Option<LimitVerdict> {
        let cell = &self.cells[index];
        let worst = counts::worst(&well_ended(&self.trials, &cell.candidate), &cell.limit)?;
        match (worst.within, last || self.pairs >= self.design.looks()[0]) {
            (false, _) => Some(LimitVerdict::Broken),
            (true, true) => Some(LimitVerdict::Held),
            (true, false) => None,
        }
    }

    fn blank(&self, cell: &Cell) -> LimitOutcome {
        let metric = cell.limit.about();
        let median = |variant: &str| {
            if cell.how == How::FromEvidence {
                return counters::rate(&self.evidence, variant, &cell.limit);
            }
            if cell.how == How::Counted && cell.limit.metric == "error_rate" {
                return counts::pooled_share(&well_ended(&self.trials, variant), &cell.limit.metric);
            }
            let values: Vec<f64> = well_ended(&self.trials, variant)
                .iter()
                .filter(|trial| !metric.latency || trial.driver.limited.is_none())
                .filter_map(|trial| value(trial, &cell.limit.metric))
                .collect();
            stats::median(&values)
        };
        let (relative, bound) = match cell.limit.bound {
            Bound::Change(change) => (true, 1.0 + change),
            Bound::Value(bound) => (false, bound),
        };
        LimitOutcome {
            limit: cell.limit.text.clone(),
            metric: cell.limit.metric.clone(),
            candidate: cell.candidate.clone(),
            source: cell.limit.source.clone(),
            verdict: LimitVerdict::CannotTell,
            relative,
            bound,
            upper: cell.limit.side == Side::Below,
            unit: metric.unit.to_owned(),
            estimate: None,
            low: None,
            high: None,
            level: 1.0 - stats::INTERVAL_ALPHA,
            base_value: median(&self.base),
            candidate_value: median(&cell.candidate),
            pairs: u32::try_from(self.pairs).unwrap_or(u32::MAX),
            pairs_needed: None,
            counted: cell.how == How::FromEvidence,
            why: None,
            sentence: String::new(),
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

#[cfg(test)]
mod tests;
