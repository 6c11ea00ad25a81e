//! A run from a wish to its result: resolve, plan, conduct, report. What the `run` command does, for any caller.

mod arriving;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use reports::limits::{self, Limit};
use reports::run::reader;
use reports::run::store::Store;
use reports::run::writer::{ARRIVALS_FILE, RunName, RunWriter};
use reports::run::{
    BudgetRecord, BuildInfo, CpuBackend, Event, EvidenceKind, HeapBackend, Late, Plan, RunSummary, Settings, Waits,
};
use scenarios::catalog::Catalog;
use scenarios::resolve::{Resolved, resolve};
use scenarios::spec::{Program, Scenario, Variant};

pub use self::arriving::Arriving;
use crate::clock::{Clock, SystemClock};
use crate::conductor::{Ending, Referee, Stage, conduct};
use crate::events::Listener;
use crate::evidence::sampling;
use crate::exit::Refusal;
use crate::gate::{Gate, GateReferee};
use crate::program_wish::ProgramWish;
use crate::subject::Subject;
use crate::subject::builtin::BuiltinSubject;
use crate::subject::external::{self, ExternalSubject};
use crate::subject::guard::Guard;
use crate::{build_info, machine, plan, report};

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
    /// Evidence to gather after the measurements; where absent, the CPU profile, and for a program that is not ours all
    /// that is seen from outside at little cost.
    pub evidence: Option<Vec<EvidenceKind>>,
    /// Trials of each variant for CPU evidence; one where absent.
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

/// How often in all trials of a diagnosis are run again where the load driver could not keep up.
const REPEATS: usize = 2;

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

/// An open run directory with trials to go.
#[derive(Debug)]
pub struct Session {
    prepared: Prepared,
    writer: RunWriter,
    done: Vec<u32>,
    /// Settings that earlier sittings read back, by variant.
    before: Vec<(String, Settings)>,
    /// What was left of the error budget in production.
    budget: Option<BudgetRecord>,
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
    let mut evidence = wish.evidence.clone().unwrap_or_else(|| match resolved.scenario.subject {
        None => vec![EvidenceKind::Cpu],
        // Where tasks cannot be traced the evidence says why; the rest is there all the same.
        Some(_) => vec![EvidenceKind::Cpu, EvidenceKind::Wait, EvidenceKind::Trace],
    });
    evidence.extend(wish.incident.then_some(EvidenceKind::Allocator));
    evidence.sort_unstable();
    evidence.dedup();
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
        asked => asked.unwrap_or(1),
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

impl Session {
    /// Opens a new run directory in the store.
    ///
    /// # Errors
    /// A directory that cannot be written.
    pub fn create(prepared: Prepared, store: &Store) -> anyhow::Result<Self> {
        let toml = scenarios::file::to_toml(&prepared.resolved.scenario);
        let name = RunName { stamp: &SystemClock.stamp(), letters: &letters() };
        let mut writer = RunWriter::create(store.root(), name, &prepared.plan, &toml, &machine::read())?;
        let scenario = &prepared.resolved.scenario;
        if let Some(trace) = &scenario.load.trace {
            writer.arrivals(&scenarios::trace::to_csv(trace, &scenario.mix))?;
        }
        Ok(Self { prepared, writer, done: Vec::new(), before: Vec::new(), budget: None })
    }

