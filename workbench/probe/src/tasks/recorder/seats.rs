//! Which thread writes which ledger.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::allocator::OwnSlot;
use crate::tasks::clock::Clock;
use crate::tasks::ledger::Ledger;
use crate::tasks::record::Latency;
use crate::tasks::sites::Sites;
use crate::tasks::unpolled::Unpolled;

/// What hooks and recorder share.
pub(super) struct Shared {
    pub(super) recording: AtomicBool,
    pub(super) sites: Sites,
    pub(super) unpolled: Unpolled,
    /// Different for every recorder of the process; never 0.
    number: u64,
    clock: Clock,
    latency: Latency,
    ledgers: Mutex<Ledgers>,
}

/// Touched when a thread comes or goes, and by snapshots; never by a poll.
#[derive(Default)]
struct Ledgers {
    /// Only ever added to: a ledger lives as long as its recorder.
    all: Vec<Arc<Ledger>>,
    /// Those of threads that ended: the next thread adds to them.
    free: Vec<Arc<Ledger>>,
}

/// A thread's hold on its ledger, given up when the thread ends.
struct Seat {
    shared: Weak<Shared>,
    ledger: Arc<Ledger>,
}

/// Where the calling thread writes: all that a poll asks for.
#[derive(Clone, Copy)]
struct Here {
    /// Number of the recorder that the ledger belongs to; 0 for none.
    recorder: u64,
    ledger: *const Ledger,
    /// As `recorder`, where the way of [`Shared::quick`] is open: `slot` is there and the clock is quick. Else 0.
    quick: u64,
    slot: Option<OwnSlot>,
}

const NOWHERE: Here = Here { recorder: 0, ledger: ptr::null(), quick: 0, slot: None };

thread_local! {
    /// The seat used last. It has no destructor, so that reading it is one load from a fixed place.
    static HERE: Cell<Here> = const { Cell::new(NOWHERE) };
    /// One for each recorder whose tasks ran here: hardly ever more than one.
    static SEATS: RefCell<Vec<Seat>> = const { RefCell::new(Vec::new()) };
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Whoever comes next may sit here: this thread must not go on writing.
        if ptr::eq(HERE.get().ledger, Arc::as_ptr(&self.ledger)) {
            HERE.set(NOWHERE);
        }
        if let Some(shared) = self.shared.upgrade() {
            shared.ledgers().free.push(Arc::clone(&self.ledger));
        }
    }
}

impl Shared {
    pub(super) fn with(clock: Clock, latency: Latency) -> Self {
        // Rises by one a recorder: it cannot wrap.
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        Self {
            recording: AtomicBool::new(false),
            sites: Sites::new(),
            unpolled: Unpolled::new(),
            number: NUMBERS.fetch_add(1, Relaxed),
            clock,
            latency,
            ledgers: Mutex::default(),
        }
    }

    /// Begins when the recorder is made.
    #[inline(always)]
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Which waits are measured.
    #[inline(always)]
    pub(super) fn latency(&self) -> Latency {
        self.latency
    }

    /// Every ledger there is.
    pub(super) fn all(&self) -> Vec<Arc<Ledger>> {
        self.ledgers().all.clone()
    }

    /// This thread's ledger and counters, where nothing stands between them and a hook: no call, so that the usual way
    /// through a hook saves no registers. Whoever gets `None` goes by [`Self::write`].
    #[inline(always)]
    pub(super) fn quick(&self) -> Option<(&Ledger, OwnSlot)> {
        let here = HERE.get();
        if here.quick != self.number {
            return None;
        }
        // SAFETY: as in `write`.
        Some((unsafe { &*here.ledger }, here.slot?))
    }

    /// Lets this thread write to its ledger.
    pub(super) fn write<T>(self: &Arc<Self>, entry: impl FnOnce(&Ledger) -> T) -> T {
        let here = HERE.get();
        let (ledger, lent) = if here.recorder == self.number { (here.ledger, false) } else { self.elsewhere() };
        // SAFETY: the ledger is one of this very recorder's, which keeps every ledger it ever had.
        let ledger = unsafe { &*ledger };
        let told = entry(ledger);
        if lent {
            self.give_back(ledger);
        }
        told
    }

