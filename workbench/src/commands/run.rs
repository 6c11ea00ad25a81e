//! `workbench run`.

use std::path::Path;
use std::time::Duration;

use reports::baseline::Shelf;
use reports::render;
use reports::run::{CpuBackend, EvidenceKind, HeapBackend, Plan, RunSummary, TrialKind};
use scenarios::catalog::Catalog;
use scenarios::resolve;
use scenarios::spec::Connection;

use crate::cli::{self, Evidence, Run};
use crate::clock::{Clock, SystemClock};
use crate::companion::Companion;
use crate::conductor::Ending;
use crate::events::lines;
use crate::evidence::sampling;
use crate::exit::{Exit, Refusal};
use crate::program_wish::{ProgramWish, RequestWish, parse_vary_cmd};
use crate::session::{Amount, Arriving, Session, Wish, prepare};
use crate::subject::last_words::last_words;
use crate::{baseline, export, signals, spans, ui};

/// Plans, measures, reports.
pub(super) fn run(flags: &Run, verbosity: u8, catalog: &Catalog) -> anyhow::Result<Exit> {
    let outputs = export::beside(&flags.outputs.outputs).map_err(Refusal::usage)?;
    let stop = signals::stop_on_interrupt()?;
    let session = match &flags.resume {
        Some(selector) => Session::resume(&super::selected(selector)?)?,
        None => {
            let prepared = prepare(&wish(flags)?, catalog)?;
            if flags.dry_run {
                ui::result(&dry_run(&prepared.plan, flags.json)?)?;
                return Ok(Exit::Done);
            }
            let store = super::store()?;
            if let Some(name) = &flags.save_as {
                let resolved = &prepared.resolved;
                baseline::possible(name, &Shelf::at(store.root()), &resolved.scenario, &resolved.variants)?;
            }
            Session::create(prepared, &store)?
        }
    };
    ready_companions(session.plan());
    spans::subscribe(verbosity, Some(session.log()?));
    announce(session.plan(), session.left(), session.estimate_s());
    let plan = session.plan();
    let names = plan.variants.iter().map(|variant| variant.name.as_str());
    #[allow(clippy::cast_precision_loss, reason = "a number of trials")]
    let trial_s = session.estimate_s() / session.left().max(1) as f64;
    let mut progress = ui::Progress::new(trial_s, plan.blocks, names);
    let result = if flags.events {
        let run = session.id().to_owned();
        session.run(&mut ui::EventLines::new(&run, &mut progress), &stop)
    } else {
        session.run(&mut progress, &stop)
    };
    progress.clear();
    let (ending, summary) = result?;
    export::write(&outputs, &summary, Path::new(&summary.path))?;
    let exit = conclude(flags, &ending, &summary)?;
    if let (Some(name), Ending::Complete) = (&flags.save_as, &ending) {
        baseline::save(name, &Shelf::at(super::store()?.root()), Path::new(&summary.path))?;
        ui::remark(&format!(
            "kept as baseline {name}: `workbench gate {} --against {name}` measures against it",
            summary.scenario
        ));
    }
    Ok(exit)
}

/// Builds the programs that tokio-console and jemalloc's profiler need before anything is measured, so that no build runs
/// beside a trial. Where one cannot be had its trials will say so; the measurements do not need it.
fn ready_companions(plan: &Plan) {
    let gathers = |kind| plan.trials.iter().any(|trial| trial.kind == TrialKind::Evidence(kind));
    let by_jemalloc = plan.heap == Some(HeapBackend::Jemalloc);
    for (needed, companion, whose) in [
        (gathers(EvidenceKind::Console), Companion::Console, "of tokio-console"),
        (gathers(EvidenceKind::Heap) && by_jemalloc, Companion::HeapProfiler, "of the heap"),
    ] {
        if needed && let Err(missing) = companion.find_or_build(&mut |working| ui::remark(working)) {
            ui::remark(&format!("evidence {whose} will be missing: {missing}"));
        }
    }
}

/// The flags as a wish.
fn wish(flags: &Run) -> anyhow::Result<Wish> {
    let set = flags.set.iter().map(|s| resolve::parse_set(s)).collect::<Result<_, _>>().map_err(Refusal::usage)?;
    let vary = flags.vary.iter().map(|s| resolve::parse_vary(s)).collect::<Result<_, _>>().map_err(Refusal::usage)?;
    let amount = match (flags.trials, &flags.budget) {
        (Some(blocks), _) => Amount::Blocks(blocks),
        (None, Some(budget)) => Amount::Within(
            scenarios::knobs::parse_duration(budget)
                .map_err(|e| Refusal::usage(format!("`--for` = {budget} is not {e}")))?,
        ),
        (None, None) if flags.quick => Amount::Quick,
        (None, None) => Amount::AsTheScenarioSays,
    };
    let program = program(&flags.program, !flags.vary.is_empty())?;
    let starts = program.target.is_some() || !program.command.is_empty() || !program.variants.is_empty();
    let otherwise = if starts { "" } else { "http-service" };
    Ok(Wish {
        scenario: flags.scenario.clone().unwrap_or_else(|| otherwise.to_owned()),
        program: (!program.is_empty()).then_some(program),
        set,
        vary,
        variants: flags.variant.clone(),
        arriving: arriving(flags)?,
        amount,
        evidence_trials: flags.evidence_trials,
        evidence: if flags.evidence.is_empty() { None } else { Some(kinds(&flags.evidence, flags.incident)?) },
        incident: flags.incident,
        cpu_backend: flags.cpu_backend.map(|backend| match backend {
            cli::CpuBackend::Perf => CpuBackend::Perf,
            cli::CpuBackend::Sampler => CpuBackend::Sampler,
            cli::CpuBackend::Pprof => CpuBackend::Pprof,
        }),
        cpu_hz: flags.cpu_hz,
        heap_backend: flags.heap_backend.map(|backend| match backend {
            cli::HeapBackend::Sampler => HeapBackend::Sampler,
            cli::HeapBackend::Jemalloc => HeapBackend::Jemalloc,
        }),
        stall_after: stall_after(flags)?,
        every_task_wait: flags.task_waits == Some(cli::TaskWaits::Every),
        seed: flags.seed,
    })
}

