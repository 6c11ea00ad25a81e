//! `workbench history`.

use std::path::PathBuf;

use reports::baseline::Shelf;
use reports::history::{self, History, Query, Suspect};
use reports::render;
use scenarios::catalog::Catalog;

use crate::cli;
use crate::clock::{Clock, SystemClock};
use crate::exit::{Exit, Refusal};
use crate::history::{Settled, next, settle};
use crate::{signals, ui};

/// Shows a metric over runs, and what changed.
pub(super) fn history(flags: &cli::History, catalog: &Catalog) -> anyhow::Result<Exit> {
    let store = super::store()?;
    let heads = store.heads().map_err(Refusal::usage)?;
    let reference = match &flags.reference {
        None => None,
        Some(selector) => {
            let path = super::selected(selector)?;
            path.file_name().map(|name| name.to_string_lossy().into_owned())
        }
    };
    let query = Query {
        scenario: flags.scenario.clone(),
        variant: flags.variant.clone(),
        metric: flags.metric.clone(),
        reference,
        seed: flags.seed,
    };
    let mut found = history::history(&heads.runs, &query, &SystemClock.now()).map_err(Refusal::usage)?;
    found.notes.extend(heads.unreadable.iter().map(ToString::to_string));
    let shelf = Shelf::at(store.root());
    let next: Vec<String> = found.suspects.iter().map(|suspect| next(&found, suspect, &shelf)).collect();
    if flags.json {
        ui::result(&serde_json::to_string_pretty(&found)?)?;
    } else {
        ui::result(&render::terminal::history(&found, &next, ui::color(), ui::width()))?;
    }
    if let Some(file) = &flags.html {
        write(file, &render::html::history(&found, &next))?;
    }
    if flags.rerun { rerun(&found, &shelf, catalog, flags) } else { Ok(Exit::Done) }
}

fn write(file: &PathBuf, page: &str) -> anyhow::Result<()> {
    std::fs::write(file, page).map_err(|e| Refusal::usage(format!("cannot write {}: {e}", file.display())))?;
    ui::remark(&format!("wrote {}", file.display()));
    Ok(())
}

/// Measures the two programs around each change side by side.
fn rerun(found: &History, shelf: &Shelf, catalog: &Catalog, flags: &cli::History) -> anyhow::Result<Exit> {
    let stop = signals::stop_on_interrupt()?;
    let store = super::store()?;
    let budget = super::duration("--for", flags.budget.as_deref())?;
    let told = |suspect: &Suspect| format!("{} to {}", suspect.before, suspect.after);
    for suspect in &found.suspects {
        let mut progress = ui::Progress::new(1.0, 32, [crate::gate::BASE, crate::gate::CANDIDATE].into_iter());
        let settled = settle(found, suspect, shelf, &store, catalog, budget, &mut progress, &stop);
        progress.clear();
        match settled? {
            Settled::NotKept(which) => ui::remark(&format!("{}: the program of {which} was not kept", told(suspect))),
            Settled::Judged(summary) => {
                if let Some(gate) = &summary.gate {
                    ui::result(&format!("{}: {}", told(suspect), gate.sentence))?;
                }
            }
        }
    }
    Ok(Exit::Done)
}
