//! Turns a run directory into its summary and its pages. Reads only what is on disk, so that an interrupted run, a
//! resumed one and one from another machine are all treated alike.

mod attached;
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
        warnings.extend(doubts(run, &variants, &profiles));
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

/// Which variants the driver was too slow for: those whose latencies are all void, and those that lose some.
fn limited(variants: &[VariantSummary]) -> Vec<String> {
    let limited = variants.iter().filter(|variant| variant.driver_limited > 0);
    let (void, some): (Vec<_>, Vec<_>) = limited.partition(|variant| variant.driver_limited * 2 > variant.trials);
    let each = |variants: &[&VariantSummary]| {
        let each = variants.iter().map(|one| format!("{} of {} of `{}`", one.driver_limited, one.trials, one.name));
        each.collect::<Vec<_>>().join(", ")
    };
    let told =
        [(void, "all latencies of these variants are void"), (some, "the latencies of those trials do not count")];
    told.into_iter()
        .filter(|(variants, _)| !variants.is_empty())
        .map(|(variants, so)| format!("the driver could not keep up in some trials ({}): {so}", each(&variants)))
        .collect()
}

/// Attempts that were left out because the driver could not keep up.
fn repeated(run: &LoadedRun) -> Option<String> {
    let attempts: usize = run.measured_trials().map(|trial| trial.driver.repeated.len()).sum();
    let trials = run.measured_trials().filter(|trial| !trial.driver.repeated.is_empty()).count();
    (attempts > 0).then(|| {
        format!(
            "{attempts} {} at {trials} {} left out and run again, since the driver could not keep up: the machine is \
             busy with other things",
            if attempts == 1 { "attempt" } else { "attempts" },
            match (attempts, trials) {
                (1, _) => "trial was",
                (_, 1) => "trial were",
                _ => "trials were",
            }
        )
    })
}

/// Settings that nobody wrote into the plan: those that were kept from the subjects, and those that cannot be.
fn configuration(machine: &reports::run::Machine) -> Vec<String> {
    let mut told = Vec::new();
    if !machine.kept_from_subjects.is_empty() {
        let names = machine.kept_from_subjects.join(", ");
        told.push(format!("{names} in the caller's environment had no effect: kept from every subject; use --set"));
    }
    for source in &machine.hidden_configuration {
        told.push(format!(
            "jemalloc of every subject also took options that the plan does not have: {source}; a knob overrides them, \
             and the settings shown are those in force"
        ));
    }
    told
}

/// What a reader should know before trusting the numbers.
fn doubts(run: &LoadedRun, variants: &[VariantSummary], profiles: &[ProfileSummary]) -> Vec<String> {
    let mut doubts = Vec::new();
    let build = &run.plan.build;
    if build.profile == "dev" || build.flags.iter().any(|flag| flag == "debug-assertions") {
        doubts.push("measured by a debug build: the numbers mean nothing; use `cargo run --release`".to_owned());
    }
    let handicaps = [
        ("tokio-tracing", "tokio's instrumentation", "every poll and wake", "the console child"),
        ("jemalloc-profiling", "jemalloc's heap profiler", "every allocation", "the heap-profiling child"),
    ];
    for (flag, what, who, child) in handicaps.iter().filter(|(flag, ..)| build.flags.iter().any(|has| has == flag)) {
        doubts.push(format!(
            "measured by a build with {what} compiled in ({flag}), which {who} pays for: use `workbench`, not {child}"
        ));
    }
    doubts.extend(configuration(&run.machine));
    for variant in variants {
        let Some(rate) = variant.metrics.get("error_rate").filter(|rate| rate.value > 0.0) else { continue };
        let percent = rate.value * 100.0;
        doubts.push(format!("`{}`: {percent:.2} % of operations failed, timed out or went unanswered", variant.name));
    }
    doubts.extend(limited(variants));
    doubts.extend(repeated(run));
    doubts.extend(memory_limit::doubts(variants));
    doubts.extend(thin(profiles));
    doubts.extend(coarser(profiles));
    doubts.extend(program::doubts(run));
    doubts.extend(sittings::doubts(run));
    let cut: u64 = run.trials.iter().filter_map(|t| t.drain.as_ref()).map(|d| d.cut).sum();
    if cut > 0 {
        doubts.push(format!("{cut} requests were cut when the drain deadline passed"));
    }
    doubts
}

