//! What one thread adds up. Only that thread writes; anybody may read.

use std::sync::atomic::{
    AtomicI32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use super::clock::Clock;
use super::record::{LONG_POLL, STALL};
use super::sites::SITES;
use crate::allocator::Allocated;

/// Sums of one site on one thread. What every poll adds to is one cache line, what spawns, ends and long polls add to is
/// the next.
#[repr(C, align(64))]
pub(super) struct Sums {
    pub(super) polls: AtomicU64,
    /// Ticks.
    pub(super) busy: AtomicU64,
    /// Ticks.
    pub(super) longest_poll: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) allocations: AtomicU64,
    /// Measured waits for a worker.
    pub(super) waits: AtomicU64,
    /// Nanoseconds.
    pub(super) latency: AtomicU64,
    /// Nanoseconds.
    pub(super) worst_latency: AtomicU64,
    pub(super) long_polls: AtomicU64,
    pub(super) stalls: AtomicU64,
    pub(super) spawned: AtomicU64,
    /// While nothing was recorded.
    pub(super) spawned_unrecorded: AtomicU64,
    /// Blocking jobs included.
    pub(super) finished: AtomicU64,
    /// While nothing was recorded, blocking jobs included.
    pub(super) finished_unrecorded: AtomicU64,
}

/// Low bits of [`Open::poll`]: the site. Above them the number of the poll, from 1 on each ledger.
const SITE_BITS: u32 = 16;
const SITE: u64 = (1 << SITE_BITS) - 1;

/// What stands for the site between polls.
const NO_POLL: u64 = SITE;

const _: () = assert!((SITES as u64) < NO_POLL);

/// The poll that a thread is in. A thread is in one at most: `block_on` within a poll polls no task of the same
/// runtime on this thread.
struct Open {
    /// Number and site in one word, so that one look tells whether a poll is still the one that was seen before.
    poll: AtomicU64,
    /// Ticks.
    began: AtomicU64,
    allocations: AtomicU64,
    bytes: AtomicU64,
}

/// What the stall catcher asks of this thread. Written by the catcher, but for what long polls add, which are rare.
struct Watch {
    /// Polls longer than this, ticks, are counted.
    overdue_after: AtomicU64,
    overdue: AtomicU64,
    /// The poll whose end the catcher waits for, as [`OpenPoll::word`].
    awaited: AtomicU64,
    /// How long that poll took, ticks; 0 until it has ended.
    took: AtomicU64,
}

/// A poll in progress, as another thread sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenPoll {
    /// Different for every poll of a ledger.
    pub(crate) word: u64,
    /// Number of its site.
    pub(crate) site: usize,
    /// When it began, nanoseconds on the clock of the recorder.
    pub(crate) began: u64,
}

/// One thread's sums by site, and the poll it is in. Two cache lines to itself, since adjacent lines are fetched in
/// pairs.
#[repr(align(128))]
pub(crate) struct Ledger {
    open: Open,
    /// [`LONG_POLL`] and [`STALL`], ticks.
    long_poll: u64,
    stall: u64,
    sums: Box<[Sums; SITES]>,
    watch: Watch,
    clock: Clock,
    /// Thread id of whoever sits here, or sat here last.
    thread: AtomicI32,
}

impl Ledger {
    /// Of a recorder with this clock.
    pub(super) fn new(clock: Clock) -> Self {
        let open = Open {
            poll: AtomicU64::new(NO_POLL),
            began: AtomicU64::new(0),
            allocations: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        };
        // Zeroed by the allocator: most sites are never met, and their pages never touched.
        // SAFETY: `Sums` is nothing but atomic integers, for which all zeros is a value.
        let sums = unsafe { Box::<[Sums; SITES]>::new_zeroed().assume_init() };
        let watch = Watch {
            overdue_after: AtomicU64::new(u64::MAX),
            overdue: AtomicU64::new(0),
            awaited: AtomicU64::new(NO_POLL),
            took: AtomicU64::new(0),
        };
        let [long_poll, stall] = [LONG_POLL, STALL].map(|limit| clock.ticks_in(nanoseconds(limit)));
        Self { open, long_poll, stall, sums, watch, clock, thread: AtomicI32::new(0) }
    }

