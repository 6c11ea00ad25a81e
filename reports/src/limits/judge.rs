//! Judges limits while their trials come in, and says when no more are needed.
//!
//! A relative limit is broken where the candidate is shown to differ from what the limit grants without asking (no
//! change, or the change demanded), at the looks and error rate of [`crate::stats::Design`], and its estimate lies beyond
//! the bound. It is held where the interval, adjusted for the looks, lies within the bound. An absolute limit is judged
//! alike, on the candidate's trials against the bound itself. Error rates are counts: exact binomial bounds, and the exact
//! conditional test of two rates.

mod counted;
mod measured;

use std::collections::BTreeSet;

use super::counters::{self, Evidence};
use super::counts;
use super::scale::question;
use super::words::sentence;
use super::{Bound, Limit, LimitOutcome, LimitVerdict, Side, Stopped};
use crate::compare::pairs::{value, well_ended};
use crate::run::TrialRecord;
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

#[cfg(test)]
mod tests;
