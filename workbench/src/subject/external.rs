//! Programs that are not ours: started once per trial, driven over their socket, seen from outside.
//!
//! Nothing of ours is in them. What they used is read from the kernel, for all of their processes together; what they
//! were given is read back from `/proc`; they are asked to end by SIGTERM.

mod driving;
mod heeded;
mod launch;
mod memory;
pub mod program;
mod read_back;
mod ready;
mod running;
mod sockets;
mod tree;
mod trial;
mod wire;

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use flamegraphs::capture::allowed;
use reports::run::{CpuSampling, EvidenceKind, PlannedTrial, Settings};
use scenarios::spec::{Program, Scenario, Variant};

use self::running::{Running, Start};
use self::trial::{Began, Setup};
use super::guard::Guard;
use super::outside::Wanted;
use super::{Phase, Subject, SubjectError, TrialData, placement};
use crate::load::Placement;

pub use self::program::ProgramError;
pub use self::read_back::{BINARY, COMMAND};

/// Runs the trials of one scenario whose subject is a program.
pub struct ExternalSubject<'a> {
    scenario: &'a Scenario,
    program: &'a Program,
    variants: &'a [Variant],
    seed: u64,
    guard: Arc<Guard>,
    stop: Arc<AtomicBool>,
    cpu: Option<CpuSampling>,
    /// Part of the marker, so that two runs on one host do not kill each other's subjects.
    run: String,
    /// The file of each variant as it was first seen: trials of two builds are never mixed.
    binaries: BTreeMap<String, String>,
    /// By variant: whether the tasks of its program can be traced, as one that was driven showed.
    tasks: BTreeMap<String, OnceCell<Result<(), String>>>,
    /// Why it is driven by the open loop alone: it did not live through a closed one.
    spared: Option<String>,
}

impl<'a> ExternalSubject<'a> {
    /// `seed` is the plan's; `run` names the run; `stop` is set by a signal.
    pub fn new(
        scenario: &'a Scenario,
        program: &'a Program,
        variants: &'a [Variant],
        seed: u64,
        run: &str,
        guard: Arc<Guard>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let run = run.to_owned();
        let tasks = variants.iter().map(|variant| (variant.name.clone(), OnceCell::new())).collect();
        Self {
            scenario,
            program,
            variants,
            seed,
            guard,
            stop,
            cpu: None,
            run,
            binaries: BTreeMap::new(),
            tasks,
            spared: None,
        }
    }

    /// Says how CPU evidence is sampled.
    #[must_use]
    pub fn sampling(self, cpu: Option<CpuSampling>) -> Self {
        Self { cpu, ..self }
    }

    /// Says which files an earlier sitting of the run measured, by variant.
    #[must_use]
    pub fn measured_before(self, earlier: &[(String, Settings)]) -> Self {
        let binary = |(variant, effective): &(String, Settings)| {
            Some((variant.clone(), effective.get(read_back::BINARY)?.clone()))
        };
        Self { binaries: earlier.iter().filter_map(binary).collect(), ..self }
    }

