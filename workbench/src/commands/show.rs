//! `workbench show`.

use std::path::Path;

use reports::render;
use reports::run::{EvidenceKind, LoadedRun, RunSummary, reader};

use crate::cli::Show;
use crate::exit::{Exit, Refusal};
use crate::report::recordings;
use crate::{report, ui};

/// Prints a run's result, or its plan.
pub(super) fn show(flags: &Show) -> anyhow::Result<Exit> {
    let path = super::selected(&flags.run)?;
    let text = if flags.plan {
        let run = reader::load(&path).map_err(Refusal::usage)?;
        not_attached(&run, "plan")?;
        let plan = run.plan;
        if flags.json { serde_json::to_string_pretty(&plan)? } else { super::plan_text::plan_text(&plan) }
    } else if flags.tasks {
        tasks(&path, flags)?
    } else if flags.resources {
        resources(&path, flags)?
    } else if flags.allocator {
        allocator(&path, flags.json)?
    } else if flags.waits {
        waits(&path, flags.json)?
    } else if flags.movers {
        movers(&path, flags.json)?
    } else if flags.breach {
        breach(&path, flags.json)?
    } else {
        let mut summary = report::of(&path).map_err(Refusal::usage)?;
        summary.path = path.display().to_string();
        if flags.json {
            render::json::document(&summary)
        } else {
            render::terminal::result(&summary, ui::color(), ui::width())
        }
    };
    ui::result(&text)?;
    Ok(Exit::Done)
}

/// Tasks by spawn site, or why there are none: what our hooks saw, then what tokio-console did.
fn tasks(path: &Path, flags: &Show) -> anyhow::Result<String> {
    let run = reader::load(path).map_err(Refusal::usage)?;
    let summary = report::of(path).map_err(Refusal::usage)?;
    let (hooked, recorded) = (has(&summary, EvidenceKind::Tasks.name()), has(&summary, CONSOLE));
    let traced = has(&summary, EvidenceKind::Trace.name());
    if !hooked && !recorded && !traced {
        not_attached(&run, "table of tasks")?;
        return Err(Refusal::usage(format!(
            "{} recorded no tasks: `workbench run {} --evidence cpu,tasks` does, `--evidence trace` from outside",
            run.id, run.plan.scenario
        )));
    }
    if let Some(id) = flags.task {
        return render::terminal::task_timeline(&run.traces, id, ui::color(), ui::width()).ok_or_else(|| {
            Refusal::usage(format!(
                "{} has no timeline of task {id}: those of {} are kept, by their numbers in `show {} --tasks`",
                run.id,
                traced_tasks(&run),
                run.id
            ))
        });
    }
    let views = recordings::views(&run, super::duration("--at", flags.at.as_deref())?).map_err(Refusal::usage)?;
    if flags.json {
        return Ok(render::json::tasks(&summary, &run.tasks, &run.stalls, &views, &run.traces));
    }
    let mut parts = Vec::new();
    if hooked {
        parts.push(render::terminal::tasks(&summary, &run.tasks, &run.stalls, ui::color(), ui::width()));
    }
    if traced {
        parts.push(render::terminal::trace(&summary, &run.traces, ui::color(), ui::width()));
    }
    if recorded {
        parts.push(render::terminal::console_tasks(&summary, &views, ui::color(), ui::width()));
    }
    Ok(parts.join("\n"))
}

/// The numbers of the tasks whose timelines a run kept.
fn traced_tasks(run: &reader::LoadedRun) -> String {
    let tasks = run.traces.values().flat_map(|trace| &trace.tasks).filter(|task| !task.spans.is_empty());
    let cases = run.traces.values().flat_map(|trace| &trace.cases).filter(|case| !case.spans.is_empty());
    let mut ids: Vec<u64> = tasks.map(|task| task.id).chain(cases.map(|case| case.task)).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return "no task".to_owned();
    }
    let shown: Vec<String> = ids.iter().take(20).map(u64::to_string).collect();
    let more = if ids.len() > 20 { " and more" } else { "" };
    format!("tasks {}{more}", shown.join(", "))
}