    /// The ledger of a thread that last wrote for another recorder, or never; and whether it is lent, for one entry.
    #[cold]
    #[inline(never)]
    fn elsewhere(self: &Arc<Self>) -> (*const Ledger, bool) {
        let seated = SEATS.try_with(|seats| {
            let taken = seats.borrow();
            let mine = taken.iter().find(|seat| ptr::eq(seat.shared.as_ptr(), Arc::as_ptr(self)));
            let ledger = match mine {
                Some(seat) => Arc::clone(&seat.ledger),
                None => {
                    drop(taken);
                    self.take_a_seat(seats)
                }
            };
            let ledger = Arc::as_ptr(&ledger);
            let slot = OwnSlot::of_this_thread();
            let quick = if slot.is_some() && self.clock.is_quick() { self.number } else { 0 };
            HERE.set(Here { recorder: self.number, ledger, quick, slot });
            ledger
        });
        match seated {
            Ok(ledger) => (ledger, false),
            // The thread is ending, and its seats are gone: any free ledger will do.
            Err(_) => (Arc::as_ptr(&self.take()), true),
        }
    }

    /// After the entry for which it was lent.
    #[cold]
    #[inline(never)]
    fn give_back(&self, lent: &Ledger) {
        let mut ledgers = self.ledgers();
        let held = ledgers.all.iter().find(|ledger| ptr::eq(Arc::as_ptr(ledger), lent)).map(Arc::clone);
        ledgers.free.extend(held);
    }

    fn take_a_seat(self: &Arc<Self>, seats: &RefCell<Vec<Seat>>) -> Arc<Ledger> {
        let ledger = self.take();
        ledger.seat(nix::unistd::gettid().as_raw());
        let mut seats = seats.borrow_mut();
        seats.retain(|seat| seat.shared.strong_count() > 0);
        seats.push(Seat { shared: Arc::downgrade(self), ledger: Arc::clone(&ledger) });
        ledger
    }

    fn take(&self) -> Arc<Ledger> {
        let mut ledgers = self.ledgers();
        ledgers.free.pop().unwrap_or_else(|| {
            let ledger = Arc::new(Ledger::new(self.clock));
            ledgers.all.push(Arc::clone(&ledger));
            ledger
        })
    }

    fn ledgers(&self) -> MutexGuard<'_, Ledgers> {
        // Lists of pointers are whole at every step, whoever panicked.
        self.ledgers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("recording", &self.recording).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spawns counted on site 0, over all ledgers.
    fn spawned(shared: &Shared) -> u64 {
        shared.all().iter().map(|ledger| ledger.of(0).spawned.load(Relaxed)).sum()
    }

    /// Writes when it is dropped.
    struct Last(RefCell<Option<Arc<Shared>>>);

    impl Drop for Last {
        fn drop(&mut self) {
            if let Some(shared) = self.0.take() {
                shared.write(|ledger| ledger.spawned(0, true));
            }
        }
    }

    thread_local! {
        static LAST: Last = const { Last(RefCell::new(None)) };
    }

    #[test]
    fn entries_of_ending_threads_are_kept_whatever_ends_first() {
        let shared = Arc::new(Shared::with(Clock::kernel(), Latency::FirstPoll));
        let entry = || shared.write(|ledger| ledger.spawned(0, true));
        let last = || LAST.with(|last| *last.0.borrow_mut() = Some(Arc::clone(&shared)));
        for seat_first in [true, false].repeat(10) {
            let life = || {
                if seat_first {
                    entry();
                }
                last();
                if !seat_first {
                    entry();
                }
            };
            // Joined by hand: a scope alone does not wait until a thread's locals are dropped.
            std::thread::scope(|scope| scope.spawn(life).join().unwrap());
        }
        assert_eq!(spawned(&shared), 40);
        let ledgers = shared.ledgers();
        assert_eq!(ledgers.all.len(), ledgers.free.len(), "every seat was given up");
    }

    #[test]
    fn a_thread_writes_for_each_recorder_into_a_ledger_of_its_own() {
        let recorders = [(); 3].map(|()| Arc::new(Shared::with(Clock::kernel(), Latency::FirstPoll)));
        for (count, shared) in recorders.iter().enumerate().cycle().take(30) {
            for _ in 0..count {
                shared.write(|ledger| ledger.spawned(0, true));
            }
        }
        assert_eq!(recorders.each_ref().map(|shared| spawned(shared)), [0, 10, 20]);
        assert_eq!(recorders.each_ref().map(|shared| shared.all().len()), [0, 1, 1]);
    }
}
