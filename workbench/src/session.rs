//! A run from a wish to its result: resolve, plan, conduct, report. What the `run` command does, for any caller.

mod arriving;
mod gathering;
mod prepare;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use reports::run::reader;
use reports::run::store::Store;
use reports::run::writer::{RunName, RunWriter};
use reports::run::{BudgetRecord, Event, Plan, RunSummary, Settings};
use scenarios::resolve::resolve;

pub use self::arriving::Arriving;
pub use self::prepare::{Amount, Prepared, Wish, prepare};
pub(crate) use self::prepare::{EvidenceAmount, own_arrivals, plan_of, possible, resolved};
use crate::clock::{Clock, SystemClock};
use crate::conductor::{Ending, Referee, Stage, conduct};
use crate::events::Listener;
use crate::exit::Refusal;
use crate::gate::{Gate, GateReferee};
use crate::subject::Subject;
use crate::subject::builtin::BuiltinSubject;
use crate::subject::external::ExternalSubject;
use crate::subject::guard::Guard;
use crate::{build_info, machine, plan, report};

/// How often in all trials of a diagnosis are run again where the load driver could not keep up.
const REPEATS: usize = 2;

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
mod tests;
