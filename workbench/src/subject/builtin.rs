//! Built-in scenarios: this very executable, started again as the child, once per trial.

mod conversation;
mod driving;
pub mod live;
mod trial;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reports::run::{CpuSampling, EvidenceKind, HeapBackend, PlannedTrial, Settings, Waits};
use scenarios::spec::{Scenario, Variant};

use self::conversation::Conversation;
use super::guard::Guard;
use super::outside::{Outside, Wanted};
use super::{Phase, Subject, SubjectError, TrialData, placement};
use crate::child::{
    self,
    protocol::{Assignment, PROTOCOL},
};
use crate::companion::Companion;
use crate::load::Placement;
use crate::settings;

/// Patience for a child to come up: reading settings back takes a few seconds at worst.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// Runs the trials of one built-in scenario.
pub struct BuiltinSubject<'a> {
    scenario: &'a Scenario,
    variants: &'a [Variant],
    seed: u64,
    incident: bool,
    guard: Arc<Guard>,
    stop: Arc<AtomicBool>,
    /// How CPU evidence is sampled.
    cpu: Option<CpuSampling>,
    /// Who samples heap evidence.
    heap: HeapBackend,
    /// Threshold of the stall catcher, seconds.
    stall_after_s: Option<f64>,
    /// Which waits of tasks are measured.
    task_waits: Option<Waits>,
    /// Executables in the place of this one, by variant.
    programs: BTreeMap<String, PathBuf>,
    /// Part of the marker, so that two runs on one host do not kill each other's subjects.
    run: String,
}

impl<'a> BuiltinSubject<'a> {
    /// `seed` is the plan's; `run` names the run; `stop` is set by a signal.
    pub fn new(
        scenario: &'a Scenario,
        variants: &'a [Variant],
        seed: u64,
        run: &str,
        guard: Arc<Guard>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            scenario,
            variants,
            seed,
            incident: false,
            guard,
            stop,
            cpu: None,
            heap: HeapBackend::default(),
            stall_after_s: None,
            task_waits: None,
            programs: BTreeMap::new(),
            run: run.to_owned(),
        }
    }

    /// Whether evidence is gathered at the rate for incidents.
    pub fn incident(self, incident: bool) -> Self {
        Self { incident, ..self }
    }

    /// Says how CPU evidence is sampled.
    #[must_use]
    pub fn sampling(mut self, cpu: Option<CpuSampling>) -> Self {
        self.cpu = cpu;
        self
    }

    /// Says who samples heap evidence.
    #[must_use]
    pub fn heap_backend(mut self, heap: Option<HeapBackend>) -> Self {
        self.heap = heap.unwrap_or_default();
        self
    }

    /// Says which polls are stalls, seconds.
    #[must_use]
    pub fn stall_after(mut self, stall_after_s: Option<f64>) -> Self {
        self.stall_after_s = stall_after_s;
        self
    }

    /// Says which waits of tasks for a worker are measured.
    #[must_use]
    pub fn task_waits(mut self, task_waits: Option<Waits>) -> Self {
        self.task_waits = task_waits;
        self
    }

    /// Says which executables take the place of this one, by variant.
    #[must_use]
    pub fn programs(mut self, programs: BTreeMap<String, PathBuf>) -> Self {
        self.programs = programs;
        self
    }

    /// The executable of a variant whose trials need nothing compiled in.
    fn program_of(&self, variant: &str) -> Result<PathBuf, SubjectError> {
        self.programs.get(variant).map_or_else(this_program, |program| Ok(program.clone()))
    }

    fn variant(&self, name: &str) -> Result<&'a Variant, SubjectError> {
        self.variants
            .iter()
            .find(|v| v.name == name)
            .ok_or_else(|| SubjectError::Ours(format!("the plan names a variant `{name}` that the scenario lacks")))
    }

    fn start(&self, variant: &Variant, start: &Start<'_>) -> Result<Conversation, SubjectError> {
        self.prepare(variant, start).start()
    }

    fn prepare(&self, variant: &Variant, start: &Start<'_>) -> Prepared {
        let preflight = start.placement.is_none();
        let heap = self.heap_of(start.evidence);
        let mut command = command(start.program, &variant.settings, preflight);
        if heap == Some(HeapBackend::Jemalloc) {
            let ours = probe::jemalloc::profiling::options();
            let options = scenarios::knobs::variables(&variant.settings).remove(probe::jemalloc::ENV);
            command.env(probe::jemalloc::ENV, options.map_or(ours.clone(), |options| format!("{options},{ours}")));
        }
        let assignment = Assignment {
            protocol: PROTOCOL,
            scenario: self.scenario.clone(),
            settings: variant.settings.clone(),
            seed: start.seed,
            evidence: start.evidence,
            incident: self.incident,
            cpu: self.cpu,
            heap,
            stall_after_s: self.stall_after_s,
            task_waits: self.task_waits,
            preflight,
            placement: start.placement.cloned(),
            console_port: start.console_port,
        };
        let (guard, stop) = (Arc::clone(&self.guard), Arc::clone(&self.stop));
        Prepared { command, marker: self.marker(start.label), guard, assignment, stop }
    }

    /// Who samples the heap, in a trial that gathers such evidence.
    fn heap_of(&self, evidence: Option<EvidenceKind>) -> Option<HeapBackend> {
        (evidence == Some(EvidenceKind::Heap)).then_some(self.heap)
    }

    /// What the processes of one subject carry in their environment.
    fn marker(&self, label: &str) -> String {
        format!("{}-{}-{label}", self.run, std::process::id())
    }
}

