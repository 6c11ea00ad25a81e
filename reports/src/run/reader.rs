//! Loads a run directory, whole or interrupted.

mod evidence;
mod histograms;
mod trials;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use self::evidence::{BreachEvidence, HeapFlamegraphs, Unread, WaitEvidence};
pub use self::histograms::VariantHistograms;
use super::console::{self, Recording};
use super::files::RESTORE;
use super::sums::{ANOTHER, Sums};
use super::writer::variant_slugs;
use super::{
    AllocatorRecord, Attached, Event, Machine, Metrics, Plan, RunError, RunSummary, Samples, SiteRecord, Slo, SloCount,
    Stalls, Status, TimelinePoint, Trace, TrialKind, TrialOutcome, TrialRecord, attached, files, hlog, journal, paths,
    version,
};

/// Everything a report needs of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedRun {
    /// Run id: the name of the directory.
    pub id: String,
    /// The directory.
    pub path: PathBuf,
    /// What was to run.
    pub plan: Plan,
    /// Where it ran.
    pub machine: Machine,
    /// The resolved scenario as text.
    pub scenario_toml: String,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// Trials that finished, by index. The outcome is that of the event log; a trial that left no record (its subject
    /// failed) has one with nothing but its outcome.
    pub trials: Vec<TrialRecord>,
    /// `run.json`; absent where the run was killed before its end.
    pub summary: Option<RunSummary>,
    /// Merged histograms by variant: measured trials that ended well and whose driver kept up.
    pub histograms: BTreeMap<String, VariantHistograms>,
    /// Measured operations of every trial that counts for the objective; empty where there is none.
    pub slo_counts: Vec<SloCount>,
    /// Timelines by trial index.
    pub timelines: BTreeMap<u32, Vec<TimelinePoint>>,
    /// CPU flamegraphs (SVG text) by variant.
    pub flamegraphs: BTreeMap<String, String>,
    /// Flamegraphs of what was allocated, by variant.
    pub heap: BTreeMap<String, HeapFlamegraphs>,
    /// What tasks did, by variant: as recorded, the site with the most busy time first.
    pub tasks: BTreeMap<String, Vec<SiteRecord>>,
    /// What the allocator held over time, by variant.
    pub allocator: BTreeMap<String, AllocatorRecord>,
    /// Polls that took too long, by variant.
    pub stalls: BTreeMap<String, Stalls>,
    /// Waits seen from outside, by variant.
    pub waits: BTreeMap<String, WaitEvidence>,
    /// CPU samples with their times, by variant.
    pub samples: BTreeMap<String, Samples>,
    /// What ran while a variant was late, by variant.
    pub breaches: BTreeMap<String, BreachEvidence>,
    /// What was seen of a process that ran already; its pictures filled in.
    pub attached: Option<Attached>,
    /// What tasks did, seen from outside, by variant.
    pub traces: BTreeMap<String, Trace>,
    /// Evidence that is there and cannot be read, or is not what was recorded.
    pub unread: Vec<Unread>,
    /// Files of evidence, within the run, that hold something else than was recorded.
    pub changed: BTreeSet<String>,
    /// What the reader should know: warnings of the run itself, then of reading it.
    pub warnings: Vec<String>,
}

/// Loads the run at `path`.
///
/// An interrupted run is whole up to its last finished trial: a torn last event is left out with a warning, and the
/// directory of a trial that never finished is ignored. So is a file of evidence that is damaged, of another format, or not what was recorded: it is
/// among [`LoadedRun::unread`] and the warnings, and the rest of the run is there.
///
/// # Errors
/// [`RunError::NotARun`] where there is no plan, [`RunError::OtherFormat`] for another major format,
/// [`RunError::Damaged`] for any other damage, naming the file, the line and the way out.
pub fn load(path: &Path) -> Result<LoadedRun, RunError> {
    load_with(path, None)
}

/// As [`load`], with operations counted by another objective than the plan's.
///
/// # Errors
/// As [`load`].
pub fn load_for(path: &Path, slo: Slo) -> Result<LoadedRun, RunError> {
    load_with(path, Some(slo))
}

fn load_with(path: &Path, slo: Option<Slo>) -> Result<LoadedRun, RunError> {
    let plan_path = path.join(paths::PLAN);
    let plan = files::read(&plan_path)?.ok_or_else(|| RunError::NotARun { path: path.to_owned() })?;
    let mut plan: Plan = version::document(&plan, &plan_path, RESTORE)?;
    plan.slo = slo.or(plan.slo);
    let machine: Machine =
        version::document(&required(&path.join(paths::MACHINE))?, &path.join(paths::MACHINE), RESTORE)?;
    let scenario_path = path.join(paths::SCENARIO);
    let scenario_toml = text(required(&scenario_path)?, &scenario_path)?;
    let events_path = path.join(paths::EVENTS);
    let log = journal::parse(&required(&events_path)?, &events_path)?;
    let summary_path = path.join(paths::RUN);
    let summary = match files::read(&summary_path)? {
        Some(bytes) => {
            Some(version::document(&bytes, &summary_path, "delete it: everything it holds can be computed again")?)
        }
        None => None,
    };

    let mut warnings: Vec<String> = log
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Warning { message, .. } => Some(message.clone()),
            _ => None,
        })
        .collect();
    if log.torn {
        warnings.push("the last event was cut off while it was written; what it said is lost".to_owned());
    }
    let slugs = variant_slugs(&plan);
    let loaded = trials::load(path, &plan, &slugs, &log.events)?;
    let changed = Sums::read(path)?.changed(path)?;
    let evidence = evidence::load(path, &slugs, &changed)?;
    warnings.extend(evidence.unread.iter().map(|unread| format!("left out: {}", unread.because)));
    let first = slugs.values().next().map(|slug| path.join(paths::EVIDENCE).join(slug));
    let attached = attached::read(path, first.as_deref(), &changed)?;
    let id = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Ok(LoadedRun {
        id: id.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        path: path.to_owned(),
        plan,
        machine,
        scenario_toml,
        events: log.events,
        trials: loaded.trials,
        summary,
        histograms: loaded.histograms,
        slo_counts: loaded.slo_counts,
        timelines: loaded.timelines,
        flamegraphs: evidence.flamegraphs,
        heap: evidence.heap,
        tasks: evidence.tasks,
        allocator: evidence.allocator,
        stalls: evidence.stalls,
        samples: evidence.samples,
        breaches: evidence.breaches,
        attached,
        traces: evidence.traces,
        waits: evidence.waits,
        unread: evidence.unread,
        changed,
        warnings,
    })
}