    /// Takes an interrupted run up again: same plan, same program, same kind of host.
    ///
    /// # Errors
    /// A [`Refusal`] where there is nothing to resume, or where the rest would not be comparable with what is there.
    pub fn resume(path: &Path) -> anyhow::Result<Self> {
        let run = reader::load(path).map_err(Refusal::usage)?;
        if run.summary.as_ref().is_some_and(|summary| summary.gate.is_some()) {
            return Err(Refusal::usage(format!(
                "{} is a gate: what it decides must not depend on how often it was begun; run it again",
                run.id
            )));
        }
        if run.plan.attached.is_some() {
            return Err(Refusal::usage(format!(
                "{} is an attachment: it has no trials to resume; `workbench attach` makes another",
                run.id
            )));
        }
        let build = build_info::read();
        if run.plan.build.binary != build.binary {
            return Err(Refusal::usage(format!(
                "{} was measured by another build of workbench ({} of {}); trials of two builds are never mixed: start a new run",
                run.id, run.plan.build.commit, run.plan.build.date
            )));
        }
        let here = machine::read();
        if run.machine.fingerprint != here.fingerprint {
            return Err(Refusal::usage(format!(
                "{} was measured on another kind of host ({}; here: {}): start a new run",
                run.id, run.machine.cpu, here.cpu
            )));
        }
        let done = run.done();
        if done.len() == run.plan.trials.len() {
            return Err(Refusal::usage(format!(
                "{} is complete: nothing to resume; see it with `workbench show {}`",
                run.id, run.id
            )));
        }
        let scenario = scenarios::file::parse("scenario.toml", &run.scenario_toml).map_err(Refusal::usage)?;
        if plan::scenario_hash(&run.scenario_toml) != run.plan.scenario_hash {
            return Err(Refusal::usage(format!(
                "the scenario.toml of {} is no longer the one that was planned; trials of two scenarios are never mixed: \
                 start a new run",
                run.id
            )));
        }
        let mut scenario = scenario;
        scenarios::trace::fill(&mut scenario, path).map_err(Refusal::usage)?;
        let first = crate::load::OpenSpec::new(&scenario, plan::block_seed(run.plan.seed, Some(1))).schedule().hash();
        if run.plan.schedule_hashes.first().is_some_and(|planned| *planned != first) {
            return Err(Refusal::usage(format!(
                "the arrivals of {} are no longer those that were planned (was its arrivals.csv changed?); trials of two \
                 schedules are never mixed: start a new run",
                run.id
            )));
        }
        // A resolved scenario resolves to itself.
        let resolved = resolve(&scenario, &[], &[], &[]).map_err(Refusal::usage)?;
        let before = run.events.iter().filter_map(|event| match event {
            Event::Preflight { variant, effective } => Some((variant.clone(), effective.clone())),
            _ => None,
        });
        let before = before.collect();
        let writer = RunWriter::reopen(path)?;
        Ok(Self { prepared: Prepared { resolved, plan: run.plan }, writer, done, before, budget: None })
    }

    /// Keeps what was left of the error budget with the run.
    #[must_use]
    pub fn with_budget(self, budget: Option<BudgetRecord>) -> Self {
        Self { budget, ..self }
    }

    /// Name of the run.
    pub fn id(&self) -> &str {
        self.writer.id()
    }

    /// What will run.
    pub fn plan(&self) -> &Plan {
        &self.prepared.plan
    }

    /// The run directory.
    pub fn path(&self) -> &Path {
        self.writer.path()
    }

    /// Trials that are left.
    pub fn left(&self) -> usize {
        self.prepared.plan.trials.len() - self.done.len()
    }

    /// Seconds that these should take.
    pub fn estimate_s(&self) -> f64 {
        plan::seconds(&self.prepared.plan, |trial| !self.done.contains(&trial.index))
    }

    /// The run directory's log, for whoever subscribes to spans.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn log(&self) -> anyhow::Result<std::fs::File> {
        Ok(self.writer.log()?)
    }

    /// Runs what is left and writes the report.
    ///
    /// # Errors
    /// Only our own; what subjects do wrong is an [`Ending`].
    pub fn run(mut self, listener: &mut dyn Listener, stop: &Arc<AtomicBool>) -> anyhow::Result<(Ending, RunSummary)> {
        let ending = self.conduct(listener, stop, BTreeMap::new(), None)?;
        let summary = report::write(&mut self.writer, ending.status(), &SystemClock.now())?;
        Ok((ending, summary))
    }

