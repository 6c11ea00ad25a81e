//! Subjects: the processes being measured, behind one trait that the conductor drives.

pub mod builtin;
pub mod external;
pub mod guard;
pub mod last_words;
mod metrics;
mod one_look;
pub mod outside;
pub mod process;
mod reap;
#[cfg(test)]
pub mod simulated;
mod stray;
mod timeline;

use reports::run::hlog::Interval;
use reports::run::{PlannedTrial, Settings, TimelinePoint, TrialRecord};

use crate::evidence::Recorded;
use crate::load::Placement;

/// Something that can run trials.
pub trait Subject {
    /// Starts a process for this variant only to read its settings back.
    ///
    /// # Errors
    /// [`SubjectError::Refused`] where a setting did not take.
    fn preflight(&mut self, variant: &str) -> Result<Settings, SubjectError>;

    /// Why an evidence trial would show nothing, where earlier trials told: it is left out then.
    fn lacks(&self, _trial: &PlannedTrial) -> Option<String> {
        None
    }

    /// Runs one trial from start to end.
    ///
    /// # Errors
    /// Whatever kept the trial from a result. The process is gone in any case.
    fn run(&mut self, trial: &PlannedTrial, watch: &mut dyn FnMut(Phase)) -> Result<TrialData, SubjectError>;
}

/// What a trial is doing, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Starting the process.
    Starting,
    /// Uncounted load.
    WarmUp,
    /// Closed loop at full concurrency.
    Saturated,
    /// Open loop at the asked rate, or a closed loop of as many operations where the scenario says so.
    Open,
    /// Closed loops of rising concurrency.
    Ladder,
    /// Shutting down.
    Stopping,
}

/// Everything a trial leaves.
#[derive(Debug)]
pub struct TrialData {
    /// The record for `trial.json`.
    pub record: TrialRecord,
    /// Histograms for `latency.hlog`.
    pub intervals: Vec<Interval>,
    /// Lines for `timeline.jsonl`.
    pub timeline: Vec<TimelinePoint>,
    /// The subject's standard error.
    pub log: String,
    /// Operations that were answered while evidence was recorded.
    pub answered: u64,
    /// What an evidence trial recorded, or why nothing.
    pub recorded: Option<Result<Recorded, String>>,
}

/// Why a trial has no result.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// The program could not be started.
    #[error("cannot start `{program}`: {source}")]
    Start {
        /// Program.
        program: String,
        /// Cause.
        source: std::io::Error,
    },
    /// It crashed, hung, printed garbage or answered wrongly.
    #[error("{reason}")]
    Failed {
        /// One sentence.
        reason: String,
        /// Last lines of its standard error.
        stderr: String,
    },
    /// A setting could not be applied or did not take: the user's input is at fault.
    #[error("{0}")]
    Refused(String),
    /// A person or a signal asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// Our own failure.
    #[error("{0}")]
    Ours(String),
}

/// Where the driver runs: on an allowed CPU that the subject does not get, where there is one to spare.
/// Answers came, and not one was as it should be: nothing was measured.
fn answered_none(during: &str, failed: u64, (error, count): (&str, u64)) -> String {
    format!("answered none of {failed} operations during {during}; most often: {error} ({count} times)")
}

fn placement(settings: &scenarios::spec::Settings) -> Result<Placement, SubjectError> {
    let allowed: Vec<usize> = probe::affinity::get()
        .map_err(|e| SubjectError::Ours(format!("reading this process's CPUs: {e}")))?
        .iter()
        .collect();
    let quota = crate::machine::cpu_quota();
    let Some(asked) = settings.get("cpu.affinity") else { return Ok(Placement::choose(&allowed, quota)) };
    let subject: Vec<usize> = asked
        .parse::<probe::affinity::Cpus>()
        .map_err(|e| SubjectError::Refused(format!("`cpu.affinity` = {asked}: {e}")))?
        .iter()
        .collect();
    Ok(Placement::beside(&allowed, subject, quota))
}
