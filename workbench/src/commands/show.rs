//! `workbench show`.

use reports::render;
use reports::run::reader;

use crate::cli::Show;
use crate::exit::{Exit, Refusal};
use crate::{report, ui};

/// Prints a run's result, or its plan.
pub(super) fn show(flags: &Show) -> anyhow::Result<Exit> {
    let path = super::selected(&flags.run)?;
    let text = if flags.plan {
        let plan = reader::load(&path).map_err(Refusal::usage)?.plan;
        if flags.json { serde_json::to_string_pretty(&plan)? } else { super::plan_text::plan_text(&plan) }
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
