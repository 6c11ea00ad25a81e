//! `workbench history`.

use std::path::PathBuf;

use reports::baseline::Shelf;
use reports::history::{self, History, Query};
use reports::render;
use scenarios::catalog::Catalog;

use crate::cli;
use crate::clock::{Clock, SystemClock};
use crate::conductor::Ending;
use crate::exit::{Exit, Refusal};
use crate::history::{next, settle};
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
    let text = |found: &History| render::terminal::history(found, &next, ui::color(), ui::width());
    let mut exit = Exit::Done;
    let mut failed = None;
    if flags.rerun && !found.suspects.is_empty() {
        if !flags.json {
            ui::result(&text(&found))?;
        }
        (exit, failed) = rerun(&mut found, &shelf, catalog, flags)?;
    }
    // Pages and documents hold what the re-runs came to.
    match (flags.json, flags.rerun) {
        (true, _) => ui::result(&serde_json::to_string_pretty(&found)?)?,
        (false, true) if !found.suspects.is_empty() => {}
        (false, _) => ui::result(&text(&found))?,
    }
    if let Some(file) = &flags.html {
        write(file, &render::html::history(&found, &next))?;
    }
    failed.map_or(Ok(exit), Err)
}

fn write(file: &PathBuf, page: &str) -> anyhow::Result<()> {
    std::fs::write(file, page).map_err(|e| Refusal::usage(format!("cannot write {}: {e}", file.display())))?;
    ui::remark(&format!("wrote {}", file.display()));
    Ok(())
}

/// Measures the two programs around each change side by side, and tells each verdict as it comes. One that cannot be
/// measured keeps none of the others from it; its error is handed on.
fn rerun(
    found: &mut History,
    shelf: &Shelf,
    catalog: &Catalog,
    flags: &cli::History,
) -> anyhow::Result<(Exit, Option<anyhow::Error>)> {
    let stop = signals::stop_on_interrupt()?;
    let store = super::store()?;
    let budget = super::duration("--for", flags.budget.as_deref())?;
    let mut failed = None;
    for suspect in &found.suspects.clone() {
        let mut progress = ui::Progress::new(1.0, 32, [crate::gate::BASE, crate::gate::CANDIDATE].into_iter());
        let settled = settle(found, suspect, shelf, &store, catalog, budget, &mut progress, &stop);
        progress.clear();
        let (rerun, ending) = match settled {
            Ok(settled) => settled,
            Err(error) => {
                failed.get_or_insert(error);
                continue;
            }
        };
        let told = format!("{} to {}: {}", rerun.before, rerun.after, rerun.sentence);
        match rerun.run {
            Some(_) if !flags.json => ui::result(&told)?,
            _ => ui::remark(&told),
        }
        found.reruns.push(rerun);
        if matches!(ending, Some(Ending::Interrupted)) {
            return Ok((Exit::Interrupted, failed));
        }
    }
    Ok((Exit::Done, failed))
}
