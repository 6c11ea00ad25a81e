//! What happens during a run, said once and heard by many: the terminal, the run directory, the log.

pub mod lines;

use reports::run::{PlannedTrial, Settings, Status};

use crate::subject::Phase;

/// Something that happened.
#[derive(Debug)]
pub enum Happening<'a> {
    /// The run begins, with this many trials to go.
    Started {
        /// Trials that are left.
        left: usize,
        /// Trials in the plan.
        total: usize,
    },
    /// Settings of a variant were read back.
    Preflight {
        /// Variant.
        variant: &'a str,
        /// Effective settings.
        effective: &'a Settings,
    },
    /// A trial begins.
    TrialStarted(&'a PlannedTrial),
    /// It entered a phase.
    Phase(&'a PlannedTrial, Phase),
    /// A trial ended well.
    TrialFinished {
        /// Trial.
        trial: &'a PlannedTrial,
        /// One line of what it measured.
        result: &'a str,
    },
    /// A trial has no result.
    TrialFailed {
        /// Trial.
        trial: &'a PlannedTrial,
        /// Why.
        reason: &'a str,
    },
    /// An evidence trial is not run: it would show nothing.
    TrialLeftOut {
        /// Trial.
        trial: &'a PlannedTrial,
        /// Why.
        reason: &'a str,
    },
    /// Something a person should know.
    Warning(&'a str),
    /// The run ended.
    Finished(Status),
}

/// Hears what happens.
pub trait Listener {
    /// Takes notice.
    fn hear(&mut self, happening: &Happening<'_>);
}