    fn variant(&self, name: &str) -> Result<&'a Variant, SubjectError> {
        self.variants
            .iter()
            .find(|v| v.name == name)
            .ok_or_else(|| SubjectError::Ours(format!("the plan names a variant `{name}` that the scenario lacks")))
    }

    fn start<'s>(&'s self, variant: &'s Variant, label: &str, placement: &Placement) -> Start<'s> {
        let cpus = match placement {
            Placement::Dedicated { subject, .. } => {
                Some(subject.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
            }
            Placement::Shared => None,
        };
        Start {
            program: self.program,
            variant,
            load: &self.scenario.load,
            cpus,
            marker: format!("{}-{}-{label}", self.run, std::process::id()),
            guard: &self.guard,
            stop: &self.stop,
            wanted: None,
        }
    }

    /// Whether a program that does not live through as much load as it can get may be driven by what it was asked for alone: where
    /// it is compared with nothing, and there is an open loop.
    fn may_be_spared(&self) -> bool {
        self.spared.is_none() && self.variants.len() == 1 && self.scenario.load.operations > 0
    }

    /// One trial, from the start of a program to its end.
    fn once(
        &mut self,
        trial: &PlannedTrial,
        crowded_out: &Cell<bool>,
        watch: &mut dyn FnMut(Phase),
    ) -> Result<TrialData, SubjectError> {
        let variant = self.variant(&trial.variant)?;
        watch(Phase::Starting);
        let placement = placement(&variant.settings)?;
        let began = Began::now();
        let wanted = Wanted::of(trial.kind.evidence(), self.cpu);
        let start = Start { wanted, ..self.start(variant, &format!("trial-{}", trial.index), &placement) };
        let (running, outside) = Running::start(&start)?;
        if let Some(message) = crate::conductor::disagreement(&variant.settings, &running.effective) {
            return Err(SubjectError::Refused(message));
        }
        self.same_file(&trial.variant, &running.effective)?;
        let setup = Setup {
            trial,
            scenario: self.scenario,
            target: &self.program.target,
            seed: crate::plan::block_seed(self.seed, trial.block),
            placement: &placement,
            tasks: self.tasks.get(&trial.variant),
            stop: &self.stop,
            spared: self.spared.as_deref(),
            crowded_out,
        };
        trial::run(&setup, began, running, outside, watch)
    }

    /// Refuses a file that is no longer the one that was seen first.
    fn same_file(&mut self, variant: &str, effective: &Settings) -> Result<(), SubjectError> {
        let Some(found) = effective.get(read_back::BINARY) else { return Ok(()) };
        let first = self.binaries.entry(variant.to_owned()).or_insert_with(|| found.clone());
        if first == found {
            return Ok(());
        }
        Err(SubjectError::Refused(format!(
            "the program of `{variant}` is not the one that this run began with: it was {first} and is {found}; trials of \
             two builds are never mixed: start a new run"
        )))
    }
}

impl Subject for ExternalSubject<'_> {
    fn preflight(&mut self, variant: &str) -> Result<Settings, SubjectError> {
        let found = self.variant(variant)?;
        let placement = placement(&found.settings)?;
        let (mut running, _) = Running::start(&self.start(found, &format!("preflight-{variant}"), &placement))?;
        let effective = std::mem::take(&mut running.effective);
        running.stop()?;
        self.same_file(variant, &effective)?;
        Ok(effective)
    }

    fn lacks(&self, trial: &PlannedTrial) -> Option<String> {
        match Wanted::of(trial.kind.evidence(), self.cpu)? {
            Wanted::Tasks => self.tasks.get(&trial.variant)?.get()?.as_ref().err().cloned(),
            Wanted::Cpu { .. } => allowed::switch_records().err().map(|refused| refused.to_string()),
            // What the kernel counts is there without perf events.
            Wanted::Wait => None,
        }
    }

    fn run(&mut self, trial: &PlannedTrial, watch: &mut dyn FnMut(Phase)) -> Result<TrialData, SubjectError> {
        let crowded_out = Cell::new(false);
        match self.once(trial, &crowded_out, watch) {
            Err(SubjectError::Failed { reason, .. }) if crowded_out.get() && self.may_be_spared() => {
                self.spared = Some(reason);
                self.once(trial, &crowded_out, watch)
            }
            ended => ended,
        }
    }
}

/// Looks for the program of every variant, before anything is started.
///
/// # Errors
/// The first that cannot be started.
pub fn locate(program: &Program, variants: &[Variant], folder: &Path) -> Result<(), ProgramError> {
    variants.iter().try_for_each(|variant| launch::locate(&program.command_of(variant), folder).map(|_| ()))
}

/// The file that a command starts.
///
/// # Errors
/// It cannot be started.
pub fn located(command: &[String], folder: &Path) -> Result<PathBuf, ProgramError> {
    launch::locate(command, folder)
}

/// Whether a file is a script: another program reads it.
pub fn is_script(file: &Path) -> bool {
    program::interpreter(file).is_some()
}

/// What a kind of evidence would need that a program of somebody else lacks.
///
/// # Errors
/// The end of a sentence.
pub fn seen_from_outside(kind: EvidenceKind) -> Result<(), &'static str> {
    match kind {
        EvidenceKind::Cpu | EvidenceKind::Wait | EvidenceKind::Trace => Ok(()),
        EvidenceKind::Heap => Err("our allocator and its sampler in the program: link the library `probe`"),
        EvidenceKind::Tasks => {
            Err("our hooks in its runtime: link the library `probe`; `trace` sees tasks from outside")
        }
        EvidenceKind::Allocator => Err("our allocator in the program: link the library `probe`"),
        EvidenceKind::Console => Err("tokio-console's layer in the program: link `console-subscriber` or `probe`"),
    }
}
