//! Writing and reading single files of a run.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::run::{RunError, version};

/// Writes a file so that a reader sees all of it or none: temporary file, fsync, rename, fsync of the directory.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let attempt = || -> io::Result<()> {
        let mut file = File::create(temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(temporary, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    attempt().map_err(RunError::io("write", path))
}

/// Writes `value` as indented JSON.
pub(crate) fn json(path: &Path, value: &impl Serialize) -> Result<(), RunError> {
    let mut bytes =
        serde_json::to_vec_pretty(value).map_err(|error| RunError::io("write", path)(io::Error::from(error)))?;
    bytes.push(b'\n');
    write(path, &bytes)
}

/// Writes `values` as one JSON document a line.
pub(crate) fn json_lines(path: &Path, values: &[impl Serialize]) -> Result<(), RunError> {
    let bytes = lines(values).map_err(|error| RunError::io("write", path)(io::Error::from(error)))?;
    write(path, &bytes)
}

/// The bytes of one JSON document a line.
pub(crate) fn lines(values: impl IntoIterator<Item = impl Serialize>) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for value in values {
        serde_json::to_writer(&mut bytes, &value)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// Reads one JSON document a line; empty lines are skipped, and `None` where there is no file.
pub(crate) fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Option<Vec<T>>, RunError> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let parsed = lines.map(|(index, line)| {
        serde_json::from_slice(line).map_err(|error| RunError::Damaged {
            file: path.to_owned(),
            line: Some(index + 1),
            problem: version::problem(&error),
            fix: RESTORE.to_owned(),
        })
    });
    parsed.collect::<Result<_, _>>().map(Some)
}

/// As [`read_lines`], of a file whose first line says what it is: one without any is damaged.
pub(crate) fn read_headed_lines<T: DeserializeOwned>(path: &Path) -> Result<Option<Vec<T>>, RunError> {
    let lines = read_lines(path)?;
    if lines.as_ref().is_some_and(Vec::is_empty) {
        let problem = "the file is empty".to_owned();
        return Err(RunError::Damaged { file: path.to_owned(), line: None, problem, fix: RESTORE.to_owned() });
    }
    Ok(lines)
}

/// What to do about a damaged file that nothing can replace.
pub(crate) const RESTORE: &str = "restore it from a copy of the run, or measure again";

/// Reads a file; `None` where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, RunError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(RunError::io("read", path)(error)),
    }
}

/// The error for a file that must be there.
pub(crate) fn missing(path: &Path, fix: &str) -> RunError {
    RunError::Damaged {
        file: path.to_owned(),
        line: None,
        problem: "the file is missing".to_owned(),
        fix: fix.to_owned(),
    }
}
