//! Conducts a plan: trial by trial, each recorded before the next begins.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use reports::run::writer::RunWriter;
use reports::run::{Count, Event, Late, Plan, PlannedTrial, Settings, Status, TrialOutcome, TrialRecord};

use scenarios::knobs;

use crate::clock::Clock;
use crate::events::{Happening, Listener};
use crate::evidence;
use crate::subject::{Subject, SubjectError, TrialData};

/// How conducting ended.
#[derive(Debug)]
pub enum Ending {
    /// Every trial has an outcome.
    Complete,
    /// Stopped on request; finished trials are kept.
    Interrupted,
    /// The subject failed; finished trials are kept.
    SubjectFailed {
        /// One sentence.
        reason: String,
        /// Last lines of its standard error.
        stderr: String,
    },
    /// A setting did not take.
    Refused(String),
}

impl Ending {
    /// What the run directory says.
    pub fn status(&self) -> Status {
        match self {
            Self::Complete => Status::Complete,
            Self::Interrupted => Status::Interrupted,
            Self::SubjectFailed { .. } | Self::Refused(_) => Status::Failed,
        }
    }
}

/// Says when measuring may end before the plan does.
pub trait Referee {
    /// Takes in a measured trial that ended well; true where no more are needed.
    fn enough(&mut self, trial: &TrialRecord) -> bool;

    /// Whether the plan's evidence is wanted, once enough was measured.
    fn wants_evidence(&self) -> bool {
        false
    }

    /// Takes in what an evidence trial counted, or why it did not; true where no more are needed.
    fn counted(&mut self, _trial: &PlannedTrial, _counts: Result<BTreeMap<String, Count>, String>) -> bool {
        false
    }
}

/// What the conductor needs besides the plan.
pub struct Stage<'a> {
    /// Runs the trials.
    pub subject: &'a mut dyn Subject,
    /// Keeps them.
    pub writer: &'a mut RunWriter,
    /// Hears of them.
    pub listener: &'a mut dyn Listener,
    /// Tells the time for the record.
    pub clock: &'a dyn Clock,
    /// Set by a signal.
    pub stop: &'a AtomicBool,
    /// Ends the measurements early; without one, all of the plan is measured.
    pub referee: Option<&'a mut dyn Referee>,
    /// How often in all a measured trial may be run again where the load driver could not keep up. Only for a plan of one variant:
    /// of two, the one that is slowed more would be looked at in calmer moments.
    pub repeats: usize,
}

/// Runs every trial of `plan` that is not in `done` (indexes), after a preflight of every variant.
///
/// # Errors
/// Only our own: a run directory that cannot be written. What subjects do wrong is an [`Ending`].
pub fn conduct(plan: &Plan, done: &[u32], stage: &mut Stage<'_>) -> anyhow::Result<Ending> {
    let _span = tracing::info_span!("plan", scenario = %plan.scenario, trials = plan.trials.len()).entered();
    let left: Vec<&PlannedTrial> = plan.trials.iter().filter(|t| !done.contains(&t.index)).collect();
    stage.writer.event(&Event::RunStarted { at: stage.clock.now(), resumed: !done.is_empty() })?;
    stage.listener.hear(&Happening::Started { left: left.len(), total: plan.trials.len() });
    let ending = preflight(plan, stage)?;
    let ending = match ending {
        Some(ending) => ending,
        None => trials(&left, plan.late.as_ref(), stage)?,
    };
    stage.writer.event(&Event::RunFinished { at: stage.clock.now(), status: ending.status() })?;
    stage.listener.hear(&Happening::Finished(ending.status()));
    Ok(ending)
}

fn preflight(plan: &Plan, stage: &mut Stage<'_>) -> anyhow::Result<Option<Ending>> {
    for variant in &plan.variants {
        if stage.stop.load(Ordering::Relaxed) {
            return Ok(Some(Ending::Interrupted));
        }
        let effective = match stage.subject.preflight(&variant.name) {
            Ok(effective) => effective,
            Err(error) => return ending_of(error, &format!("preflight of `{}`", variant.name)).map(Some),
        };
        if let Some(message) = disagreement(&variant.requested, &effective) {
            return Ok(Some(Ending::Refused(format!("variant `{}`: {message}", variant.name))));
        }
        stage.listener.hear(&Happening::Preflight { variant: &variant.name, effective: &effective });
        stage.writer.event(&Event::Preflight { variant: variant.name.clone(), effective })?;
    }
    Ok(None)
}