    /// Runs until the gate's limits are decided, and writes the report with its verdict.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_gated(
        mut self,
        gate: Gate,
        listener: &mut dyn Listener,
        stop: &Arc<AtomicBool>,
    ) -> anyhow::Result<(Ending, RunSummary)> {
        let programs = gate.programs();
        let mut referee = GateReferee::new(gate);
        let ending = self.conduct(listener, stop, programs, Some(&mut referee))?;
        let outcome = referee.outcome(&ending);
        let (status, now, budget) = (ending.status(), SystemClock.now(), self.budget.take());
        let summary = report::write_gated(&mut self.writer, status, &now, Some(outcome), budget)?;
        Ok((ending, summary))
    }

    fn conduct(
        &mut self,
        listener: &mut dyn Listener,
        stop: &Arc<AtomicBool>,
        programs: BTreeMap<String, PathBuf>,
        referee: Option<&mut GateReferee>,
    ) -> anyhow::Result<Ending> {
        let Prepared { resolved, plan } = &self.prepared;
        let guard = Guard::start().context("starting the guard process")?;
        let run = self.writer.id().to_owned();
        let (scenario, variants, seed) = (&resolved.scenario, &resolved.variants, plan.seed);
        let (guarded, stopped) = (Arc::clone(&guard), Arc::clone(stop));
        let mut subject: Box<dyn Subject> = match &scenario.subject {
            Some(program) => Box::new(
                ExternalSubject::new(scenario, program, variants, seed, &run, guarded, stopped)
                    .sampling(plan.cpu)
                    .measured_before(&self.before),
            ),
            None => Box::new(
                BuiltinSubject::new(scenario, variants, seed, &run, guarded, stopped)
                    .incident(plan.incident)
                    .sampling(plan.cpu)
                    .heap_backend(plan.heap)
                    .stall_after(plan.stall_after_s)
                    .task_waits(plan.task_waits)
                    .programs(programs),
            ),
        };
        let referee = referee.map(|one| one as &mut dyn Referee);
        let repeats = if plan.variants.len() == 1 { REPEATS } else { 0 };
        let clock = &SystemClock;
        let mut stage =
            Stage { subject: &mut *subject, writer: &mut self.writer, listener, clock, stop, referee, repeats };
        conduct(plan, &self.done, &mut stage)
    }
}

/// Four letters that tell apart runs of the same second.
pub(crate) fn letters() -> String {
    let mut bits = random();
    (0..4)
        .map(|_| {
            let letter = char::from(b'a' + u8::try_from(bits % 26).unwrap_or(0));
            bits /= 26;
            letter
        })
        .collect()
}

