//! The pipe to the parent. It is the process's original standard output, taken away before anything else can write
//! there: what a workload prints goes to standard error, into the trial's log.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Mutex;

use super::protocol::Reply;

/// Writes replies, a line each.
#[derive(Debug)]
pub(super) struct Replies(Mutex<File>);

impl Replies {
    /// Takes standard output over.
    pub(super) fn claim_stdout() -> io::Result<Self> {
        let pipe = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
        rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
        Ok(Self(Mutex::new(File::from(pipe))))
    }

    /// Sends one reply. Fails where the parent is gone.
    pub(super) fn send(&self, reply: &Reply) -> io::Result<()> {
        let mut line = serde_json::to_vec(reply)?;
        line.push(b'\n');
        let mut pipe = self.0.lock().map_err(|_| io::Error::other("a writer of replies panicked"))?;
        pipe.write_all(&line)?;
        pipe.flush()
    }
}