fn trials(left: &[&PlannedTrial], late: Option<&Late>, stage: &mut Stage<'_>) -> anyhow::Result<Ending> {
    let mut measured = false;
    let mut kept = Vec::new();
    for &trial in left {
        if measured && trial.kind.evidence().is_none() {
            continue;
        }
        if stage.stop.load(Ordering::Relaxed) {
            return Ok(Ending::Interrupted);
        }
        if let Some(because) = stage.subject.lacks(trial) {
            if left_out(trial, because, stage)? {
                return Ok(Ending::Complete);
            }
            continue;
        }
        let _span =
            tracing::info_span!("trial", index = trial.index, variant = %trial.variant, kind = ?trial.kind).entered();
        stage.listener.hear(&Happening::TrialStarted(trial));
        stage.writer.event(&Event::TrialStarted { at: stage.clock.now(), index: trial.index })?;
        match attempted(trial, stage) {
            Ok(data) => {
                let heard = stage.referee.is_some().then(|| data.record.clone());
                // A gate counts in every trial, and explains with one of each side: to name what was seen takes longer than
                // the trial did.
                let counted_only = stage.referee.is_some() && kept.contains(&(&trial.variant, trial.kind));
                kept.push((&trial.variant, trial.kind));
                let counts = record(trial, data, (late, counted_only), stage)?;
                if let (Some(referee), Some(record)) = (&mut stage.referee, heard) {
                    let done = if trial.kind.evidence().is_some() {
                        referee.counted(trial, counts)
                    } else {
                        measured |= referee.enough(&record);
                        measured && !referee.wants_evidence()
                    };
                    if done {
                        tracing::debug!(index = trial.index, "decided: the rest of the plan is left out");
                        return Ok(Ending::Complete);
                    }
                }
            }
            Err(SubjectError::Failed { reason, stderr }) if trial.kind.evidence().is_some() => {
                // A crashed profiler must not cost the measurements.
                let because = if stderr.trim().is_empty() {
                    reason
                } else {
                    format!("{reason}; its last words: {}", last_line(&stderr))
                };
                stage.listener.hear(&Happening::TrialFailed { trial, reason: &because });
                if missing(trial, because, stage)? {
                    return Ok(Ending::Complete);
                }
            }
            Err(SubjectError::Failed { reason, stderr }) => {
                stage.listener.hear(&Happening::TrialFailed { trial, reason: &reason });
                let outcome = TrialOutcome::SubjectFailed { reason: reason.clone(), stderr: stderr.clone() };
                finish(trial, outcome, stage)?;
                let reason = format!("trial {} (`{}`): {reason}", trial.index, trial.variant);
                return Ok(Ending::SubjectFailed { reason, stderr });
            }
            Err(error) => return ending_of(error, &format!("trial {} (`{}`)", trial.index, trial.variant)),
        }
    }
    Ok(Ending::Complete)
}

/// An evidence trial that would show nothing is not run; says whether the plan ends here.
fn left_out(trial: &PlannedTrial, because: String, stage: &mut Stage<'_>) -> anyhow::Result<bool> {
    stage.listener.hear(&Happening::TrialLeftOut { trial, reason: &because });
    missing(trial, because, stage)
}

/// Records that a trial has no evidence; says whether the plan ends here.
fn missing(trial: &PlannedTrial, because: String, stage: &mut Stage<'_>) -> anyhow::Result<bool> {
    finish(trial, TrialOutcome::EvidenceMissing { because: because.clone() }, stage)?;
    Ok(stage.referee.as_mut().is_some_and(|referee| referee.counted(trial, Err(because))))
}

/// Runs a trial, and again where its latencies are void since the driver was late: re-run, never averaged in. The last
/// attempt counts, and knows why those before it do not.
fn attempted(trial: &PlannedTrial, stage: &mut Stage<'_>) -> Result<TrialData, SubjectError> {
    let mut repeated = Vec::new();
    loop {
        let listener = &mut *stage.listener;
        let mut data = stage.subject.run(trial, &mut |phase| listener.hear(&Happening::Phase(trial, phase)))?;
        let again = trial.kind.evidence().is_none() && stage.repeats > 0 && !stage.stop.load(Ordering::Relaxed);
        match data.record.driver.limited.clone().filter(|_| again) {
            Some(reason) => {
                stage.listener.hear(&Happening::Warning(&format!("trial {} runs again: {reason}", trial.index)));
                stage.repeats -= 1;
                repeated.push(reason);
            }
            None => {
                data.record.driver.repeated = repeated;
                return Ok(data);
            }
        }
    }
}

