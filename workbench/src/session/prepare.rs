//! From a wish to a plan: what is asked for, resolved, checked and laid out. Runs nothing and writes nothing.

use std::path::Path;
use std::time::Duration;

use reports::limits::{self, Limit};
use reports::run::writer::ARRIVALS_FILE;
use reports::run::{BuildInfo, CpuBackend, EvidenceKind, HeapBackend, Late, Plan, Waits};
use scenarios::catalog::Catalog;
use scenarios::resolve::{Resolved, resolve};
use scenarios::spec::{Program, Scenario, Variant};

use super::arriving::Arriving;
use super::{gathering, random};
use crate::evidence::sampling;
use crate::exit::Refusal;
use crate::program_wish::ProgramWish;
use crate::subject::external;
use crate::{build_info, plan};

/// What somebody wants to be run.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Name in the catalogue, or path of a scenario file. Empty where the program alone makes the scenario.
    pub scenario: String,
    /// A program to drive, or what to change about the scenario's.
    pub program: Option<ProgramWish>,
    /// Settings for every variant.
    pub set: Vec<(String, String)>,
    /// Settings to run every value of.
    pub vary: Vec<(String, Vec<String>)>,
    /// Variants of the scenario to run; none means all.
    pub variants: Vec<String>,
    /// Arrivals and transport in the place of the scenario's.
    pub arriving: Arriving,
    /// How much to measure.
    pub amount: Amount,
    /// Evidence to gather after the measurements; where absent, what the scenario names, else the CPU profile, and for a
    /// program that is not ours all that is seen from outside at little cost.
    pub evidence: Option<Vec<EvidenceKind>>,
    /// Trials of each variant for CPU evidence; where absent one, and three where programs that are not ours are compared.
    pub evidence_trials: Option<u32>,
    /// Record the allocator as well, at the rate for incidents.
    pub incident: bool,
    /// Who samples CPU evidence; the sampler where absent.
    pub cpu_backend: Option<CpuBackend>,
    /// Samples per second of CPU; the backend's default where absent.
    pub cpu_hz: Option<u32>,
    /// Who samples heap evidence; the sampler where absent.
    pub heap_backend: Option<HeapBackend>,
    /// A poll longer than this is caught as a stall; 10 ms where absent.
    pub stall_after: Option<Duration>,
    /// Measure each wait of a task for a worker, not the first alone.
    pub every_task_wait: bool,
    /// Seed of order and arrivals; random where absent, always recorded.
    pub seed: Option<u64>,
}

/// How much to measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Amount {
    /// As many blocks as the scenario says.
    #[default]
    AsTheScenarioSays,
    /// This many blocks, at least one.
    Blocks(u32),
    /// As many blocks as fit in this much time, evidence included.
    Within(Duration),
    /// Three blocks of a quarter of the load: a look, not a verdict.
    Quick,
}

/// A resolved scenario and its plan.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Scenario and variants.
    pub resolved: Resolved,
    /// Trials in order.
    pub plan: Plan,
}

