//! The `tokio-console` program: where it is, and its life in this terminal.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::settings;
use crate::subject::process::MARKER;

/// Name of the program.
pub const PROGRAM: &str = "tokio-console";

/// How to get it.
pub const INSTALL: &str = "cargo install tokio-console --locked";

/// Leaves the alternate screen, shows the cursor: what the program does itself unless it is killed.
const RESTORE: &[u8] = b"\x1b[?1049l\x1b[?25h\x1b[0m";

/// Where the program is; `None` where it is not installed.
pub fn find() -> Option<PathBuf> {
    settings::program(PROGRAM)
}

/// What a person types to see the same.
pub(crate) fn command_line(address: SocketAddr) -> String {
    format!("{PROGRAM} http://{address}")
}

/// Whether there is a terminal to open it in.
pub(crate) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The program, running in this terminal.
#[derive(Debug)]
pub(crate) struct Viewer {
    process: Child,
    terminal: Option<Termios>,
    ended: bool,
}

impl Viewer {
    /// Starts it. `marker` is that of the subject: whoever kills one kills both.
    pub(crate) fn open(program: &Path, address: SocketAddr, marker: &str) -> io::Result<Self> {
        let terminal = tcgetattr(io::stdin()).ok();
        let process = Command::new(program).arg(format!("http://{address}")).env(MARKER, marker).spawn()?;
        Ok(Self { process, terminal, ended: false })
    }

    /// Whether it has ended: the person has seen enough.
    pub(crate) fn has_ended(&mut self) -> bool {
        if !self.ended && !matches!(self.process.try_wait(), Ok(None)) {
            self.ended = true;
        }
        self.ended
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let killed = !self.has_ended();
        if killed {
            let _ = self.process.kill();
        }
        let well = self.process.wait().is_ok_and(|status| status.success());
        if killed || !well {
            if let Some(before) = &self.terminal {
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
            }
            let _ = io::stdout().write_all(RESTORE).and_then(|()| io::stdout().flush());
        }
    }
}
