//! `workbench schema`.

use reports::render::json;

use crate::cli::ci::{Schema, SchemaOf};
use crate::events::lines;
use crate::exit::Exit;
use crate::ui;

/// Prints a JSON Schema.
pub(super) fn schema(flags: &Schema) -> anyhow::Result<Exit> {
    let text = match flags.of {
        SchemaOf::Scenario => serde_json::to_string_pretty(&scenarios::file::schema())?,
        SchemaOf::Run => json::SCHEMA.to_owned(),
        SchemaOf::Events => lines::SCHEMA.to_owned(),
    };
    ui::result(&text)?;
    Ok(Exit::Done)
}