/// The flags about a program as a wish.
pub(super) fn program(given: &cli::Program, varied: bool) -> anyhow::Result<ProgramWish> {
    let variants = given.vary_cmd.iter().map(|text| parse_vary_cmd(text)).collect::<anyhow::Result<_>>()?;
    Ok(ProgramWish {
        command: given.command.clone(),
        target: given.target.clone(),
        variants,
        ready: given.ready.clone(),
        start_timeout: super::duration("--start-timeout", given.start_timeout.as_deref())?,
        rate: given.rate,
        concurrency: given.concurrency,
        duration: super::duration("--duration", given.duration.as_deref())?,
        warmup: super::duration("--warmup", given.warmup.as_deref())?,
        connection: given.connection.map(|connection| match connection {
            cli::Connection::KeepAlive => Connection::KeepAlive,
            cli::Connection::Close => Connection::Close,
        }),
        ladder: given.ladder.as_ref().map(|text| read("ladder", text)).transpose()?,
        background: given.background.iter().map(|text| read("background", text)).collect::<Result<_, _>>()?,
        insecure: given.insecure,
        request: RequestWish {
            method: given.method.clone(),
            headers: given.header.clone(),
            body: given.body.clone(),
            expect_status: given.expect_status,
            expect_body: given.expect_body.clone(),
        },
        varied,
    })
}

/// What a flag says.
fn read<T: std::str::FromStr<Err = String>>(flag: &str, text: &str) -> anyhow::Result<T> {
    text.parse().map_err(|error| Refusal::usage(format!("`--{flag}` = {text} is not {error}")))
}

/// Arrivals and transport, where the flags say something about them.
fn arriving(flags: &Run) -> anyhow::Result<Arriving> {
    Ok(Arriving {
        stages: flags.stages.iter().map(|text| read("stage", text)).collect::<Result<_, _>>()?,
        burst: flags.burst.as_ref().map(|text| read("burst", text)).transpose()?,
        trace: flags.trace.clone(),
        scale: flags.scale,
        tls_ca: flags.tls_ca.clone(),
        protocol: flags.protocol.clone(),
    })
}

/// Threshold of the stall catcher, where one is asked for.
fn stall_after(flags: &Run) -> anyhow::Result<Option<Duration>> {
    let parse = |asked: &String| {
        scenarios::knobs::parse_duration(asked)
            .map_err(|e| Refusal::usage(format!("`--stall-after` = {asked} is not {e}")))
    };
    flags.stall_after.as_ref().map(parse).transpose()
}

/// Kinds of evidence asked for.
fn kinds(asked: &[Evidence], incident: bool) -> anyhow::Result<Vec<EvidenceKind>> {
    if incident && asked.contains(&Evidence::None) {
        return Err(Refusal::usage("`--incident` gathers evidence, and `--evidence none` wants none: leave one out"));
    }
    if asked.contains(&Evidence::None) && asked.iter().any(|kind| *kind != Evidence::None) {
        return Err(Refusal::usage("`--evidence none` goes with no other kind"));
    }
    Ok(asked
        .iter()
        .filter_map(|kind| match kind {
            Evidence::Cpu => Some(EvidenceKind::Cpu),
            Evidence::Heap => Some(EvidenceKind::Heap),
            Evidence::Tasks => Some(EvidenceKind::Tasks),
            Evidence::Allocator => Some(EvidenceKind::Allocator),
            Evidence::Console => Some(EvidenceKind::Console),
            Evidence::Wait => Some(EvidenceKind::Wait),
            Evidence::Trace => Some(EvidenceKind::Trace),
            Evidence::None => None,
        })
        .collect())
}

fn announce(plan: &Plan, left: usize, seconds: f64) {
    let (variants, blocks) = (plan.variants.len(), plan.blocks);
    let (of_variants, of_blocks) = (if variants == 1 { "" } else { "s" }, if blocks == 1 { "" } else { "s" });
    ui::remark(&format!(
        "{}: {variants} variant{of_variants} × {blocks} block{of_blocks}, {left} trials to go, about {seconds:.0} s (seed {})",
        plan.scenario, plan.seed
    ));
    if let Some(warning) = plan.cpu.and_then(sampling::warning) {
        ui::remark(&format!("warning: {warning}"));
    }
}

fn conclude(flags: &Run, ending: &Ending, summary: &RunSummary) -> anyhow::Result<Exit> {
    if flags.events {
        ui::event(&lines::result(summary, &SystemClock.now()));
    } else if flags.json {
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
pub(super) fn failure(reason: &str, stderr: &str) -> String {
    let lines = last_words(stderr);
    if lines.is_empty() {
        return format!("subject failed: {reason} (it said nothing on standard error)");
    }
    let tail = lines.into_iter().map(render::printable).collect::<Vec<_>>().join("\n    ");
    format!("subject failed: {reason}\n  its last words:\n    {tail}")
}

pub(super) fn dry_run(plan: &Plan, json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(serde_json::to_string_pretty(plan)?);
    }
    Ok(super::plan_text::plan_text(plan))
}