    /// A thread takes its seat.
    pub(super) fn seat(&self, thread: i32) {
        self.thread.store(thread, Relaxed);
    }

    /// Kernel's id of the thread that sits here, or sat here last.
    pub(crate) fn thread(&self) -> i32 {
        self.thread.load(Relaxed)
    }

    /// Sums of a site.
    pub(super) fn of(&self, site: usize) -> &Sums {
        &self.sums[site]
    }

    /// The poll in progress.
    pub(crate) fn in_poll(&self) -> Option<OpenPoll> {
        let word = self.open.poll.load(Acquire);
        let began = self.open.began.load(Acquire);
        // A time that a later poll wrote was written after the word changed.
        if word & SITE == NO_POLL || !self.is_in(word) {
            return None;
        }
        // 16 bits.
        Some(OpenPoll { word, site: (word & SITE) as usize, began: self.clock.since_start(began) })
    }

    /// Changes with every beginning and every end of a poll.
    pub(crate) fn word(&self) -> u64 {
        self.open.poll.load(Acquire)
    }

    /// Whether that poll is still going on. Async-signal-safe; on the polling thread itself the answer is certain.
    #[inline]
    pub(crate) fn is_in(&self, word: u64) -> bool {
        self.open.poll.load(Acquire) == word
    }

    /// From now on polls longer than `nanoseconds` are counted; [`u64::MAX`]: none.
    pub(crate) fn count_overdue(&self, nanoseconds: u64) {
        self.watch.overdue_after.store(self.clock.ticks_in(nanoseconds), Relaxed);
    }

    /// Polls that were longer than asked for, and have ended.
    pub(crate) fn overdue(&self) -> u64 {
        self.watch.overdue.load(Relaxed)
    }

    /// Asks for the duration of a poll in progress. One poll at a time.
    pub(crate) fn await_end(&self, word: u64) {
        self.watch.took.store(0, Relaxed);
        self.watch.awaited.store(word, Release);
    }

    /// Duration of the poll asked for, nanoseconds; `None` while it lasts and for a moment after its end, and where it
    /// ended before anybody asked.
    pub(crate) fn took(&self) -> Option<u64> {
        Some(self.watch.took.load(Acquire)).filter(|took| *took > 0).map(|took| self.clock.nanoseconds(took))
    }

    /// A poll begins; `now` gives ticks, and is read last, so that none of this is in the poll.
    #[inline(always)]
    pub(super) fn begin(&self, site: usize, so_far: Allocated, now: impl FnOnce() -> u64) {
        self.open.allocations.store(so_far.allocations, Relaxed);
        self.open.bytes.store(so_far.bytes, Relaxed);
        self.open.began.store(now(), Release);
        // The next number, over no site at all.
        let fresh = (self.open.poll.load(Relaxed) | SITE).wrapping_add(1);
        self.open.poll.store(fresh | site as u64, Release);
    }

    /// A task of a site waited for a worker, nanoseconds.
    #[inline(always)]
    pub(super) fn waited(&self, site: usize, nanoseconds: u64) {
        let sums = &self.sums[site];
        add(&sums.waits, 1);
        add(&sums.latency, nanoseconds);
        raise(&sums.worst_latency, nanoseconds);
    }