fn required(path: &Path) -> Result<Vec<u8>, RunError> {
    files::read(path)?.ok_or_else(|| files::missing(path, RESTORE))
}

fn text(bytes: Vec<u8>, path: &Path) -> Result<String, RunError> {
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        RunError::Damaged {
            file: path.to_owned(),
            line: Some(before.iter().filter(|byte| **byte == b'\n').count() + 1),
            problem: "not UTF-8 text".to_owned(),
            fix: RESTORE.to_owned(),
        }
    })
}

impl LoadedRun {
    /// How the run ended: by its last word, [`Status::Interrupted`] where it was killed before one.
    pub fn status(&self) -> Status {
        match &self.summary {
            Some(summary) => summary.status,
            None => match self.events.last() {
                Some(Event::RunFinished { status, .. }) => *status,
                _ => Status::Interrupted,
            },
        }
    }

    /// Indexes of trials that need not run again on resuming: all that finished, but those whose subject failed.
    pub fn done(&self) -> Vec<u32> {
        self.trials
            .iter()
            .filter(|trial| !matches!(trial.outcome, TrialOutcome::SubjectFailed { .. }))
            .map(|trial| trial.index)
            .collect()
    }

    /// RFC 3339 time of the first start.
    pub fn started_at(&self) -> &str {
        let started = self.events.iter().find_map(|event| match event {
            Event::RunStarted { at, .. } => Some(at.as_str()),
            _ => None,
        });
        started.unwrap_or("")
    }

    /// RFC 3339 time of the last event.
    pub fn finished_at(&self) -> &str {
        match self.events.last() {
            Some(
                Event::RunStarted { at, .. }
                | Event::TrialStarted { at, .. }
                | Event::TrialFinished { at, .. }
                | Event::Warning { at, .. }
                | Event::RunFinished { at, .. },
            ) => at,
            Some(Event::Preflight { .. }) | None => self.started_at(),
        }
    }

    /// Latency metrics of each variant from its merged histograms: `latency.p99`, `service_time.p99`,
    /// `latency.p99[<op>]`, …, for [`crate::compare::summarise`]. Seconds.
    pub fn merged_metrics(&self) -> BTreeMap<String, Metrics> {
        self.histograms.iter().map(|(variant, histograms)| (variant.clone(), histograms.metrics())).collect()
    }

    /// Percentile curve (quantile, seconds) of each variant's measured operations.
    pub fn curves(&self) -> BTreeMap<String, Vec<(f64, f64)>> {
        let measured = |histograms: &VariantHistograms| histograms.measured.as_ref().map(hlog::curve);
        self.histograms.iter().filter_map(|(variant, all)| Some((variant.clone(), measured(all)?))).collect()
    }

    /// Folder of a variant's evidence, within the run.
    pub fn evidence_folder(&self, variant: &str) -> String {
        let slug = variant_slugs(&self.plan).remove(variant).unwrap_or_default();
        format!("{}/{slug}", paths::EVIDENCE)
    }

    /// The recording of tokio-console of a variant; `None` where there is none. Read when asked for: it may be large, and
    /// nothing else of the run needs it.
    ///
    /// # Errors
    /// [`RunError::Damaged`], naming the file and the line.
    pub fn console(&self, variant: &str) -> Result<Option<Recording>, RunError> {
        let within = self.console_path(variant);
        let file = self.path.join(&within);
        let read = files::read(&file)?.map(|bytes| console::parse(&bytes, &file)).transpose()?;
        // One that was cut off says so itself.
        if read.as_ref().is_some_and(|recording| recording.end().is_some()) && self.changed.contains(&within) {
            return Err(RunError::Damaged {
                file,
                line: None,
                problem: ANOTHER.to_owned(),
                fix: "delete it, or restore it from a copy of this run".to_owned(),
            });
        }
        Ok(read)
    }

    /// The scenario as it was resolved: what can be run again.
    pub fn scenario_path(&self) -> PathBuf {
        self.path.join(paths::SCENARIO)
    }

    /// Where that recording lies within the run, whether it is there or not.
    pub fn console_path(&self, variant: &str) -> String {
        format!("{}/{}", self.evidence_folder(variant), paths::CONSOLE)
    }

    /// Trials that measure (not evidence), in run order.
    pub fn measured_trials(&self) -> impl Iterator<Item = &TrialRecord> {
        self.trials.iter().filter(|trial| trial.kind == TrialKind::Measure)
    }
}

#[cfg(test)]
mod tests;
