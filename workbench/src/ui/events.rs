//! What happens during a run as JSON lines on standard output, beside the progress on a terminal.

use std::io::{self, Write};

use super::Progress;
use crate::clock::{Clock, SystemClock};
use crate::events::{Happening, Listener, lines};

/// Prints a line for each event as it happens.
#[derive(Debug)]
pub struct EventLines<'a> {
    /// Name of the run.
    run: String,
    /// Where a person looks.
    progress: &'a mut Progress,
}

impl<'a> EventLines<'a> {
    /// Prints events of `run`, and hands them on.
    pub fn new(run: &str, progress: &'a mut Progress) -> Self {
        Self { run: run.to_owned(), progress }
    }
}

impl Listener for EventLines<'_> {
    fn hear(&mut self, happening: &Happening<'_>) {
        event(&lines::line(happening, &self.run, &SystemClock.now()));
        self.progress.hear(happening);
    }
}

/// Prints one event. A reader that has gone away must not end a run: what is measured is kept.
pub fn event(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