/// A child that is ready to be started, on whatever thread.
struct Prepared {
    command: Command,
    marker: String,
    guard: Arc<Guard>,
    assignment: Assignment,
    stop: Arc<AtomicBool>,
}

impl Prepared {
    fn start(self) -> Result<Conversation, SubjectError> {
        Conversation::start(self.command, &self.marker, &self.guard, &self.assignment, self.stop)
    }
}

/// How one child is started.
#[derive(Debug, Clone, Copy)]
struct Start<'a> {
    /// Tells subjects of one run apart.
    label: &'a str,
    seed: u64,
    /// Where the driver runs; a preflight is not driven.
    placement: Option<&'a Placement>,
    evidence: Option<EvidenceKind>,
    program: &'a Path,
    /// 0 for any.
    console_port: u16,
}

impl Subject for BuiltinSubject<'_> {
    fn preflight(&mut self, variant: &str) -> Result<Settings, SubjectError> {
        let variant = self.variant(variant)?;
        let start = Start {
            label: &format!("preflight-{}", variant.name),
            seed: self.seed,
            placement: None,
            evidence: None,
            program: &self.program_of(&variant.name)?,
            console_port: 0,
        };
        let mut conversation = self.start(variant, &start)?;
        let ready = conversation.ready(START_PATIENCE)?;
        let exit = conversation.finish(Duration::from_secs(5))?;
        let complaints = probe::jemalloc::parse_complaints(&conversation.stderr());
        if let Some(complaint) = complaints.first() {
            return Err(SubjectError::Refused(format!("jemalloc does not accept a setting: {complaint}")));
        }
        if exit.code != Some(0) {
            return Err(conversation.failed("the preflight child", &exit));
        }
        Ok(ready.effective)
    }

    fn run(&mut self, trial: &PlannedTrial, watch: &mut dyn FnMut(Phase)) -> Result<TrialData, SubjectError> {
        let variant = self.variant(&trial.variant)?;
        let seed = crate::plan::block_seed(self.seed, trial.block);
        watch(Phase::Starting);
        let placement = placement(&variant.settings)?;
        let evidence = trial.kind.evidence();
        let start = Start {
            label: &format!("trial-{}", trial.index),
            seed,
            placement: Some(&placement),
            evidence,
            program: &program(evidence, self.heap_of(evidence), || self.program_of(&variant.name))?,
            console_port: 0,
        };
        let (conversation, outside) = Outside::launch(Wanted::of(evidence, self.cpu), || {
            let prepared = self.prepare(variant, &start);
            move || prepared.start()
        });
        let conversation = conversation?;
        let setup =
            trial::Setup { trial, scenario: self.scenario, variant, seed, placement: &placement, stop: &self.stop };
        trial::run(&setup, conversation, outside, watch)
    }
}

/// This very executable.
fn this_program() -> Result<PathBuf, SubjectError> {
    std::env::current_exe().map_err(|e| SubjectError::Ours(format!("cannot find this executable: {e}")))
}

/// The executable of a trial. Only tokio-console and jemalloc's profiler need another one; where that is missing, so is the
/// evidence.
fn program(
    evidence: Option<EvidenceKind>,
    heap: Option<HeapBackend>,
    plain: impl FnOnce() -> Result<PathBuf, SubjectError>,
) -> Result<PathBuf, SubjectError> {
    let companion = match (evidence, heap) {
        (Some(EvidenceKind::Console), _) => Companion::Console,
        (_, Some(HeapBackend::Jemalloc)) => Companion::HeapProfiler,
        _ => return plain(),
    };
    companion.find().map_err(|missing| SubjectError::Failed { reason: missing.to_string(), stderr: String::new() })
}

/// The child's command line and environment: inherited allocator, tokio and Go variables are scrubbed, then ours set.
fn command(program: &Path, settings: &scenarios::spec::Settings, preflight: bool) -> Command {
    let mut command = Command::new(program);
    command.arg(child::COMMAND);
    for name in settings::variable_names().iter().filter(|name| probe::environment::is_scrubbed(name)) {
        command.env_remove(name);
    }
    for (path, value) in settings {
        if let Some(name) = path.strip_prefix("env.") {
            command.env(name, value);
        }
    }
    if let Some(kind) = settings.get("allocator.kind") {
        command.env(probe::allocator::ENV, kind);
    }
    let mut variables = scenarios::knobs::variables(settings);
    if preflight {
        // jemalloc goes on after a bad setting unless told to abort (design 03 §2).
        let options = variables.entry(probe::jemalloc::ENV.to_owned()).or_default();
        let rest = if options.is_empty() { String::new() } else { format!(",{options}") };
        *options = format!("abort_conf:true{rest}");
    }
    command.envs(variables);
    command
}