    /// The poll ends; nothing, not even a look at the clock, where none is in progress: recording began in its midst, or
    /// has not begun.
    #[inline(always)]
    pub(super) fn end(&self, now: impl FnOnce() -> u64, so_far: impl FnOnce() -> Allocated) {
        let poll = self.open.poll.load(Relaxed);
        if poll & SITE == NO_POLL {
            return;
        }
        let (now, so_far) = (now(), so_far());
        self.open.poll.store(poll | NO_POLL, Relaxed);
        // 16 bits.
        let sums = &self.sums[(poll & SITE) as usize];
        let took = now.saturating_sub(self.open.began.load(Relaxed));
        add(&sums.polls, 1);
        add(&sums.busy, took);
        raise(&sums.longest_poll, took);
        add(&sums.allocations, so_far.allocations.wrapping_sub(self.open.allocations.load(Relaxed)));
        add(&sums.bytes, so_far.bytes.wrapping_sub(self.open.bytes.load(Relaxed)));
        // Last, so that nothing has to be kept for afterwards.
        if took > self.long_poll {
            self.long_poll_ended(sums, poll, took);
        }
    }

    #[cold]
    #[inline(never)]
    fn long_poll_ended(&self, sums: &Sums, poll: u64, took: u64) {
        add(&sums.long_polls, 1);
        if took > self.stall {
            add(&sums.stalls, 1);
        }
        self.watch.ended(poll, took);
    }

    /// A task was spawned by this thread; how many of its site were before, of those that count the same way.
    #[inline(always)]
    pub(super) fn spawned(&self, site: usize, recording: bool) -> u64 {
        let sums = &self.sums[site];
        let count = if recording { &sums.spawned } else { &sums.spawned_unrecorded };
        let before = count.load(Relaxed);
        count.store(before.wrapping_add(1), Relaxed);
        before
    }

    /// A task or a blocking job ended on this thread.
    #[inline(always)]
    pub(super) fn finished(&self, site: usize, recording: bool) {
        let sums = &self.sums[site];
        add(if recording { &sums.finished } else { &sums.finished_unrecorded }, 1);
    }
}

impl Watch {
    /// A poll longer than [`LONG_POLL`] ended.
    fn ended(&self, poll: u64, took: u64) {
        if took > self.overdue_after.load(Relaxed) {
            add(&self.overdue, 1);
        }
        if poll == self.awaited.load(Acquire) {
            self.took.store(took, Release);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::sites::OTHERS;

    const SOON: u64 = nanoseconds(LONG_POLL) + 1;

    fn poll(ledger: &Ledger, site: usize, began: u64) -> OpenPoll {
        ledger.begin(site, Allocated::default(), || began);
        ledger.in_poll().unwrap()
    }

    #[test]
    fn every_poll_has_a_number_of_its_own() {
        let ledger = Ledger::new(Clock::kernel());
        assert_eq!(ledger.in_poll(), None);
        let mut words = Vec::new();
        for began in 0..5 {
            let open = poll(&ledger, OTHERS, began);
            assert_eq!((open.site, open.began), (OTHERS, began));
            assert!(ledger.is_in(open.word));
            words.push(open.word);
            ledger.end(|| began, Allocated::default);
            assert_eq!(ledger.in_poll(), None);
            assert!(!ledger.is_in(open.word));
        }
        words.dedup();
        assert_eq!(words.len(), 5);
    }

    #[test]
    fn only_the_poll_that_was_asked_for_tells_its_duration() {
        let ledger = Ledger::new(Clock::kernel());
        ledger.count_overdue(2 * SOON);
        let first = poll(&ledger, 3, 10);
        ledger.await_end(first.word);
        assert_eq!(ledger.took(), None);
        ledger.end(|| 10 + 3 * SOON, Allocated::default);
        assert_eq!((ledger.took(), ledger.overdue()), (Some(3 * SOON), 1));
        poll(&ledger, 3, 20);
        ledger.end(|| 20 + 5 * SOON, Allocated::default);
        poll(&ledger, 3, 30);
        ledger.end(|| 30 + SOON, Allocated::default);
        assert_eq!((ledger.took(), ledger.overdue()), (Some(3 * SOON), 2));
    }
}
