//! The only code that prints. Results go to standard output, everything else to standard error.

mod events;
mod lines;
mod progress;

use std::io::{self, IsTerminal, Write};

pub use events::{EventLines, event};
pub(crate) use lines::{columns, labelled, paragraph};
pub use progress::Progress;

use crate::settings;

/// Columns to assume where no terminal says: a log or a file, which scrolls.
const DEFAULT_WIDTH: usize = 120;

/// Whether standard output wants colour.
pub fn color() -> bool {
    io::stdout().is_terminal() && !settings::no_color()
}

/// `text` as a heading, where colour is wanted.
pub(crate) fn bold(text: &str) -> String {
    if color() { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Columns of the terminal.
pub fn width() -> usize {
    let terminal = console_width(io::stdout().is_terminal());
    terminal.unwrap_or(DEFAULT_WIDTH).clamp(60, 200)
}

fn console_width(terminal: bool) -> Option<usize> {
    if !terminal {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

/// Prints a result. A reader that has seen enough (`| head`) is no failure.
///
/// # Errors
/// Any other trouble with standard output.
pub fn result(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(newline.as_bytes())).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints a remark to standard error.
pub fn remark(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints an error with its causes, and with what each line of it says.
pub fn error(error: &anyhow::Error) {
    let mut text = format!("{error}");
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str("\n  caused by: ");
            text.push_str(&cause);
        }
    }
    // Messages about files begin with their own `error:` line.
    let prefix = if text.starts_with("error") { "" } else { "error: " };
    remark(&format!("{prefix}{text}"));
}