/// Turns a wish into a plan. Runs nothing and writes nothing.
///
/// # Errors
/// A [`Refusal`] with exit code 2 for whatever is wrong with the wish.
pub fn prepare(wish: &Wish, catalog: &Catalog) -> anyhow::Result<Prepared> {
    let mut resolved = resolved(wish, catalog)?;
    if wish.amount == Amount::Quick {
        quicken(&mut resolved);
    }
    let evidence = gathering::kinds(wish, catalog, &resolved.scenario)?;
    if let Some(program) = &resolved.scenario.subject {
        possible(program, &resolved.variants, &evidence, wish)?;
    }
    let evidence_trials = match wish.evidence_trials {
        Some(0) => {
            return Err(Refusal::usage(
                "`--evidence-trials` = 0 is out of range: at least 1; `--evidence none` wants none",
            ));
        }
        Some(several) if several > 1 && !evidence.contains(&EvidenceKind::Cpu) => {
            return Err(Refusal::usage(format!(
                "`--evidence-trials {several}` repeats CPU evidence, and none is asked for: add `--evidence cpu`"
            )));
        }
        Some(asked) => asked,
        // Whoever gives a time, or is in a hurry, gets as much measurement as it has room for.
        None if matches!(wish.amount, Amount::Within(_) | Amount::Quick) => 1,
        None => gathering::trials(&resolved.scenario, resolved.variants.len(), &evidence),
    };
    let blocks = match wish.amount {
        Amount::Blocks(0) => {
            return Err(Refusal::usage(
                "`--trials` = 0 is out of range: at least 1; 12 is the least for a firm verdict",
            ));
        }
        Amount::Blocks(blocks) => blocks,
        Amount::Within(budget) => {
            let further = if evidence.contains(&EvidenceKind::Cpu) { evidence_trials - 1 } else { 0 };
            let each = evidence.len() + further as usize;
            plan::blocks_within(budget.as_secs_f64(), &resolved.scenario, resolved.variants.len(), each)
        }
        Amount::AsTheScenarioSays | Amount::Quick => resolved.scenario.trial.blocks,
    };
    let recorded = own_arrivals(&mut resolved);
    let gathered = EvidenceAmount::of_cpu(&evidence, evidence_trials);
    let mut plan = plan_of(wish, &resolved, blocks, gathered, &build_info::read(), recorded.as_deref())?;
    plan.late = late(wish, catalog, &plan);
    if let Amount::Within(budget) = wish.amount {
        let least_s = plan::seconds(&plan, |_| true);
        if blocks == 1 && least_s > budget.as_secs_f64() {
            return Err(Refusal::usage(format!(
                "`--for` = {budget:?} is too short: one block of {} variants with its evidence takes about {least_s:.0} s",
                plan.variants.len()
            )));
        }
    }
    Ok(Prepared { resolved, plan })
}

/// What latency is too late: by the objective of the scenario, else by its limits.
fn late(wish: &Wish, catalog: &Catalog, plan: &Plan) -> Option<Late> {
    if let Some(limit_s) = plan.slo.and_then(|slo| slo.latency_s) {
        return Some(Late { limit_s, from: "the objective of the scenario".to_owned() });
    }
    if wish.scenario.is_empty() {
        return None;
    }
    // A limit that cannot be read stops the gate, which is what limits are for; a run does not need it.
    let written = catalog.limits(&wish.scenario).ok()?;
    let limits: Vec<Limit> = written.limits.iter().filter_map(|one| limits::parse(&one.text).ok()).collect();
    limits::late(&limits)
}

/// The scenario of a wish with its overrides applied, and the variants that run.
///
/// # Errors
/// A [`Refusal`] for whatever is wrong with the scenario, the program or the settings.
pub(crate) fn resolved(wish: &Wish, catalog: &Catalog) -> anyhow::Result<Resolved> {
    let scenario = match &wish.program {
        Some(program) => program.scenario(&wish.scenario, catalog)?,
        None => catalog.load(&wish.scenario).map_err(Refusal::usage)?,
    };
    let mut scenario = rooted(scenario, &wish.scenario)?;
    wish.arriving.apply(&mut scenario)?;
    resolve(&scenario, &wish.set, &wish.vary, &wish.variants).map_err(Refusal::usage)
}

/// Evidence to plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EvidenceAmount<'a> {
    kinds: &'a [EvidenceKind],
    /// Trials of each variant.
    trials: u32,
    /// Of every kind, not of CPU evidence alone.
    every_kind: bool,
}

impl<'a> EvidenceAmount<'a> {
    /// A trial of each kind, of CPU evidence several.
    pub(crate) fn of_cpu(kinds: &'a [EvidenceKind], trials: u32) -> Self {
        Self { kinds, trials, every_kind: false }
    }

    /// Several of every kind.
    pub(crate) fn of_every(kinds: &'a [EvidenceKind], trials: u32) -> Self {
        Self { kinds, trials, every_kind: true }
    }
}

/// The plan of a resolved scenario.
///
/// # Errors
/// A [`Refusal`] where samplers and thresholds cannot be what was asked for.
pub(crate) fn plan_of(
    wish: &Wish,
    resolved: &Resolved,
    blocks: u32,
    evidence: EvidenceAmount<'_>,
    build: &BuildInfo,
    recorded: Option<&str>,
) -> anyhow::Result<Plan> {
    Ok(plan::plan(&plan::Request {
        scenario: &resolved.scenario,
        variants: &resolved.variants,
        blocks,
        evidence: evidence.kinds,
        evidence_trials: evidence.trials,
        every_kind: evidence.every_kind,
        incident: wish.incident,
        cpu: sampling::resolve(wish.cpu_backend, wish.cpu_hz).map_err(Refusal::usage)?,
        heap: heap_backend(wish.heap_backend, resolved)?,
        stall_after_s: stall_after_s(wish.stall_after)?,
        task_waits: if wish.every_task_wait { Waits::EveryPoll } else { Waits::FirstPoll },
        seed: wish.seed.unwrap_or_else(random),
        build,
        recorded,
    }))
}

