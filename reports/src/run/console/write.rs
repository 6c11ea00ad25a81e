//! Writes the lines, up to a cap.

use std::io::{self, Write};

use super::{End, EndReason, Header, Line};

/// Room that is kept for the end, which must fit whatever else does not.
const END_ROOM: u64 = 4096;
/// Longest reason that an end states, bytes.
const REASON: usize = 1024;

/// Writes a recording into `sink`.
#[derive(Debug)]
pub struct Writer<W> {
    sink: W,
    written: u64,
    cap: u64,
    updates: u64,
    details: u64,
}

/// Whether a line found room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It did.
    Yes,
    /// It would have reached beyond the cap: nothing of it was written, and the recording is over.
    Full,
}

impl<W: Write> Writer<W> {
    /// Begins a recording.
    ///
    /// # Errors
    /// Whatever the sink says.
    pub fn begin(sink: W, header: Header) -> io::Result<Self> {
        let cap = header.cap_bytes;
        let mut writer = Self { sink, written: 0, cap, updates: 0, details: 0 };
        writer.put(&encode(&Line::Header(header))?)?;
        Ok(writer)
    }

    /// Appends a line, whole or not at all.
    ///
    /// # Errors
    /// Whatever the sink says.
    pub fn line(&mut self, line: &Line) -> io::Result<Written> {
        let bytes = encode(line)?;
        if self.written + bytes.len() as u64 + END_ROOM > self.cap {
            return Ok(Written::Full);
        }
        self.put(&bytes)?;
        match line {
            Line::Update(_) => self.updates += 1,
            Line::Details(_) => self.details += 1,
            Line::Header(_) | Line::Gap(_) | Line::End(_) => {}
        }
        Ok(Written::Yes)
    }

    /// States how the recording ended; the counts of `end` are filled in here.
    ///
    /// # Errors
    /// Whatever the sink says.
    pub fn end(mut self, mut end: End) -> io::Result<W> {
        if let EndReason::CutOff { because } = &mut end.reason {
            let cut = (0..=REASON.min(because.len())).rev().find(|at| because.is_char_boundary(*at)).unwrap_or(0);
            because.truncate(cut);
        }
        (end.updates, end.details) = (self.updates, self.details);
        self.put(&encode(&Line::End(end))?)?;
        self.sink.flush()?;
        Ok(self.sink)
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.written
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

fn encode(line: &Line) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(bytes)
}
