//! `workbench export`.

use crate::cli::ci::Export;
use crate::exit::{Exit, Refusal};
use crate::export::{Destination, Output, write};
use crate::report;

/// Writes a run in the formats asked for.
pub(super) fn export(flags: &Export) -> anyhow::Result<Exit> {
    let read = |text: &String| text.parse::<Output>().map_err(|error| Refusal::usage(format!("`--format`: {error}")));
    let outputs = flags.formats.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    if outputs.iter().filter(|output| output.to == Destination::Printed).count() > 1 {
        return Err(Refusal::usage("only one format can be printed: give the others a file, `--format FORMAT=FILE`"));
    }
    let path = super::selected(&flags.run)?;
    let mut summary = report::of(&path).map_err(Refusal::usage)?;
    summary.path = path.display().to_string();
    write(&outputs, &summary, &path)?;
    Ok(Exit::Done)
}
