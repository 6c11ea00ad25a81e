//! Loads a run directory, whole or interrupted.

mod trials;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;

use super::console::{self, Recording};
use super::writer::variant_slugs;
use super::{
    AllocatorRecord, Attached, Breach, Event, EvidenceKind, FORMAT, KernelRecord, Machine, Metrics, Plan, RunError,
    RunSummary, Samples, SiteRecord, Slo, SloCount, Stalls, Status, ThreadsRecord, TimelinePoint, Trace, TrialKind,
    TrialOutcome, TrialRecord, allocator, attached, breach, files, hlog, journal, kernel, paths, samples, stalls,
    tasks, threads, trace, version,
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
    /// Evidence that is there and that this version cannot read.
    pub unread: Vec<Unread>,
    /// What the reader should know: warnings of the run itself, then of reading it.
    pub warnings: Vec<String>,
}

/// Evidence of another format than this version reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Variant.
    pub variant: String,
    /// Kind.
    pub kind: EvidenceKind,
    /// The file, the format found and the one read.
    pub because: String,
}

/// What was seen from outside of the threads of one variant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WaitEvidence {
    /// Flamegraph of time off the CPU as SVG text; empty where there is none.
    pub flamegraph: String,
    /// Who was on a CPU when, and where threads waited.
    pub threads: Option<ThreadsRecord>,
    /// What the kernel counted meanwhile.
    pub kernel: Option<KernelRecord>,
}

/// What ran while one variant was late.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BreachEvidence {
    /// In numbers.
    pub record: Breach,
    /// What ran more than in the rest, as SVG text; empty where there is none.
    pub flamegraph: String,
}

/// What one variant allocated, as SVG text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeapFlamegraphs {
    /// By bytes.
    pub bytes: String,
    /// By blocks; empty where there is none.
    pub objects: String,
    /// What was in use at the moment of most live memory, by bytes; empty where there is none.
    pub peak: String,
}

/// The merged histograms of one variant, values in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VariantHistograms {
    /// Latency from the intended time over all measured operations; absent without a single one.
    pub measured: Option<Histogram<u64>>,
    /// Time from sending over all measured operations.
    pub measured_service: Option<Histogram<u64>>,
    /// By tag as the driver recorded it: `<op>`, `<op>.service`, `<op>.error`, `driver.lag`.
    pub by_tag: BTreeMap<String, Histogram<u64>>,
}

/// Loads the run at `path`.
///
/// An interrupted run is whole up to its last finished trial: a torn last event is left out with a warning, and the
/// directory of a trial that never finished is ignored.
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
    let mut flamegraphs = BTreeMap::new();
    let mut heap = BTreeMap::new();
    let mut sites = BTreeMap::new();
    let mut held = BTreeMap::new();
    let mut caught = BTreeMap::new();
    let mut traces = BTreeMap::new();
    let mut waits = BTreeMap::new();
    let mut timed = BTreeMap::new();
    let mut breaches = BTreeMap::new();
    let mut unread = Vec::new();
    for (variant, slug) in &slugs {
        let folder = path.join(paths::EVIDENCE).join(slug);
        if let Some(records) = tasks::read(&folder)? {
            sites.insert(variant.clone(), records);
        }
        if let Some(record) = allocator::read(&folder)? {
            held.insert(variant.clone(), record);
        }
        if let Some(stalls) = stalls::read(&folder)? {
            caught.insert(variant.clone(), stalls);
        }
        if let Some(traced) = trace::read(&folder)? {
            traces.insert(variant.clone(), traced);
        }
        if let Some(mut seen) = wait_evidence(&folder)? {
            unread.extend(of_another_format(variant, &mut seen));
            waits.insert(variant.clone(), seen);
        }
        if let Some(record) = samples::read(&folder)? {
            timed.insert(variant.clone(), record);
        }
        if let Some(record) = breach::read(&folder)? {
            let flamegraph = picture(&folder, paths::BREACH_FLAMEGRAPH)?.unwrap_or_default();
            breaches.insert(variant.clone(), BreachEvidence { record, flamegraph });
        }
        if let Some(svg) = picture(&folder, paths::CPU_FLAMEGRAPH)? {
            flamegraphs.insert(variant.clone(), svg);
        }
        if let Some(pictures) = heap_flamegraphs(&folder)? {
            heap.insert(variant.clone(), pictures);
        }
    }
    let evidence = slugs.values().next().map(|slug| path.join(paths::EVIDENCE).join(slug));
    let attached = attached::read(path, evidence.as_deref())?;
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
        flamegraphs,
        heap,
        tasks: sites,
        allocator: held,
        stalls: caught,
        samples: timed,
        breaches,
        attached,
        traces,
        waits,
        unread,
        warnings,
    })
}

