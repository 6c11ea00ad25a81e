//! `workbench run`.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use reports::render;
use reports::run::reader;
use reports::run::writer::{RunName, RunWriter};
use reports::run::{EvidenceKind, Plan, RunSummary};
use scenarios::catalog::Catalog;
use scenarios::resolve::{self, Resolved};

use crate::cli::{Evidence, Run};
use crate::clock::{Clock, SystemClock};
use crate::conductor::{Ending, Stage, conduct};
use crate::exit::{Exit, Refusal};
use crate::subject::builtin::BuiltinSubject;
use crate::subject::guard::Guard;
use crate::subject::last_words::last_words;
use crate::{build_info, machine, plan, report, signals, spans, ui};

/// What is to be run, new or continued.
struct Job {
    resolved: Resolved,
    plan: Plan,
    writer: RunWriter,
    done: Vec<u32>,
}

/// Plans, measures, reports.
pub(super) fn run(flags: &Run, verbosity: u8, catalog: &Catalog) -> anyhow::Result<Exit> {
    let stop = signals::stop_on_interrupt()?;
    let job = match &flags.resume {
        Some(selector) => resumed(selector)?,
        None => {
            let (resolved, plan) = planned(flags, catalog)?;
            if flags.dry_run {
                ui::result(&dry_run(&plan, flags.json)?)?;
                return Ok(Exit::Done);
            }
            let scenario_toml = scenarios::file::to_toml(&resolved.scenario);
            let name = RunName { stamp: &SystemClock.stamp(), letters: &letters() };
            let writer = RunWriter::create(super::store()?.root(), name, &plan, &scenario_toml, &machine::read())?;
            Job { resolved, plan, writer, done: Vec::new() }
        }
    };
    spans::subscribe(verbosity, Some(job.writer.log()?));
    carry_out(flags, job, &stop)
}

/// Resolves flags and scenario into a plan.
fn planned(flags: &Run, catalog: &Catalog) -> anyhow::Result<(Resolved, Plan)> {
    let scenario = catalog.load(&flags.scenario).map_err(Refusal::usage)?;
    let sets =
        flags.set.iter().map(|s| resolve::parse_set(s)).collect::<Result<Vec<_>, _>>().map_err(Refusal::usage)?;
    let vary =
        flags.vary.iter().map(|s| resolve::parse_vary(s)).collect::<Result<Vec<_>, _>>().map_err(Refusal::usage)?;
    let mut resolved = resolve::resolve(&scenario, &sets, &vary, &flags.variant).map_err(Refusal::usage)?;
    let evidence = kinds(&flags.evidence)?;
    if flags.quick {
        quicken(&mut resolved);
    }
    let mut blocks = resolved.scenario.trial.blocks;
    if let Some(trials) = flags.trials {
        if trials == 0 {
            return Err(Refusal::usage(
                "`--trials` = 0 is out of range: at least 1; 12 is the least for a firm verdict",
            ));
        }
        blocks = trials;
    }
    let mut budget_s = f64::INFINITY;
    if let Some(budget) = &flags.budget {
        budget_s = scenarios::knobs::parse_duration(budget)
            .map_err(|e| Refusal::usage(format!("`--for` = {budget} is not {e}")))?
            .as_secs_f64();
        blocks = plan::blocks_within(budget_s, &resolved.scenario, resolved.variants.len(), evidence.len());
    }
    let build = build_info::read();
    let plan = plan::plan(&plan::Request {
        scenario: &resolved.scenario,
        variants: &resolved.variants,
        blocks,
        evidence: &evidence,
        seed: flags.seed.unwrap_or_else(random),
        build: &build,
    });
    let least_s = estimate_s(&plan, plan.trials.len());
    if blocks == 1 && least_s > budget_s {
        return Err(Refusal::usage(format!(
            "`--for` = {} is too short: one block of {} variants with its evidence takes about {least_s:.0} s",
            flags.budget.as_deref().unwrap_or_default(),
            plan.variants.len()
        )));
    }
    Ok((resolved, plan))
}

