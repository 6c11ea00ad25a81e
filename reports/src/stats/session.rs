//! A comparison that is fed pairs one at a time and says at each look whether it is decided.

use super::design::Design;
use super::verdict::{Conclusion, Question, Strictness, conclude};
use crate::run::Verdict;

/// A sequential comparison of one metric of two variants.
///
/// ```
/// use reports::metric;
/// use reports::run::Verdict;
/// use reports::stats::{Design, GATE_ALPHA, Question, Session, Step};
///
/// let cpu = metric::lookup("cpu_per_op").unwrap();
/// let mut session = Session::new(Design::gate(32, GATE_ALPHA)?, Question::of(cpu));
/// let conclusion = loop {
///     // ln(candidate) − ln(base) of one block.
///     match session.push(0.05).unwrap() {
///         Step::Continue { .. } => continue,
///         Step::Stop(conclusion) => break conclusion,
///     }
/// };
/// assert_eq!((conclusion.verdict, conclusion.pairs, conclusion.early), (Verdict::Regressed, 12, true));
/// # Ok::<(), reports::stats::DesignError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Session {
    design: Design,
    question: Question,
    differences: Vec<f64>,
    /// Looks taken.
    looks: usize,
    /// Ended by [`Session::finish`], not by the last look.
    ended: bool,
    conclusion: Option<Conclusion>,
}

/// What to do after a pair.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Measure more pairs; the next look is at this many.
    Continue {
        /// Pairs in all.
        until: usize,
    },
    /// Decided; further pairs change nothing.
    Stop(Conclusion),
}

/// A pair that has no finite difference of logarithms: one of its values is zero, negative or missing.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a pair without a ratio: the difference of its logarithms is {0}")]
pub struct NoRatio(pub f64);

impl Session {
    /// Nothing seen yet.
    pub fn new(design: Design, question: Question) -> Self {
        Self { design, question, differences: Vec::new(), looks: 0, ended: false, conclusion: None }
    }

    /// Takes in ln(candidate) − ln(base) of one block, in the order measured, and looks where a look is due.
    ///
    /// # Errors
    /// A difference that is not finite; the session is as before.
    pub fn push(&mut self, log_ratio: f64) -> Result<Step, NoRatio> {
        if !log_ratio.is_finite() {
            return Err(NoRatio(log_ratio));
        }
        if self.conclusion.is_none() {
            self.differences.push(log_ratio);
            if self.differences.len() == self.next_look() {
                self.look();
            }
        }
        Ok(self.step())
    }

    /// Ends the session with the pairs there are, as when the time is up: the last look is now.
    pub fn finish(&mut self) -> Conclusion {
        if let Some(conclusion) = &self.conclusion {
            return conclusion.clone();
        }
        let pairs = self.differences.len();
        // Without pairs there is no design, and nothing to show.
        let (level, interval_level) = match self.design.ending(pairs) {
            Ok(design) => {
                let last = design.looks().len() - 1;
                (design.level(last), design.interval_level(last))
            }
            Err(_) => (0.0, 0.0),
        };
        let by = Strictness { level, p_adjusted: None, interval_level, last: true };
        let conclusion =
            conclude(&self.differences, self.question, by).unwrap_or_else(|| unreachable!("the last look"));
        self.ended = true;
        self.conclusion.insert(self.explained(conclusion)).clone()
    }

    /// What was concluded, once it was.
    pub fn conclusion(&self) -> Option<&Conclusion> {
        self.conclusion.as_ref()
    }

    /// The pairs so far.
    pub fn differences(&self) -> &[f64] {
        &self.differences
    }

    /// The looks and their levels.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// Continues at the same looks of a design with a higher error rate, which another member of a family has left over
    /// (Holm's step; Maurer and Bretz 2013 for sequential tests). A look at these very pairs is taken again.
    pub(super) fn relax(&mut self, design: &Design) {
        if design.alpha() <= self.design.alpha() || self.conclusion.as_ref().is_some_and(|one| is_shown(one.verdict)) {
            return;
        }
        self.design = design.clone();
        let looked = self.looks.checked_sub(1).map(|look| self.design.looks()[look]);
        if self.ended {
            self.conclusion = None;
            self.finish();
        } else if looked == Some(self.differences.len()) {
            self.conclusion = None;
            self.looks -= 1;
            self.look();
        }
    }

    /// Number of pairs at the next look; the most there will be after the last.
    fn next_look(&self) -> usize {
        self.design.looks().get(self.looks).copied().unwrap_or_else(|| self.design.most())
    }

    fn look(&mut self) {
        let look = self.looks;
        self.looks += 1;
        let by = Strictness {
            level: self.design.level(look),
            p_adjusted: None,
            interval_level: self.design.interval_level(look),
            last: self.looks == self.design.looks().len(),
        };
        self.conclusion = conclude(&self.differences, self.question, by).map(|one| self.explained(one));
    }

    pub(super) fn step(&self) -> Step {
        match &self.conclusion {
            Some(conclusion) => Step::Stop(conclusion.clone()),
            None => Step::Continue { until: self.next_look() },
        }
    }

    /// Says so where the pairs were too few to show anything, however they came out.
    fn explained(&self, mut conclusion: Conclusion) -> Conclusion {
        let least = least_pairs(self.design.alpha());
        if conclusion.verdict == Verdict::CannotTell && conclusion.pairs < least {
            let pairs = conclusion.pairs;
            let noun = if pairs == 1 { "pair" } else { "pairs" };
            conclusion.why = Some(format!("{pairs} {noun}: fewer than {least} can never show a difference"));
            let least = u32::try_from(least).unwrap_or(u32::MAX);
            conclusion.pairs_needed = Some(conclusion.pairs_needed.unwrap_or(0).max(least));
        }
        conclusion
    }
}

/// Whether a verdict is a difference that was shown.
pub(super) fn is_shown(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Regressed | Verdict::Improved)
}

/// Fewest pairs that can show anything at a two-sided `alpha` in one look.
fn least_pairs(alpha: f64) -> usize {
    (1..=64).find(|pairs| super::smallest_p(*pairs) <= alpha).unwrap_or(64)
}

#[cfg(test)]
mod tests;