/// Which CPU profiles saw too little, and why where that is known.
fn thin(profiles: &[ProfileSummary]) -> Option<String> {
    let low =
        |profile: &&ProfileSummary| profile.coverage.is_some_and(|coverage| coverage < flamegraphs::Coverage::LOW);
    let thin: Vec<&ProfileSummary> = profiles.iter().filter(low).collect();
    let names: Vec<String> = thin.iter().map(|profile| format!("`{}`", profile.variant)).collect();
    let half = |profile: &&ProfileSummary| profile.source.contains(flamegraphs::capture::WITHOUT_KERNEL);
    let because = if thin.iter().any(half) {
        ": what it used within system calls is seen only by root or with CAP_PERFMON"
    } else {
        ""
    };
    (!names.is_empty())
        .then(|| format!("less than 90 % of the CPU used was seen by the CPU profile of {}{because}", names.join(", ")))
}

/// CPU profiles that lost callers to the bounds of a recording, and from when on.
fn coarser(profiles: &[ProfileSummary]) -> impl Iterator<Item = String> + '_ {
    let told = |profile: &ProfileSummary| {
        let sentence = profile.source.split("; ").find(|part| part.contains(flamegraphs::capture::TOO_MANY_STACKS))?;
        Some(format!("the {} profile of `{}` is coarser than it should be: {sentence}", profile.kind, profile.variant))
    };
    profiles.iter().filter_map(told)
}

#[cfg(test)]
mod tests {
    use reports::run::Machine;

    use super::*;

    #[test]
    fn thin_profiles_are_named_with_the_reason_where_it_is_known() {
        let profile = |variant: &str, coverage, source: &str| ProfileSummary {
            variant: variant.into(),
            coverage: Some(coverage),
            source: source.into(),
            ..ProfileSummary::default()
        };
        let whole = "perf events at 999 Hz from outside";
        let half = format!("{whole}, without the kernel's side; 3 records were lost");
        assert_eq!(thin(&[profile("a", 0.95, whole)]), None);
        let told = |profiles: &[ProfileSummary]| thin(profiles).unwrap();
        insta::assert_snapshot!(
            [told(&[profile("a", 0.8, whole), profile("b", 0.7, whole)]), told(&[profile("a", 0.8, &half)])].join("\n"),
            @r"
        less than 90 % of the CPU used was seen by the CPU profile of `a`, `b`
        less than 90 % of the CPU used was seen by the CPU profile of `a`: what it used within system calls is seen only by root or with CAP_PERFMON
        "
        );
    }

    #[test]
    fn a_profile_that_lost_callers_is_named_with_the_moment() {
        use flamegraphs::capture::{Coarser, Recording};

        let mut recording = Recording::default();
        (recording.wall_s, recording.ended_ns, recording.period_ns) = (9.0, 9_000_000_000, 1_001_001);
        recording.excess.callers = Coarser { count: 12, from_ns: 2_500_000_000 };
        let source = format!("{}; 3 records were lost; {}", recording.sampler(), recording.limits_reached().join("; "));
        let profile = |source: &str| ProfileSummary {
            variant: "deep".into(),
            kind: "cpu".into(),
            source: source.into(),
            ..ProfileSummary::default()
        };
        let told: Vec<String> = coarser(&[profile(&source), profile("perf events at 999 Hz from outside")]).collect();
        insta::assert_snapshot!(told.join("\n"), @"the cpu profile of `deep` is coarser than it should be: from 2.5 s on there were too many different stacks: samples are counted by their innermost function alone (12 of them)");
    }

    #[test]
    fn configuration_that_nobody_planned_is_told() {
        let machine = Machine {
            kept_from_subjects: vec!["MALLOC_ARENA_MAX".into(), "MIMALLOC_PURGE_DELAY".into()],
            hidden_configuration: vec!["link /etc/_rjem_malloc.conf: narenas:1".into()],
            ..Machine::default()
        };
        insta::assert_snapshot!(configuration(&machine).join("\n"), @r"
        MALLOC_ARENA_MAX, MIMALLOC_PURGE_DELAY in the caller's environment had no effect: kept from every subject; use --set
        jemalloc of every subject also took options that the plan does not have: link /etc/_rjem_malloc.conf: narenas:1; a knob overrides them, and the settings shown are those in force
        ");
        assert!(configuration(&Machine::default()).is_empty());
    }
}
