//! `workbench explain`.

use reports::render;
use reports::run::reader;

use crate::cli::Explain;
use crate::exit::{Exit, Refusal};
use crate::{report, ui};

/// Prints what the evidence of a run says of causes, by the rules of this build: older runs are looked at anew.
pub(super) fn explain(flags: &Explain) -> anyhow::Result<Exit> {
    let path = super::selected(&flags.run)?;
    let run = reader::load(&path).map_err(Refusal::usage)?;
    let mut summary = report::summarise(&run, run.status(), run.finished_at());
    // What moved took all profiles to find, and is the same by any rules.
    summary.movers = run.summary.as_ref().map(|kept| kept.movers.clone()).unwrap_or_default();
    summary.path = path.display().to_string();
    let text = if flags.json {
        render::json::explanation(&summary)
    } else {
        render::terminal::explanation(&summary, ui::color(), ui::width())
    };
    ui::result(&text)?;
    Ok(Exit::Done)
}