/// Names the recorded arrivals as the run will: it has its own copy, beside its `scenario.toml`. Returns the name that they
/// came by.
pub(crate) fn own_arrivals(resolved: &mut Resolved) -> Option<String> {
    let trace = resolved.scenario.load.trace.as_mut()?;
    let from = std::mem::replace(&mut trace.file, ARRIVALS_FILE.to_owned());
    let name = Path::new(&from).file_name().map(|name| name.to_string_lossy().into_owned());
    Some(name.unwrap_or(from))
}

/// Who samples heap evidence. jemalloc's profiler knows nothing of what another allocator does.
fn heap_backend(asked: Option<HeapBackend>, resolved: &Resolved) -> anyhow::Result<HeapBackend> {
    let backend = asked.unwrap_or_default();
    let other = |variant: &&Variant| variant.settings.get("allocator.kind").is_some_and(|kind| kind != "jemalloc");
    match resolved.variants.iter().find(other).filter(|_| backend == HeapBackend::Jemalloc) {
        Some(variant) => Err(Refusal::usage(format!(
            "`--heap-backend jemalloc` sees only jemalloc, and variant `{}` runs under {}: leave it out with `--variant`, or \
             use the sampler, which sees every allocator",
            variant.name, variant.settings["allocator.kind"]
        ))),
        None => Ok(backend),
    }
}

/// Threshold of the stall catcher, seconds.
fn stall_after_s(asked: Option<Duration>) -> anyhow::Result<f64> {
    let (asked, lowest) = (asked.unwrap_or(probe::stalls::DEFAULT_THRESHOLD), probe::stalls::LOWEST_THRESHOLD);
    if asked < lowest {
        return Err(Refusal::usage(format!("`--stall-after` = {asked:?} is too short: at least {lowest:?}")));
    }
    Ok(asked.as_secs_f64())
}

/// Puts the working folder of a program where its scenario is, so that a run means the same wherever it is taken up again.
fn rooted(mut scenario: Scenario, source: &str) -> anyhow::Result<Scenario> {
    let Some(program) = &mut scenario.subject else { return Ok(scenario) };
    let beside = Path::new(source).parent().filter(|_| source.ends_with(".toml")).unwrap_or(Path::new(""));
    let absolute = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let told = |e| Refusal::usage(format!("the folder {} of the program: {e}", path.display()));
        path.canonicalize().map_err(told)
    };
    let beside = absolute(beside)?;
    program.folder = Some(absolute(&beside.join(program.folder.as_deref().unwrap_or(Path::new(""))))?);
    if let Some(file) = &mut scenario.load.tls_ca {
        *file = beside.join(&*file).to_string_lossy().into_owned();
    }
    Ok(scenario)
}

/// What would not work for a program that is not ours, before anything is started.
pub(crate) fn possible(
    program: &Program,
    variants: &[Variant],
    evidence: &[EvidenceKind],
    wish: &Wish,
) -> anyhow::Result<()> {
    for kind in evidence {
        external::seen_from_outside(*kind).map_err(|needed| {
            let name = kind.name();
            Refusal::usage(format!(
                "`--evidence {name}` cannot be had from a program that is not ours: it needs {needed}"
            ))
        })?;
    }
    if let Some(backend @ (CpuBackend::Sampler | CpuBackend::Pprof)) = wish.cpu_backend {
        let name = if backend == CpuBackend::Sampler { "sampler" } else { "pprof" };
        return Err(Refusal::usage(format!(
            "`--cpu-backend {name}` samples within the process, and this program is not ours: only perf samples from outside"
        )));
    }
    let folder = program.folder.as_deref().unwrap_or(Path::new("."));
    external::locate(program, variants, folder).map_err(Refusal::usage)
}

fn quicken(resolved: &mut Resolved) {
    let scenario = &mut resolved.scenario;
    scenario.trial.blocks = 3;
    scenario.trial.saturated /= 2;
    scenario.load.quarter();
}