/// What evidence counted by metric, or why it did not.
type Counts = Result<BTreeMap<String, Count>, String>;

/// Keeps a trial; what its evidence counted is known also where the evidence itself could not be written.
fn record(
    trial: &PlannedTrial,
    mut data: TrialData,
    (late, counted_only): (Option<&Late>, bool),
    stage: &mut Stage<'_>,
) -> anyhow::Result<Counts> {
    let line = one_line(&data);
    let mut counts = match &data.recorded {
        Some(Ok(recorded)) => evidence::counts::of(recorded, data.answered),
        Some(Err(because)) => Err(because.clone()),
        None => Ok(BTreeMap::new()),
    };
    data.record.counts = counts.clone().unwrap_or_default();
    stage.writer.trial(&data.record, &data.intervals, &data.timeline, &data.log)?;
    let mut outcome = data.record.outcome.clone();
    match data.recorded {
        None => {}
        Some(Ok(_)) if counted_only => {}
        Some(Ok(recorded)) => {
            let _span = tracing::info_span!("evidence", variant = %trial.variant).entered();
            let gathered =
                evidence::Gathered { variant: &trial.variant, trial: trial.index, operations: data.answered, late };
            if let Some(notice) = evidence::notice(&recorded) {
                stage.listener.hear(&Happening::Warning(&format!("evidence of `{}`: {notice}", trial.variant)));
            }
            if let Err(error) = evidence::write(stage.writer, &gathered, &recorded) {
                outcome = TrialOutcome::EvidenceMissing { because: format!("{error:#}") };
            }
        }
        Some(Err(because)) => outcome = TrialOutcome::EvidenceMissing { because },
    }
    if let TrialOutcome::EvidenceMissing { because } = &outcome {
        stage.listener.hear(&Happening::Warning(&format!("evidence of `{}` is missing: {because}", trial.variant)));
    }
    if let (TrialOutcome::EvidenceMissing { because }, Ok(none)) = (&outcome, &counts)
        && none.is_empty()
    {
        counts = Err(because.clone());
    }
    finish(trial, outcome, stage)?;
    stage.listener.hear(&Happening::TrialFinished { trial, result: &line });
    Ok(counts)
}

fn finish(trial: &PlannedTrial, outcome: TrialOutcome, stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.writer.event(&Event::TrialFinished { at: stage.clock.now(), index: trial.index, outcome })?;
    Ok(())
}

fn ending_of(error: SubjectError, during: &str) -> anyhow::Result<Ending> {
    Ok(match error {
        SubjectError::Interrupted => Ending::Interrupted,
        SubjectError::Refused(message) => Ending::Refused(format!("{during}: {message}")),
        SubjectError::Failed { reason, stderr } => {
            Ending::SubjectFailed { reason: format!("{during}: {reason}"), stderr }
        }
        error @ SubjectError::Start { .. } => {
            Ending::SubjectFailed { reason: format!("{during}: {error}"), stderr: String::new() }
        }
        SubjectError::Ours(message) => anyhow::bail!("{during}: {message}"),
    })
}

/// The first setting that was asked for and did not take, as a sentence. Allocators accept bad settings in silence;
/// this is where that ends.
pub fn disagreement(requested: &Settings, effective: &Settings) -> Option<String> {
    requested.iter().find_map(|(path, asked)| match effective.get(path) {
        None => Some(format!("`{path}` = {asked} was asked for, and the process could not read it back")),
        Some(found) if !equivalent(path, asked, found) => {
            Some(format!("`{path}` = {asked} was asked for, but the process runs with {found}"))
        }
        Some(_) => None,
    })
}

/// Whether two spellings of a setting mean the same, e.g. `0-1` and `0,1`.
fn equivalent(path: &str, asked: &str, found: &str) -> bool {
    asked == found || knobs::check(path, found).is_ok_and(|canonical| canonical == asked)
}

fn one_line(data: &TrialData) -> String {
    let shown = [("latency.p99", "s"), ("cpu_per_op", "s/op"), ("capacity", "ops/s")];
    let found = shown.into_iter().filter_map(|(name, unit)| Some((name, *data.record.metrics.get(name)?, unit)));
    // Lines of several trials stand below each other.
    let padded = found.map(|(name, value, unit)| format!("{name} {:<11}", reports::metric::format_value(value, unit)));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

fn last_line(text: &str) -> &str {
    text.trim_end().rsplit('\n').next().unwrap_or("")
}

#[cfg(test)]
mod tests;
