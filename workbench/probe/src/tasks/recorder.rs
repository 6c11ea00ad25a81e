//! Hooks in, records out.

#[cfg(tokio_unstable)]
mod hooks;
mod merge;
#[cfg_attr(not(tokio_unstable), expect(dead_code, reason = "only hooks take a seat"))]
mod seats;

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::runtime::Builder;

use self::seats::Shared;
#[cfg(tokio_unstable)]
use super::clock::Clock;
use super::ledger::Ledger;
use super::record::{Latency, SiteRecord};

/// Why tasks cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InstallError {
    /// tokio has task hooks only in builds with `--cfg tokio_unstable`.
    #[error("task hooks are unavailable: needs tokio_unstable (build with RUSTFLAGS=\"--cfg tokio_unstable\")")]
    Unavailable,
}

/// Records the tasks of one runtime. Spawns and ends are counted from the beginning, so that the tasks alive are
/// known; everything else between [`Recorder::start`] and [`Recorder::stop`]. A clone is another hold on the same
/// recording.
#[derive(Debug, Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

/// Puts the hooks into the builder of one runtime, in place of any task hooks it had. Waits for a worker are measured
/// from spawn to first poll ([`Latency::FirstPoll`]). Nothing is recorded before [`Recorder::start`].
///
/// # Errors
/// A build without `--cfg tokio_unstable`; the builder is as it was.
pub fn install(builder: &mut Builder) -> Result<Recorder, InstallError> {
    install_with(builder, Latency::default())
}

/// As [`install`], with a choice of the waits that are measured; [`Latency::EveryPoll`] makes tokio track them.
///
/// # Errors
/// As [`install`].
pub fn install_with(builder: &mut Builder, latency: Latency) -> Result<Recorder, InstallError> {
    #[cfg(tokio_unstable)]
    {
        let shared = Arc::new(Shared::with(Clock::start(), latency));
        hooks::install(builder, &shared);
        Ok(Recorder { shared })
    }
    #[cfg(not(tokio_unstable))]
    {
        let _ = (builder, latency);
        Err(InstallError::Unavailable)
    }
}

impl Recorder {
    /// Begins, or goes on, recording.
    pub fn start(&self) {
        self.shared.recording.store(true, Relaxed);
    }

    /// Polls that begin from now on are not recorded. One that is in progress counts when it ends.
    pub fn stop(&self) {
        self.shared.recording.store(false, Relaxed);
    }

    /// Every site with something to say, the one with the most busy time first. While tasks run, the figures of a site
    /// are each right but not of one instant; a poll is counted a moment after what it did can be seen.
    pub fn snapshot(&self) -> Vec<SiteRecord> {
        merge::records(&self.shared)
    }

    /// Which waits for a worker are measured.
    pub fn latency(&self) -> Latency {
        self.shared.latency()
    }

    /// The clock of poll times: `time-stamp counter` where the processor and the kernel vouch for it, else
    /// `CLOCK_MONOTONIC`, which costs more.
    pub fn clock(&self) -> &'static str {
        self.shared.clock().name()
    }

    /// What the stall catcher looks at. It holds no more than the hooks do, and may outlive the recorder.
    pub(crate) fn threads(&self) -> Threads {
        Threads(Arc::clone(&self.shared))
    }
}

/// The ledgers of all threads, as another thread may read them.
#[derive(Debug, Clone)]
pub(crate) struct Threads(Arc<Shared>);

impl Threads {
    /// Every ledger there is; takes a lock that no poll takes.
    pub(crate) fn ledgers(&self) -> Vec<Arc<Ledger>> {
        self.0.all()
    }

    /// Nanoseconds on the clock of [`OpenPoll::began`](super::ledger::OpenPoll::began).
    pub(crate) fn now(&self) -> u64 {
        self.0.clock().now()
    }

    /// Where the tasks of a site are spawned; `None` for sites that found no place in the table.
    pub(crate) fn location(&self, site: usize) -> Option<&'static Location<'static>> {
        self.0.sites.location(site)
    }
}
