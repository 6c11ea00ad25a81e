//! `events.jsonl`: append-only, a line an event, fsynced where losing the line would lose work.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Event, RunError, version};

/// The open end of an event log.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

/// What an event log held.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) events: Vec<Event>,
    /// Bytes up to the end of the last whole line.
    pub(crate) whole: u64,
    /// True where the last line was cut off and is left out.
    pub(crate) torn: bool,
}

impl Journal {
    /// Creates an empty log; there must be none yet.
    pub(crate) fn create(path: PathBuf) -> Result<Self, RunError> {
        let file = OpenOptions::new().append(true).create_new(true).open(&path);
        Ok(Self { file: file.map_err(RunError::io("create", &path))?, path })
    }

    /// Opens a log to go on with it, cutting off a torn last line.
    pub(crate) fn reopen(path: PathBuf, whole: u64) -> Result<Self, RunError> {
        let file = OpenOptions::new().append(true).open(&path).map_err(RunError::io("open", &path))?;
        file.set_len(whole).map_err(RunError::io("cut the torn end of", &path))?;
        Ok(Self { path, file })
    }

    /// Appends one event by a single write.
    pub(crate) fn append(&mut self, event: &Event) -> Result<(), RunError> {
        let mut line = serde_json::to_vec(event).map_err(|error| RunError::io("write", &self.path)(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(RunError::io("write", &self.path))?;
        if matches!(event, Event::TrialFinished { .. } | Event::RunFinished { .. }) {
            self.file.sync_data().map_err(RunError::io("sync", &self.path))?;
        }
        Ok(())
    }
}

/// Parses a log. A last line without its line end is torn and left out; any other line that is no event is damage.
pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Read, RunError> {
    let mut read = Read { events: Vec::new(), whole: 0, torn: false };
    for (position, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(line_text) = line.strip_suffix(b"\n") else {
            read.torn = true;
            break;
        };
        let event = serde_json::from_slice(line_text).map_err(|error| RunError::Damaged {
            file: path.to_owned(),
            line: Some(position + 1),
            problem: format!("not an event: {}", version::problem(&error)),
            fix: "restore the line from a copy, or delete it: a trial that never finished is measured again by \
                  `run --resume`"
                .to_owned(),
        })?;
        read.events.push(event);
        read.whole += line.len() as u64;
    }
    Ok(read)
}
