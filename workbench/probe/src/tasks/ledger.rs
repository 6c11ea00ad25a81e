//! What one thread adds up. Only that thread writes; anybody may read.

use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

use super::record::{LONG_POLL, STALL};
use super::sites::SITES;
use crate::allocator::Allocated;

/// Sums of one site on one thread. Times in nanoseconds.
pub(super) struct Sums {
    /// Since the runtime began.
    pub(super) ever_spawned: AtomicU64,
    /// Since the runtime began, blocking jobs included.
    pub(super) ever_finished: AtomicU64,
    pub(super) spawned: AtomicU64,
    pub(super) finished: AtomicU64,
    pub(super) polls: AtomicU64,
    pub(super) busy: AtomicU64,
    pub(super) longest_poll: AtomicU64,
    pub(super) long_polls: AtomicU64,
    pub(super) stalls: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) allocations: AtomicU64,
    pub(super) latency: AtomicU64,
    pub(super) worst_latency: AtomicU64,
}

/// What stands for the site between polls.
const NO_POLL: usize = usize::MAX;

/// The poll that a thread is in. A thread is in one at most: `block_on` within a poll polls no task of the same
/// runtime on this thread.
struct Open {
    site: AtomicUsize,
    began: AtomicU64,
    latency: AtomicU64,
    allocations: AtomicU64,
    bytes: AtomicU64,
}

/// One thread's sums by site, and the poll it is in. Two cache lines to itself, since adjacent lines are fetched in
/// pairs.
#[repr(align(128))]
pub(super) struct Ledger {
    open: Open,
    sums: Box<[Sums]>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        let open = Open {
            site: AtomicUsize::new(NO_POLL),
            began: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            allocations: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        };
        // Zeroed by the allocator: most sites are never met, and their pages never touched.
        // SAFETY: `Sums` is nothing but atomic integers, for which all zeros is a value.
        let sums = unsafe { Box::new_zeroed_slice(SITES).assume_init() };
        Self { open, sums }
    }

    /// Sums of a site.
    pub(super) fn of(&self, site: usize) -> &Sums {
        &self.sums[site]
    }

    /// The poll in progress: its site, and when it began.
    pub(super) fn in_poll(&self) -> Option<(usize, u64)> {
        let site = self.open.site.load(Acquire);
        (site != NO_POLL).then(|| (site, self.open.began.load(Relaxed)))
    }

    /// A poll begins. Its clock is read last, so that none of this is in it.
    #[inline]
    pub(super) fn begin(&self, site: usize, latency: u64, so_far: Allocated, now: impl FnOnce() -> u64) {
        self.open.latency.store(latency, Relaxed);
        self.open.allocations.store(so_far.allocations, Relaxed);
        self.open.bytes.store(so_far.bytes, Relaxed);
        self.open.began.store(now(), Relaxed);
        self.open.site.store(site, Release);
    }

    /// The poll ends; nothing where none is in progress, because recording began in its midst.
    #[inline]
    pub(super) fn end(&self, now: u64, so_far: Allocated) {
        let site = self.open.site.load(Relaxed);
        if site == NO_POLL {
            return;
        }
        self.open.site.store(NO_POLL, Relaxed);
        let sums = &self.sums[site];
        let took = now.saturating_sub(self.open.began.load(Relaxed));
        let latency = self.open.latency.load(Relaxed);
        add(&sums.polls, 1);
        add(&sums.busy, took);
        raise(&sums.longest_poll, took);
        if took > nanoseconds(LONG_POLL) {
            add(&sums.long_polls, 1);
            if took > nanoseconds(STALL) {
                add(&sums.stalls, 1);
            }
        }
        add(&sums.allocations, so_far.allocations.wrapping_sub(self.open.allocations.load(Relaxed)));
        add(&sums.bytes, so_far.bytes.wrapping_sub(self.open.bytes.load(Relaxed)));
        add(&sums.latency, latency);
        raise(&sums.worst_latency, latency);
    }

    /// A task was spawned by this thread.
    pub(super) fn spawned(&self, site: usize, recording: bool) {
        add(&self.sums[site].ever_spawned, 1);
        if recording {
            add(&self.sums[site].spawned, 1);
        }
    }

    /// A task or a blocking job ended on this thread.
    pub(super) fn finished(&self, site: usize, recording: bool) {
        add(&self.sums[site].ever_finished, 1);
        if recording {
            add(&self.sums[site].finished, 1);
        }
    }
}

const fn nanoseconds(duration: std::time::Duration) -> u64 {
    // Thresholds of milliseconds.
    duration.as_nanos() as u64
}

/// One writer: no read-modify-write needed.
#[inline]
fn add(sum: &AtomicU64, amount: u64) {
    sum.store(sum.load(Relaxed).wrapping_add(amount), Relaxed);
}

#[inline]
fn raise(most: &AtomicU64, to: u64) {
    if to > most.load(Relaxed) {
        most.store(to, Relaxed);
    }
}