/// Kinds of evidence asked for, each once.
fn kinds(asked: &[Evidence]) -> anyhow::Result<Vec<EvidenceKind>> {
    if asked.contains(&Evidence::None) && asked.iter().any(|kind| *kind != Evidence::None) {
        return Err(Refusal::usage("`--evidence none` goes with no other kind"));
    }
    let mut kinds: Vec<EvidenceKind> = asked
        .iter()
        .filter_map(|kind| match kind {
            Evidence::Cpu => Some(EvidenceKind::Cpu),
            Evidence::Heap => Some(EvidenceKind::Heap),
            Evidence::Tasks => Some(EvidenceKind::Tasks),
            Evidence::None => None,
        })
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

/// `--quick`: three blocks of a quarter of the load.
fn quicken(resolved: &mut Resolved) {
    let scenario = &mut resolved.scenario;
    scenario.trial.blocks = 3;
    scenario.trial.saturated /= 2;
    scenario.load.operations = (scenario.load.operations / 4).max(1);
}

/// Takes an interrupted run up again: same plan, same program, same kind of host.
fn resumed(selector: &str) -> anyhow::Result<Job> {
    let path = super::selected(selector)?;
    let run = reader::load(&path).map_err(Refusal::usage)?;
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
    // A resolved scenario resolves to itself.
    let resolved = resolve::resolve(&scenario, &[], &[], &[]).map_err(Refusal::usage)?;
    let writer = RunWriter::reopen(&path)?;
    Ok(Job { resolved, plan: run.plan, writer, done })
}

fn carry_out(flags: &Run, job: Job, stop: &Arc<AtomicBool>) -> anyhow::Result<Exit> {
    let Job { resolved, plan, mut writer, done } = job;
    let path = writer.path().to_owned();
    let guard = Guard::start().context("starting the guard process")?;
    let run_name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut subject = BuiltinSubject::new(
        &resolved.scenario,
        &resolved.variants,
        plan.seed,
        &run_name,
        Arc::clone(&guard),
        Arc::clone(stop),
    );
    announce(&plan, &done);
    let names = plan.variants.iter().map(|variant| variant.name.as_str());
    let mut progress = ui::Progress::new(plan::trial_seconds(&plan.phases), plan.blocks, names);
    let clock = SystemClock;
    let ending = {
        let mut stage =
            Stage { subject: &mut subject, writer: &mut writer, listener: &mut progress, clock: &clock, stop };
        conduct(&plan, &done, &mut stage)
    };
    progress.clear();
    let ending = ending?;
    let summary = report::write(&mut writer, ending.status(), &clock.now())?;
    conclude(flags, &ending, &summary)
}

fn announce(plan: &Plan, done: &[u32]) {
    let left = plan.trials.len() - done.len();
    let seconds = estimate_s(plan, left);
    ui::remark(&format!(
        "{}: {} variants × {} blocks, {left} trials to go, about {seconds:.0} s (seed {})",
        plan.scenario,
        plan.variants.len(),
        plan.blocks,
        plan.seed
    ));
}

/// Seconds that this many trials of the plan take.
fn estimate_s(plan: &Plan, trials: usize) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a number of trials")]
    let trials = trials as f64;
    trials * plan::trial_seconds(&plan.phases)
}

fn conclude(flags: &Run, ending: &Ending, summary: &RunSummary) -> anyhow::Result<Exit> {
    if flags.json {
        ui::result(&render::json::document(summary))?;
    } else if summary.variants.iter().any(|variant| variant.trials > 0) {
        ui::result(&render::terminal::result(summary, ui::color(), ui::width()))?;
    } else {
        // A table of nothing would push the message away.
        ui::remark(&format!("nothing was measured; the record is in {}", summary.path));
    }
    match ending {
        Ending::Complete => Ok(Exit::Done),
        Ending::Interrupted => {
            ui::remark(&format!(
                "interrupted; finished trials are saved: `workbench run --resume {}` goes on",
                summary.run
            ));
            Ok(Exit::Interrupted)
        }
        Ending::SubjectFailed { reason, stderr } => Err(Refusal::subject(failure(reason, stderr))),
        Ending::Refused(message) => Err(Refusal::usage(message)),
    }
}

/// The reason and the last lines that the subject said.
fn failure(reason: &str, stderr: &str) -> String {
    let lines = last_words(stderr);
    if lines.is_empty() {
        return format!("subject failed: {reason} (it said nothing on standard error)");
    }
    let tail = lines.into_iter().map(render::printable).collect::<Vec<_>>().join("\n    ");
    format!("subject failed: {reason}\n  its last words:\n    {tail}")
}

fn dry_run(plan: &Plan, json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(serde_json::to_string_pretty(plan)?);
    }
    Ok(super::plan_text::plan_text(plan))
}

/// Four letters that tell apart runs of the same second.
fn letters() -> String {
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
fn random() -> u64 {
    // Kept below 2^53, so that the seed survives JSON readers that know only doubles.
    std::hash::RandomState::new().build_hasher().finish() >> 11
}
