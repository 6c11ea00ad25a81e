//! Turns a run directory into its summary and its pages. Reads only what is on disk, so that an interrupted run, a
//! resumed one and one from another machine are all treated alike.

mod attached;
mod doubts;
mod memory_limit;
mod program;
pub mod recordings;
mod sittings;

use std::collections::BTreeMap;
use std::path::Path;

use reports::budget;
use reports::compare;
use reports::console::View;
use reports::render::{self, Page};
use reports::run::reader::{self, LoadedRun};
use reports::run::writer::RunWriter;
use reports::run::{
    BudgetRecord, BurnRate, Event, EvidenceKind, FORMAT, GateOutcome, LateSummary, ProfileSummary, RunError,
    RunSummary, Settings, Slo, SloSummary, Status, Stopped, TrialOutcome, VariantSummary,
};

use crate::{evidence, findings};

/// Ends of recordings of tokio-console by variant, or why one cannot be read.
type Recorded = BTreeMap<String, Result<View, String>>;

/// Summarises the run behind `writer` and writes `report.html`, `report.md` and, last, `run.json`.
///
/// # Errors
/// A run directory that cannot be read or written.
pub fn write(writer: &mut RunWriter, status: Status, finished_at: &str) -> anyhow::Result<RunSummary> {
    write_gated(writer, status, finished_at, None, None)
}

/// As [`write`], of a run that a gate decided, with what was left of the error budget in production.
///
/// # Errors
/// A run directory that cannot be read or written.
pub fn write_gated(
    writer: &mut RunWriter,
    status: Status,
    finished_at: &str,
    gate: Option<GateOutcome>,
    budget: Option<BudgetRecord>,
) -> anyhow::Result<RunSummary> {
    let run = reader::load(writer.path())?;
    let recorded = recordings::readable(&run);
    let mut summary = summary_of(&run, &recorded, status, finished_at);
    let mut differences = BTreeMap::new();
    for (movers, picture) in evidence::movers::write(writer, &run)? {
        differences.insert(movers.candidate.clone(), picture);
        summary.movers.push(movers);
    }
    summary.budget = budget;
    if let Some(mut gate) = gate {
        reports::budget::settle(&mut gate, summary.slo.as_ref());
        summary.verdict.clone_from(&gate.sentence);
        if gate.stopped == Stopped::Early {
            summary.warnings.push(EARLY.to_owned());
        }
        summary.gate = Some(gate);
    }
    let views = recorded.into_iter().filter_map(|(variant, view)| Some((variant, view.ok()?))).collect();
    let page = Page {
        summary: &summary,
        plan: Some(&run.plan),
        trials: &run.trials,
        curves: &run.curves(),
        timelines: &run.timelines,
        flamegraphs: &run.flamegraphs,
        heap: &run.heap,
        tasks: &run.tasks,
        allocator: &run.allocator,
        console: &views,
        stalls: &run.stalls,
        traces: &run.traces,
        waits: &run.waits,
        samples: &run.samples,
        breaches: &run.breaches,
        differences: &differences,
    };
    writer.report_html(&render::html::page(&page))?;
    let parts = [
        render::markdown::report(&summary),
        render::markdown::waits(&summary, &run.waits),
        render::markdown::trace(&summary, &run.traces),
        render::markdown::console(&summary, &views),
    ];
    writer.report_md(&parts.concat())?;
    writer.finish(&summary)?;
    Ok(RunSummary { path: run.path.display().to_string(), ..summary })
}

/// What a reader of a gate that ended early should know of the other numbers.
const EARLY: &str = "the gate ended as soon as its limits were decided: intervals of the limits are adjusted for that, those \
                     of other metrics are not";

/// The summary of the run at `path`: what `run.json` says, or, where the run was killed before it was written, what its
/// finished trials say.
///
/// # Errors
/// A run directory that cannot be read.
pub fn of(path: &Path) -> Result<RunSummary, RunError> {
    let mut run = reader::load(path)?;
    Ok(match run.summary.take() {
        Some(summary) => summary,
        None => summarise(&run, run.status(), run.finished_at()),
    })
}

/// Everything `run.json` says, from what the trials left.
pub fn summarise(run: &LoadedRun, status: Status, finished_at: &str) -> RunSummary {
    summary_of(run, &recordings::readable(run), status, finished_at)
}

