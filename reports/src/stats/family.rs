//! Several sequential comparisons that share one error rate.

use super::design::{Design, DesignError};
use super::session::{NoRatio, Session, Step, is_shown};
use super::verdict::{Conclusion, Question};

/// Sessions of which, together, at most `alpha` raise a false alarm: Holm's correction, look by look. Every member starts
/// at `alpha` ÷ members; each difference that is shown leaves its share to the others (Maurer and Bretz 2013).
#[derive(Debug, Clone)]
pub struct Family {
    members: Vec<Session>,
    /// Looks at alpha, at half of it, and so on down to the share of each member while nothing is shown.
    designs: Vec<Design>,
}

impl Family {
    /// One session for each question, with the looks of [`Design::gate`] up to `most` pairs.
    ///
    /// # Errors
    /// No pairs, or an `alpha` that is not between 0 and 1.
    pub fn gate(questions: &[Question], most: usize, alpha: f64) -> Result<Self, DesignError> {
        let sharing = 1..=questions.len().max(1);
        #[allow(clippy::cast_precision_loss, reason = "families are small")]
        let designs: Vec<Design> =
            sharing.map(|members| Design::gate(most, alpha / members as f64)).collect::<Result<_, _>>()?;
        let first = &designs[designs.len() - 1];
        let members = questions.iter().map(|question| Session::new(first.clone(), *question)).collect();
        Ok(Self { members, designs })
    }

    /// Feeds a pair to a member (from 0, in the order of the questions); see [`Session::push`]. A pair without a value of
    /// this metric is simply not fed.
    ///
    /// # Errors
    /// A difference that is not finite.
    ///
    /// # Panics
    /// There is no such member.
    pub fn push(&mut self, member: usize, log_ratio: f64) -> Result<Step, NoRatio> {
        self.members[member].push(log_ratio)?;
        self.pass_on();
        Ok(self.members[member].step())
    }

    /// Whether every member is decided, so that more pairs would change nothing.
    pub fn decided(&self) -> bool {
        self.members.iter().all(|member| member.conclusion().is_some())
    }

    /// The members, in the order of the questions.
    pub fn members(&self) -> &[Session] {
        &self.members
    }

    /// Ends every member with the pairs there are; conclusions in the order of the questions.
    pub fn finish(mut self) -> Vec<Conclusion> {
        for position in 0..self.members.len() {
            self.members[position].finish();
        }
        // One that is shown only now leaves its share to those that ended before it.
        self.pass_on();
        self.members.iter_mut().map(Session::finish).collect()
    }

    fn pass_on(&mut self) {
        loop {
            let open = self.members.iter().filter(|member| !shown(member)).count();
            let Some(design) = open.checked_sub(1).map(|shared_by| &self.designs[shared_by]) else {
                return;
            };
            for member in self.members.iter_mut().filter(|member| !shown(member)) {
                member.relax(design);
            }
            if self.members.iter().filter(|member| !shown(member)).count() == open {
                return;
            }
        }
    }
}

fn shown(session: &Session) -> bool {
    session.conclusion().is_some_and(|conclusion| is_shown(conclusion.verdict))
}