/// Takes what was written in another format out of what was seen of threads.
fn of_another_format(variant: &str, seen: &mut WaitEvidence) -> Option<Unread> {
    let other = |format: u32| (format != FORMAT).then_some(format);
    let threads = seen.threads.as_ref().and_then(|record| Some((paths::THREADS, other(record.head.format)?)));
    let kernel = seen.kernel.as_ref().and_then(|record| Some((paths::KERNEL, other(record.head.format)?)));
    seen.threads.take_if(|record| record.head.format != FORMAT);
    seen.kernel.take_if(|record| record.head.format != FORMAT);
    let (file, found) = threads.or(kernel)?;
    let because = format!(
        "{file} was written in format {found}, and this workbench reads format {FORMAT}: use the workbench that wrote it"
    );
    Some(Unread { variant: variant.to_owned(), kind: EvidenceKind::Wait, because })
}

/// What to do about a damaged file that nothing can replace.
const RESTORE: &str = "restore it from a copy of the run, or measure again";

/// The heap flamegraphs in a variant's evidence folder; `None` without the one by bytes.
fn heap_flamegraphs(folder: &Path) -> Result<Option<HeapFlamegraphs>, RunError> {
    let Some(bytes) = picture(folder, paths::HEAP_FLAMEGRAPH)? else { return Ok(None) };
    let other = |name: &str| Ok::<_, RunError>(picture(folder, name)?.unwrap_or_default());
    let (objects, peak) = (other(paths::HEAP_OBJECTS_FLAMEGRAPH)?, other(paths::HEAP_PEAK_FLAMEGRAPH)?);
    Ok(Some(HeapFlamegraphs { bytes, objects, peak }))
}

/// What was seen from outside in a variant's evidence folder; `None` where there is nothing of it.
fn wait_evidence(folder: &Path) -> Result<Option<WaitEvidence>, RunError> {
    let flamegraph = picture(folder, paths::WAIT_FLAMEGRAPH)?.unwrap_or_default();
    let seen = WaitEvidence { flamegraph, threads: threads::read(folder)?, kernel: kernel::read(folder)? };
    Ok((seen != WaitEvidence::default()).then_some(seen))
}

/// A picture of an evidence folder as text; `None` where there is none.
fn picture(folder: &Path, name: &str) -> Result<Option<String>, RunError> {
    let svg = folder.join(name);
    files::read(&svg)?.map(|bytes| text(bytes, &svg)).transpose()
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
        let file = self.path.join(self.console_path(variant));
        files::read(&file)?.map(|bytes| console::parse(&bytes, &file)).transpose()
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

impl VariantHistograms {
    fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::new();
        let mut put = |family: &str, operation: &str, histogram: &Histogram<u64>| {
            for (quantile, value) in hlog::quantiles(histogram) {
                metrics.insert(format!("{family}.{quantile}{operation}"), value);
            }
        };
        if let Some(histogram) = &self.measured {
            put("latency", "", histogram);
        }
        if let Some(histogram) = &self.measured_service {
            put("service_time", "", histogram);
        }
        for (tag, histogram) in &self.by_tag {
            if tag == "driver.lag" || tag.ends_with(".error") {
                continue;
            }
            match tag.strip_suffix(".service") {
                Some(operation) => put("service_time", &format!("[{operation}]"), histogram),
                None => put("latency", &format!("[{tag}]"), histogram),
            }
        }
        metrics
    }
}

#[cfg(test)]
mod tests;
