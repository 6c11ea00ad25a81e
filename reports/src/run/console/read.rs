//! Reads the lines back.

use std::path::Path;

use super::{Details, End, FORMAT, Gap, Header, Line, Place, Update};
use crate::run::{RunError, version};

/// A whole recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// What the file says of itself.
    pub header: Header,
    /// What arrived, in that order. Texts have moved to [`Self::text`].
    pub entries: Vec<Entry>,
    /// How it ended.
    pub ending: Ending,
    strings: Vec<String>,
}

/// What lies between header and end.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// What changed.
    Update(Box<Update>),
    /// Histograms of a task.
    Details(Box<Details>),
    /// Where the stream broke off.
    Gap(Gap),
}

impl Entry {
    /// When it arrived, nanoseconds since the recording began.
    pub fn at(&self) -> u64 {
        match self {
            Self::Update(update) => update.at,
            Self::Details(details) => details.at,
            Self::Gap(gap) => gap.at,
        }
    }
}

/// How a file ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With the record that belongs there.
    Stated(End),
    /// In the middle: whoever wrote it was killed. Holds the number of the line that is cut off, where one is.
    Torn {
        /// 1-based.
        line: Option<usize>,
    },
}

/// What to do about a damaged recording. It stands alone: nothing else of the run needs it.
const FIX: &str = "delete it (measurements and other evidence do not need it), or record again: `workbench run SCENARIO \
                   --evidence console`";

/// Parses the bytes of `file`, which is named in errors.
///
/// A last line without its newline is a recording that was cut off while it was written: it is left out and
/// [`Ending::Torn`] says so.
///
/// # Errors
/// [`RunError::OtherFormat`] for another format, [`RunError::Damaged`] for anything else that is not a recording.
pub fn parse(bytes: &[u8], file: &Path) -> Result<Recording, RunError> {
    let damaged = |line: usize, problem: String| RunError::Damaged {
        file: file.to_owned(),
        line: Some(line),
        problem,
        fix: FIX.to_owned(),
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut lines = bytes[..whole].split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let header = match lines.next().map(|(_, line)| serde_json::from_slice(line)) {
        Some(Ok(Line::Header(header))) => header,
        Some(Err(error)) => return Err(damaged(1, version::problem(&error))),
        Some(Ok(_)) => return Err(damaged(1, "a recording begins with its header".to_owned())),
        None => return Err(damaged(1, "the recording was cut off before its header was written".to_owned())),
    };
    if header.format != FORMAT {
        return Err(RunError::OtherFormat { file: file.to_owned(), found: u64::from(header.format) });
    }
    let mut recording =
        Recording { header, entries: Vec::new(), ending: Ending::Torn { line: None }, strings: Vec::new() };
    let mut count = 1;
    for (index, line) in lines {
        count = index + 1;
        if matches!(recording.ending, Ending::Stated(_)) {
            return Err(damaged(count, "there is more after the end of the recording".to_owned()));
        }
        match serde_json::from_slice(line).map_err(|error| damaged(count, version::problem(&error)))? {
            Line::Header(_) => return Err(damaged(count, "a second header".to_owned())),
            Line::Update(mut update) => {
                recording.strings.append(&mut update.strings);
                recording.entries.push(Entry::Update(update));
            }
            Line::Details(details) => recording.entries.push(Entry::Details(details)),
            Line::Gap(gap) => recording.entries.push(Entry::Gap(gap)),
            Line::End(end) => recording.ending = Ending::Stated(end),
        }
    }
    if whole < bytes.len() {
        if let Ending::Stated(_) = recording.ending {
            return Err(damaged(count + 1, "there is more after the end of the recording".to_owned()));
        }
        recording.ending = Ending::Torn { line: Some(count + 1) };
    }
    Ok(recording)
}

impl Recording {
    /// The text of a number; a question mark for one that was never stated.
    pub fn text(&self, number: u32) -> &str {
        self.strings.get(number as usize).map_or("?", String::as_str)
    }

    /// `file:line:column`, as far as it is known; empty where nothing is.
    pub fn place(&self, place: Option<&Place>) -> String {
        let Some(place) = place else { return String::new() };
        let mut text = place.file.or(place.module).map(|number| self.text(number).to_owned()).unwrap_or_default();
        for number in [place.line, place.column].into_iter().flatten() {
            text.push_str(&format!(":{number}"));
        }
        text
    }

    /// When it ended, nanoseconds since it began: as stated, or with the last line that is whole.
    pub fn end_ns(&self) -> u64 {
        let last = self.entries.last().map_or(0, Entry::at);
        match &self.ending {
            Ending::Stated(end) => end.at.max(last),
            Ending::Torn { .. } => last,
        }
    }

    /// The end record, where there is one.
    pub fn end(&self) -> Option<&End> {
        match &self.ending {
            Ending::Stated(end) => Some(end),
            Ending::Torn { .. } => None,
        }
    }
}
