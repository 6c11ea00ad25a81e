//! Which thread writes which ledger.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use crate::tasks::ledger::Ledger;
use crate::tasks::sites::Sites;

/// What hooks and recorder share.
pub(super) struct Shared {
    pub(super) recording: AtomicBool,
    pub(super) sites: Sites,
    epoch: Instant,
    ledgers: Mutex<Ledgers>,
}

/// Touched when a thread comes or goes, and by snapshots; never by a poll.
#[derive(Default)]
struct Ledgers {
    all: Vec<Arc<Ledger>>,
    /// Those of threads that ended: the next thread adds to them.
    free: Vec<Arc<Ledger>>,
}

/// A thread's hold on its ledger, given up when the thread ends.
struct Seat {
    shared: Weak<Shared>,
    ledger: Arc<Ledger>,
}

thread_local! {
    /// One for each recorder whose tasks ran here: hardly ever more than one.
    static SEATS: RefCell<Vec<Seat>> = const { RefCell::new(Vec::new()) };
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.ledgers().free.push(Arc::clone(&self.ledger));
        }
    }
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            recording: AtomicBool::new(false),
            sites: Sites::new(),
            epoch: Instant::now(),
            ledgers: Mutex::default(),
        }
    }

    /// Nanoseconds since the recorder was made.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        // 584 years.
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Every ledger there is.
    pub(super) fn all(&self) -> Vec<Arc<Ledger>> {
        self.ledgers().all.clone()
    }

    /// Lets this thread write to its ledger.
    #[inline]
    pub(super) fn write(self: &Arc<Self>, entry: impl FnOnce(&Ledger)) {
        let mut entry = Some(entry);
        let seated = SEATS.try_with(|seats| {
            let taken = seats.borrow();
            let mine = taken.iter().find(|seat| std::ptr::eq(seat.shared.as_ptr(), Arc::as_ptr(self)));
            let ledger = match mine {
                Some(seat) => &seat.ledger,
                None => {
                    drop(taken);
                    &self.take_a_seat(seats)
                }
            };
            if let Some(entry) = entry.take() {
                entry(ledger);
            }
        });
        if seated.is_err() {
            // The thread is ending, and its seats are gone: any free ledger will do, for this one entry.
            let ledger = self.take();
            if let Some(entry) = entry.take() {
                entry(&ledger);
            }
            self.ledgers().free.push(ledger);
        }
    }

    #[cold]
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
            let ledger = Arc::new(Ledger::new());
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
