//! `workbench baseline`.

use reports::baseline::Shelf;
use reports::metric::format_value;
use reports::render::{self, terminal::BaselineLine};

use crate::cli::{Baseline, BaselineAction};
use crate::exit::{Exit, Refusal};
use crate::ui;

/// Lists, removes or exports baselines.
pub(super) fn baseline(flags: &Baseline) -> anyhow::Result<Exit> {
    let shelf = Shelf::at(super::store()?.root());
    match &flags.action {
        BaselineAction::List { json } => list(&shelf, *json)?,
        BaselineAction::Rm { name } => {
            let freed = shelf.remove(name).map_err(Refusal::usage)?;
            #[allow(clippy::cast_precision_loss, reason = "a size to be read")]
            let freed = format_value(freed as f64, "B");
            ui::result(&format!("removed baseline {name} ({freed} of programs given back)"))?;
        }
        BaselineAction::Export { name, folder } => {
            shelf.export(name, folder).map_err(Refusal::usage)?;
            let folder = render::printable(&folder.display().to_string());
            ui::result(&format!(
                "exported baseline {name} to {folder}: `workbench gate … --against ./{folder}` takes it"
            ))?;
        }
    }
    Ok(Exit::Done)
}

fn list(shelf: &Shelf, json: bool) -> anyhow::Result<()> {
    let all = shelf.list().map_err(Refusal::usage)?;
    if json {
        let readable: Vec<_> = all.iter().filter_map(|(_, baseline)| baseline.as_ref().ok()).collect();
        ui::result(&serde_json::to_string_pretty(&readable)?)?;
    } else {
        let lines: Vec<BaselineLine<'_>> = all
            .iter()
            .map(|(name, baseline)| BaselineLine { name, told: baseline.as_ref().map_err(ToString::to_string) })
            .collect();
        ui::result(&render::terminal::baselines(&lines, ui::color(), ui::width()))?;
    }
    for (name, baseline) in &all {
        if let Err(error) = baseline {
            ui::remark(&format!("{name}: {error}"));
        }
    }
    Ok(())
}
