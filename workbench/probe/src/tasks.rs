//! What tasks do, by the place that spawned them: tokio's task hooks joined with the allocator's counters.
//!
//! The path of a poll takes no lock, allocates nothing and shares no cache line: two looks at the
//! cheapest clock of the machine, two at the thread's own allocation counters, and sums that only the polling thread
//! writes. Schedule latency is tokio's own measurement, costs two looks at a dearer clock, and may be left out
//! ([`Latency`]). [`Recorder::snapshot`] adds the
//! threads up.
//!
//! What the hooks cannot see: the future given to `block_on`, tasks of a `LocalSet`, and the bodies of
//! `spawn_blocking` jobs, of which only the end is reported (they are told apart by [`Kind::Blocking`]). A future's own
//! box is charged to whoever spawns it, and what a task frees is not subtracted: bytes are cumulative, since memory
//! allocated by one task is often freed by another. A site is where `spawn` was called; a wrapper around `spawn` must be
//! `#[track_caller]`, or everything it spawns has one site.

mod clock;
#[cfg_attr(not(tokio_unstable), expect(dead_code, reason = "only hooks write"))]
mod ledger;
mod record;
mod recorder;
#[cfg_attr(not(tokio_unstable), expect(dead_code, reason = "only hooks ask"))]
mod sites;

pub use self::record::{Kind, LONG_POLL, STALL, SiteRecord};
pub use self::recorder::{InstallError, Latency, Recorder, install, install_with};
pub(crate) use self::{
    ledger::{Ledger, OpenPoll},
    recorder::Threads,
};

/// Places in the table of spawn sites: a power of two, twice what may be in it, so that a search ends soon.
const PLACES: usize = 1024;
