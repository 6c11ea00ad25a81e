//! What tasks do, by the place that spawned them: tokio's task hooks joined with the allocator's counters.
//!
//! The path of a poll takes no lock, allocates nothing and shares no cache line but that of a task's spawn: two looks at
//! the cheapest clock of the machine, two at the thread's own allocation counters, and sums that only the polling thread
//! writes. [`Recorder::snapshot`] adds the threads up.
//!
//! How long tasks wait for a worker is measured from spawn to first poll, which costs one more look at that clock a
//! task. What they wait after each later wake tokio alone can tell; it takes two looks a poll at a dearer clock, and must
//! be asked for ([`Latency`]).
//!
//! What the hooks cannot see: the future given to `block_on`, tasks of a `LocalSet`, and the bodies of
//! `spawn_blocking` jobs, of which only the end is reported (they are told apart by [`Kind::Blocking`]). A future's own
//! box is charged to whoever spawns it, and what a task frees is not subtracted: bytes are cumulative, since memory
//! allocated by one task is often freed by another. A site is where `spawn` was called; a wrapper around `spawn` must be
//! `#[track_caller]`, or everything it spawns has one site.

#[cfg_attr(not(tokio_unstable), expect(dead_code, reason = "only hooks look at it"))]
mod clock;
#[cfg_attr(not(tokio_unstable), expect(dead_code, reason = "only hooks write"))]
mod ledger;
mod record;
mod recorder;
#[cfg_attr(not(tokio_unstable), expect(dead_code, reason = "only hooks ask"))]
mod sites;
#[cfg_attr(not(tokio_unstable), expect(dead_code, reason = "only hooks ask"))]
mod unpolled;

pub use self::record::{Kind, LONG_POLL, Latency, STALL, SiteRecord};
pub use self::recorder::{InstallError, Recorder, install, install_with};
pub(crate) use self::{
    ledger::{Ledger, OpenPoll},
    recorder::Threads,
};

/// Places in the table of spawn sites: a power of two, twice what may be in it, so that a search ends soon.
const PLACES: usize = 1024;

/// Tasks that may wait for their first poll before the wait of the oldest of them is lost: 32 KiB of places.
const PLACES_OF_UNPOLLED: usize = 4096;
