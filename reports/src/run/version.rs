//! Which documents this code reads.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{FORMAT, RunError};

#[derive(Deserialize)]
struct Header {
    format: u64,
}

/// What the parser found, without the line: the caller names it.
pub(crate) fn problem(error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "the file is cut off here".to_owned();
    }
    let said = error.to_string();
    let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
    format!("{what} (column {})", error.column())
}

/// Parses a whole JSON document of the run, its `format` first, so that another version is named before any field of it
/// surprises.
pub(crate) fn document<T: DeserializeOwned>(bytes: &[u8], file: &Path, fix: &str) -> Result<T, RunError> {
    let damaged = |error: &serde_json::Error| RunError::Damaged {
        file: file.to_owned(),
        line: (error.line() > 0).then(|| error.line()),
        problem: problem(error),
        fix: fix.to_owned(),
    };
    let header: Header = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
    if header.format != u64::from(FORMAT) {
        return Err(RunError::OtherFormat { file: file.to_owned(), found: header.format });
    }
    serde_json::from_slice(bytes).map_err(|error| damaged(&error))
}