/// Randomness for seeds and names, from the keys that the standard library gives each hasher.
pub(crate) fn random() -> u64 {
    // Kept below 2^53, so that the seed survives JSON readers that know only doubles.
    std::hash::RandomState::new().build_hasher().finish() >> 11
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(amount: Amount) -> Wish {
        Wish { scenario: "http-service".into(), amount, evidence: Some(Vec::new()), seed: Some(1), ..Wish::default() }
    }

    #[test]
    fn amounts_become_blocks() {
        let blocks = |amount| prepare(&wish(amount), &Catalog::builtin()).unwrap().plan.blocks;
        assert_eq!(blocks(Amount::AsTheScenarioSays), 12);
        assert_eq!(blocks(Amount::Blocks(5)), 5);
        assert_eq!(blocks(Amount::Quick), 3);
        assert!(blocks(Amount::Within(Duration::from_secs(600))) > 12);
    }

    #[test]
    fn impossible_amounts_are_refused() {
        let refused = |amount| prepare(&wish(amount), &Catalog::builtin()).unwrap_err().to_string();
        assert!(refused(Amount::Blocks(0)).contains("out of range"));
        assert!(refused(Amount::Within(Duration::from_secs(1))).contains("too short"));
    }

    #[test]
    fn jemallocs_profiler_is_not_asked_about_another_allocator() {
        let asked = |kind: &str| Wish {
            heap_backend: Some(HeapBackend::Jemalloc),
            set: vec![("allocator.kind".into(), kind.into())],
            evidence: Some(vec![EvidenceKind::Heap]),
            ..wish(Amount::Blocks(1))
        };
        let refused = prepare(&asked("mimalloc"), &Catalog::builtin()).unwrap_err().to_string();
        assert!(refused.contains("sees only jemalloc") && refused.contains("mimalloc"), "{refused}");
        assert_eq!(prepare(&asked("jemalloc"), &Catalog::builtin()).unwrap().plan.heap, Some(HeapBackend::Jemalloc));
    }

    #[test]
    fn evidence_is_gathered_once_of_each_kind() {
        let wish = Wish { evidence: Some(vec![EvidenceKind::Cpu, EvidenceKind::Cpu]), ..wish(Amount::Blocks(1)) };
        assert_eq!(prepare(&wish, &Catalog::builtin()).unwrap().plan.trials.len(), 4);
    }

    #[test]
    fn a_run_whose_scenario_was_changed_is_not_resumed() {
        let folder = tempfile::tempdir().unwrap();
        let prepared = prepare(&wish(Amount::Blocks(1)), &Catalog::builtin()).unwrap();
        let path = Session::create(prepared, &Store::at(folder.path())).unwrap().writer.path().to_owned();
        assert_eq!(Session::resume(&path).unwrap().left(), 2);
        let file = path.join("scenario.toml");
        let toml = std::fs::read_to_string(&file).unwrap();
        assert!(toml.contains("concurrency = 32"), "{toml}");
        std::fs::write(&file, toml.replace("concurrency = 32", "concurrency = 16")).unwrap();
        let refused = Session::resume(&path).unwrap_err().to_string();
        assert!(refused.contains("no longer the one that was planned"), "{refused}");
    }

    #[test]
    fn a_program_lies_where_its_scenario_does() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        let text = "name = \"mine\"\nversion = 1\nsummary = \"\"\n[subject]\ncommand = [\"./run\"]\n\
                    target = \"http://127.0.0.1:1/a\"\nfolder = \"bin\"\n[load]\nrate = 1\ntls_ca = \"ca.pem\"\n";
        std::fs::write(&file, text).unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        let wish = Wish { scenario: file.to_string_lossy().into_owned(), ..wish(Amount::Blocks(1)) };
        let missing = prepare(&wish, &Catalog::empty()).unwrap_err().to_string();
        assert!(missing.contains("there is no program `./run` in") && missing.contains("bin"), "{missing}");
        std::os::unix::fs::symlink("/bin/sh", folder.path().join("bin/run")).unwrap();
        let scenario = prepare(&wish, &Catalog::empty()).unwrap().resolved.scenario;
        let here = folder.path().canonicalize().unwrap();
        assert_eq!(scenario.subject.unwrap().folder, Some(here.join("bin")));
        assert_eq!(scenario.load.tls_ca.map(std::path::PathBuf::from), Some(here.join("ca.pem")));
    }

    #[test]
    fn evidence_of_a_program_is_what_is_seen_from_outside() {
        let text = "name = \"mine\"\nversion = 1\nsummary = \"\"\n[subject]\ncommand = [\"sh\"]\n\
                    target = \"http://127.0.0.1:1/a\"\n[load]\nrate = 1\n";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, text).unwrap();
        let wish = Wish { scenario: file.to_string_lossy().into_owned(), evidence: None, ..wish(Amount::Blocks(1)) };
        let plan = prepare(&wish, &Catalog::empty()).unwrap().plan;
        let kinds: Vec<_> = plan.trials.iter().filter_map(|trial| trial.kind.evidence()).collect();
        assert_eq!(kinds, [EvidenceKind::Cpu, EvidenceKind::Wait, EvidenceKind::Trace]);
        for kind in [EvidenceKind::Heap, EvidenceKind::Tasks, EvidenceKind::Allocator, EvidenceKind::Console] {
            let wish = Wish { evidence: Some(vec![kind]), ..wish.clone() };
            let refused = prepare(&wish, &Catalog::empty()).unwrap_err().to_string();
            assert!(refused.contains(&format!("`--evidence {}` cannot be had", kind.name())), "{refused}");
        }
    }

    #[test]
    fn names_are_four_letters() {
        let name = letters();
        assert!(name.len() == 4 && name.bytes().all(|b| b.is_ascii_lowercase()), "{name}");
    }
}