fn summary_of(run: &LoadedRun, recorded: &Recorded, status: Status, finished_at: &str) -> RunSummary {
    let mut variants = compare::summarise(&run.plan, &run.trials, &run.merged_metrics());
    for variant in &mut variants {
        add_preflight(&mut variant.knobs, &variant.name, &run.events);
    }
    let comparisons = compare::compare(&run.plan, &run.trials);
    let mut profiles = profiles(run, recorded, &variants);
    let mut warnings = run.warnings.clone();
    let mut verdict = compare::sentence(&variants, &comparisons);
    if let Some(origin) = &run.plan.attached {
        profiles.extend(attached::profiles(run, origin));
        warnings.extend(run.attached.iter().flat_map(|seen| seen.notes.clone()));
        verdict = attached::verdict(origin, run.attached.as_ref());
    } else {
        warnings.extend(doubts::of(run, &variants, &profiles));
    }
    let explained = findings::explain(run, &variants, &profiles);
    RunSummary {
        format: FORMAT,
        run: run.id.clone(),
        path: String::new(),
        scenario: run.plan.scenario.clone(),
        scenario_version: run.plan.scenario_version,
        summary: scenarios::file::parse("scenario.toml", &run.scenario_toml).map(|s| s.summary).unwrap_or_default(),
        status,
        started_at: run.started_at().to_owned(),
        finished_at: finished_at.to_owned(),
        seed: run.plan.seed,
        build: run.plan.build.clone(),
        host: run.machine.clone(),
        verdict,
        warnings,
        variants,
        comparisons,
        profiles,
        findings: explained.findings,
        undecided: explained.undecided,
        ruled_out: explained.ruled_out,
        unused: explained.unused,
        attached: run.attached.clone(),
        slo: run.plan.slo.map(|slo| SloSummary { slo, burn: burn(run, &slo) }),
        budget: None,
        movers: Vec::new(),
        late: run.breaches.iter().map(|(variant, seen)| LateSummary::of(variant, &seen.record)).collect(),
        blame: run.traces.iter().flat_map(|(variant, trace)| evidence::trace::blame(variant, trace)).collect(),
        gate: None,
    }
}

/// How fast each variant burns the error budget of an objective.
pub fn burn(run: &LoadedRun, slo: &Slo) -> Vec<BurnRate> {
    let limited = |name: &str| {
        let limited = run.measured_trials().filter(|trial| trial.variant == name && trial.driver.limited.is_some());
        u32::try_from(limited.count()).unwrap_or(u32::MAX)
    };
    let variants: Vec<_> =
        run.plan.variants.iter().map(|variant| (variant.name.clone(), limited(&variant.name))).collect();
    budget::judge(slo, &variants, &run.slo_counts)
}

/// Settings that only the preflight child can read back (they are found by behaviour, which takes a while).
fn add_preflight(knobs: &mut Settings, variant: &str, events: &[Event]) {
    for event in events {
        if let Event::Preflight { variant: name, effective } = event
            && name == variant
        {
            for (path, value) in effective {
                knobs.entry(path.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

/// One entry per variant and kind of evidence that was to be gathered.
fn profiles(run: &LoadedRun, recorded: &Recorded, variants: &[VariantSummary]) -> Vec<ProfileSummary> {
    let mut told = std::collections::BTreeSet::new();
    run.plan
        .trials
        .iter()
        .filter_map(|planned| Some((planned, planned.kind.evidence()?)))
        .filter(|(planned, kind)| told.insert((planned.variant.as_str(), *kind)))
        .map(|(first, kind)| {
            // Of several trials for the same evidence, one that went well stands for all.
            let same = run.plan.trials.iter().filter(|one| (one.kind, &one.variant) == (first.kind, &first.variant));
            let is_ok = |planned: &&reports::run::PlannedTrial| {
                run.trials.iter().any(|trial| trial.index == planned.index && trial.outcome == TrialOutcome::Ok)
            };
            let planned = same.clone().find(is_ok).unwrap_or(first);
            let trial = run.trials.iter().find(|trial| trial.index == planned.index);
            let missing = match trial.map(|trial| &trial.outcome) {
                Some(TrialOutcome::Ok) => None,
                Some(TrialOutcome::EvidenceMissing { because }) => Some(because.clone()),
                Some(TrialOutcome::SubjectFailed { reason, .. }) => Some(reason.clone()),
                None => Some("the run ended before its turn".to_owned()),
            };
            let measured =
                variants.iter().find(|v| v.name == planned.variant).and_then(|v| v.metrics.get("cpu_per_op"));
            let profiled = trial.and_then(|trial| trial.metrics.get("cpu_per_op"));
            let overhead = measured.zip(profiled).map(|(measured, profiled)| profiled / measured.value);
            let folder = run.evidence_folder(&planned.variant);
            match kind {
                EvidenceKind::Cpu => evidence::cpu::summary(&run.path, &folder, &planned.variant, missing, overhead),
                EvidenceKind::Heap => evidence::heap::summary(&run.path, &folder, &planned.variant, missing, overhead),
                EvidenceKind::Tasks => {
                    let sites = run.tasks.get(&planned.variant).map(Vec::as_slice);
                    let stalls = run.stalls.get(&planned.variant);
                    evidence::tasks::summary(&folder, &planned.variant, sites, stalls, missing, overhead)
                }
                EvidenceKind::Trace => {
                    let trace = run.traces.get(&planned.variant);
                    evidence::trace::summary(&folder, &planned.variant, trace, missing, overhead)
                }
                EvidenceKind::Allocator => {
                    let record = run.allocator.get(&planned.variant);
                    evidence::allocator::summary(&folder, &planned.variant, record, missing, overhead)
                }
                EvidenceKind::Console => {
                    let (path, view) = (run.console_path(&planned.variant), recorded.get(&planned.variant));
                    evidence::console::summary(&path, &planned.variant, view, missing, overhead)
                }
                EvidenceKind::Wait => {
                    let kernel = run.waits.get(&planned.variant).and_then(|seen| seen.kernel.as_ref());
                    evidence::wait::summary(&run.path, &folder, &planned.variant, kernel, missing, overhead)
                }
            }
        })
        .collect()
}
