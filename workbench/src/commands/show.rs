//! `workbench show`.

use std::path::Path;

use reports::render;
use reports::run::{EvidenceKind, reader};

use crate::cli::Show;
use crate::exit::{Exit, Refusal};
use crate::{report, ui};

/// Prints a run's result, or its plan.
pub(super) fn show(flags: &Show) -> anyhow::Result<Exit> {
    let path = super::selected(&flags.run)?;
    let text = if flags.plan {
        let plan = reader::load(&path).map_err(Refusal::usage)?.plan;
        if flags.json { serde_json::to_string_pretty(&plan)? } else { super::plan_text::plan_text(&plan) }
    } else if flags.tasks {
        tasks(&path, flags.json)?
    } else if flags.allocator {
        allocator(&path, flags.json)?
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

/// Tasks by spawn site, or why there are none.
fn tasks(path: &Path, json: bool) -> anyhow::Result<String> {
    let run = reader::load(path).map_err(Refusal::usage)?;
    let summary = report::of(path).map_err(Refusal::usage)?;
    if !summary.profiles.iter().any(|profile| profile.kind == EvidenceKind::Tasks.name()) {
        return Err(Refusal::usage(format!(
            "{} recorded no tasks: `workbench run {} --evidence cpu,tasks` does",
            run.id, run.plan.scenario
        )));
    }
    Ok(if json {
        render::json::tasks(&summary, &run.tasks)
    } else {
        render::terminal::tasks(&summary, &run.tasks, ui::color(), ui::width())
    })
}

/// The allocator over time, or why there is nothing.
fn allocator(path: &Path, json: bool) -> anyhow::Result<String> {
    let run = reader::load(path).map_err(Refusal::usage)?;
    let summary = report::of(path).map_err(Refusal::usage)?;
    if !summary.profiles.iter().any(|profile| profile.kind == EvidenceKind::Allocator.name()) {
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
