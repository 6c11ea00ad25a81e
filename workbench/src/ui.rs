//! The only code that prints. Results go to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reports::run::TrialKind;

use crate::events::{Happening, Listener};
use crate::settings;
use crate::subject::Phase;

/// Columns to assume where the terminal does not say.
const DEFAULT_WIDTH: usize = 100;

/// Whether standard output wants colour.
pub fn color() -> bool {
    io::stdout().is_terminal() && !settings::no_color()
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

/// Live progress of a run: a bar on a terminal, plain lines where only a log reads along.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    terminal: bool,
    done: u64,
}

impl Progress {
    /// Shows nothing until the run starts. `quiet` keeps plain lines off.
    pub fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(
            None,
            if terminal { ProgressDrawTarget::stderr_with_hz(4) } else { ProgressDrawTarget::hidden() },
        );
        if let Ok(style) = ProgressStyle::with_template("{spinner} [{elapsed_precise}] {bar:24} {pos}/{len} {wide_msg}")
        {
            bar.set_style(style);
        }
        Self { bar, terminal, done: 0 }
    }

    /// Takes the bar away, so that what follows starts on a clean line.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, text: &str) {
        if self.terminal {
            self.bar.suspend(|| remark(text));
        } else {
            remark(text);
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Listener for Progress {
    fn hear(&mut self, happening: &Happening<'_>) {
        match happening {
            Happening::Started { left, total } => {
                self.bar.set_length(*total as u64);
                self.done = (total - left) as u64;
                self.bar.set_position(self.done);
                if self.terminal {
                    self.bar.enable_steady_tick(Duration::from_millis(250));
                }
            }
            Happening::Preflight { variant, .. } => self.bar.set_message(format!("settings of {variant} read back")),
            Happening::TrialStarted(trial) => self.bar.set_message(format!("{} starting", trial.variant)),
            Happening::Phase(trial, phase) => {
                let kind = if trial.kind.evidence().is_some() { "evidence, " } else { "" };
                let phase = match phase {
                    Phase::Starting => "starting",
                    Phase::WarmUp => "warm-up",
                    Phase::Saturated => "saturated",
                    Phase::Open => "open loop",
                    Phase::Stopping => "stopping",
                };
                self.bar.set_message(format!("{}: {kind}{phase}", trial.variant));
            }
            Happening::TrialFinished { trial, result } => {
                self.done += 1;
                self.bar.set_position(self.done);
                let label = match (trial.kind, trial.block) {
                    (TrialKind::Measure, Some(block)) => format!("block {block}"),
                    _ => "evidence".to_owned(),
                };
                if !self.terminal {
                    remark(&format!("trial {:3} {label:9} {:16} {result}", trial.index, trial.variant));
                }
            }
            Happening::TrialFailed { trial, reason } => {
                self.done += 1;
                self.bar.set_position(self.done);
                self.line(&format!("trial {} ({}): {reason}", trial.index, trial.variant));
            }
            Happening::Warning(text) => self.line(&format!("warning: {text}")),
            Happening::Finished(_) => {}
        }
    }
}