/// Resources and who waited on them, or why nothing is known of them.
fn resources(path: &Path, flags: &Show) -> anyhow::Result<String> {
    let run = reader::load(path).map_err(Refusal::usage)?;
    let summary = report::of(path).map_err(Refusal::usage)?;
    if !has(&summary, CONSOLE) {
        not_attached(&run, "recording of tokio-console")?;
        return Err(Refusal::usage(format!(
            "{} has no recording of tokio-console: `workbench run {} --evidence console` makes one",
            run.id, run.plan.scenario
        )));
    }
    let views = recordings::views(&run, super::duration("--at", flags.at.as_deref())?).map_err(Refusal::usage)?;
    Ok(if flags.json {
        render::json::resources(&summary, &views)
    } else {
        render::terminal::resources(&summary, &views, ui::color(), ui::width())
    })
}

/// The allocator over time, or why there is nothing.
fn allocator(path: &Path, json: bool) -> anyhow::Result<String> {
    let run = reader::load(path).map_err(Refusal::usage)?;
    let summary = report::of(path).map_err(Refusal::usage)?;
    if !summary.profiles.iter().any(|profile| profile.kind == EvidenceKind::Allocator.name()) {
        not_attached(&run, "record of the allocator")?;
        return Err(Refusal::usage(format!(
            "{} did not record the allocator: `workbench run {} --evidence cpu,allocator` does",
            run.id, run.plan.scenario
        )));
    }
    Ok(if json {
        render::json::allocator(&summary, &run.allocator)
    } else {
        render::terminal::allocator(&summary, &run.allocator, ui::color(), ui::width())
    })
}

/// Refuses what only trials have: nobody can be told to run an attachment again with other evidence.
fn not_attached(run: &LoadedRun, what: &str) -> anyhow::Result<()> {
    match &run.plan.attached {
        None => Ok(()),
        Some(_) => Err(Refusal::usage(format!(
            "{} is an attachment: it has no {}; `workbench show {}` shows what it has",
            run.id, what, run.id
        ))),
    }
}

/// Waits seen from outside, or why there are none.
fn waits(path: &Path, json: bool) -> anyhow::Result<String> {
    let run = reader::load(path).map_err(Refusal::usage)?;
    let summary = report::of(path).map_err(Refusal::usage)?;
    if !has(&summary, EvidenceKind::Wait.name()) {
        return Err(Refusal::usage(format!(
            "{} did not record waits: `workbench run {} --evidence cpu,wait` does",
            run.id, run.plan.scenario
        )));
    }
    Ok(if json {
        render::json::waits(&summary, &run.waits)
    } else {
        render::terminal::waits(&summary, &run.waits, ui::color(), ui::width())
    })
}

/// Functions and crates that moved between variants, or why that is not known.
fn movers(path: &Path, json: bool) -> anyhow::Result<String> {
    let run = reader::load(path).map_err(Refusal::usage)?;
    let summary = report::of(path).map_err(Refusal::usage)?;
    if summary.movers.is_empty() {
        not_attached(&run, "variants to compare")?;
        return Err(Refusal::usage(format!(
            "{} does not know what moved: that takes CPU evidence of two variants; `workbench run {} --evidence cpu \
             --evidence-trials 6` gathers enough of it",
            run.id, run.plan.scenario
        )));
    }
    Ok(if json {
        render::json::movers(&summary)
    } else {
        render::terminal::movers(&summary.movers, ui::color(), ui::width())
    })
}

/// What ran while variants were late, or why that is not known.
fn breach(path: &Path, json: bool) -> anyhow::Result<String> {
    let run = reader::load(path).map_err(Refusal::usage)?;
    if run.breaches.is_empty() {
        not_attached(&run, "operations to be late")?;
        return Err(Refusal::usage(format!(
            "{} does not know what ran while it was late: that takes an open-loop phase and CPU samples with times, and pprof \
             keeps none; `workbench run {} --evidence cpu` gathers them by perf or by our own sampler",
            run.id, run.plan.scenario
        )));
    }
    Ok(if json {
        render::json::breach(&run.id, &run.breaches)
    } else {
        render::terminal::breach(&run.breaches, ui::color(), ui::width())
    })
}

const CONSOLE: &str = "console";

fn has(summary: &RunSummary, kind: &str) -> bool {
    summary.profiles.iter().any(|profile| profile.kind == kind)
}
