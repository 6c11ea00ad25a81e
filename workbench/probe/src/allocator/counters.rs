//! Allocation counters: one padded slot for each thread, written by that thread alone.
//!
//! A counter shared by two threads made allocation 3.8–8.4 times slower; a load and a store to a line of one's own
//! cost about ten instructions. Threads beyond the last slot share one and pay for atomic additions. Slots are never
//! given back, so the counts of finished threads stay.

use std::cell::Cell;
use std::ops::Sub;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Threads with a slot of their own; later ones share [`OVERFLOW`].
const OWNED: usize = 1023;
/// Index of the slot that all later threads share.
const OVERFLOW: usize = OWNED;

/// Two cache lines, because adjacent lines are fetched in pairs.
#[repr(align(128))]
struct Slot {
    allocations: AtomicU64,
    frees: AtomicU64,
    reallocations: AtomicU64,
    bytes_allocated: AtomicU64,
    bytes_freed: AtomicU64,
}

impl Slot {
    const fn empty() -> Self {
        Self {
            allocations: AtomicU64::new(0),
            frees: AtomicU64::new(0),
            reallocations: AtomicU64::new(0),
            bytes_allocated: AtomicU64::new(0),
            bytes_freed: AtomicU64::new(0),
        }
    }
}

static SLOTS: [Slot; OWNED + 1] = [const { Slot::empty() }; OWNED + 1];
static TAKEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    // No destructors: std says nothing reliable about thread locals with one inside an allocator.
    /// This thread's own slot; `None` before its first allocation, and where it came too late for one.
    static OWN: Cell<Option<&'static Slot>> = const { Cell::new(None) };
    /// It came too late.
    static LATE: Cell<bool> = const { Cell::new(false) };
}

/// The slot of this thread, and whether others write it too.
#[inline]
fn slot() -> (&'static Slot, bool) {
    match OWN.with(Cell::get) {
        Some(own) => (own, false),
        None => assigned_or_shared(),
    }
}

#[cold]
#[inline(never)]
fn assigned_or_shared() -> (&'static Slot, bool) {
    if !LATE.with(Cell::get) {
        // Past the last slot the counter rises by one a thread: it cannot wrap in the life of a machine.
        let mine = TAKEN.fetch_add(1, Relaxed);
        if mine < OWNED {
            OWN.with(|own| own.set(Some(&SLOTS[mine])));
            return (&SLOTS[mine], false);
        }
        LATE.with(|late| late.set(true));
    }
    (&SLOTS[OVERFLOW], true)
}

#[inline]
fn add(counter: &AtomicU64, amount: u64, shared: bool) {
    if shared {
        counter.fetch_add(amount, Relaxed);
    } else {
        // One writer: no read-modify-write needed. A signal handler that allocated between the two would be lost.
        counter.store(counter.load(Relaxed).wrapping_add(amount), Relaxed);
    }
}

/// One allocation of `size` bytes.
#[inline]
pub(super) fn allocated(size: usize) {
    let (slot, shared) = slot();
    add(&slot.allocations, 1, shared);
    add(&slot.bytes_allocated, size as u64, shared);
}

/// One block of `size` bytes given back.
#[cold]
#[inline(never)]
pub(super) fn freed(size: usize) {
    let (slot, shared) = slot();
    add(&slot.frees, 1, shared);
    add(&slot.bytes_freed, size as u64, shared);
}

/// The same where this thread has a slot of its own; false where it has none yet, and nothing was counted. The usual
/// case of a free is so short that saving registers for the other one would be a fifth of it.
#[inline(always)]
pub(super) fn freed_by_owner(size: usize) -> bool {
    let Some(slot) = OWN.with(Cell::get) else { return false };
    add(&slot.frees, 1, false);
    add(&slot.bytes_freed, size as u64, false);
    true
}

/// One block resized; see [`Counters::reallocations`] for the rule.
#[inline]
pub(super) fn reallocated(old: usize, new: usize) {
    let (slot, shared) = slot();
    add(&slot.reallocations, 1, shared);
    if new >= old {
        add(&slot.bytes_allocated, (new - old) as u64, shared);
    } else {
        add(&slot.bytes_freed, (old - new) as u64, shared);
    }
}

/// What the Rust allocator did, in requested sizes (not size classes). C code is not in it.
///
/// Totals grow monotonically; take two and subtract. A total read while threads allocate is not a snapshot of one
/// moment: each counter is right, their combination may be off by what was in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counters {
    /// Blocks allocated.
    pub allocations: u64,
    /// Blocks freed.
    pub frees: u64,
    /// Blocks resized. A resize is neither an allocation nor a free: it adds the difference to `bytes_allocated` where
    /// the block grew and to `bytes_freed` where it shrank. So a `Vec` that grows to 1 MiB counts 1 MiB, not the 2 MiB
    /// that "free the old, allocate the new" would count, and live bytes stay exact. Go has no counterpart.
    pub reallocations: u64,
    /// Bytes allocated, growth by reallocation included.
    pub bytes_allocated: u64,
    /// Bytes freed, shrinking by reallocation included.
    pub bytes_freed: u64,
}

impl Counters {
    /// Bytes allocated and not freed: meaningful for totals since the start, not for differences.
    pub fn live_bytes(&self) -> u64 {
        // A block freed by another thread may be seen freed before it is seen allocated.
        self.bytes_allocated.saturating_sub(self.bytes_freed)
    }
}

impl Sub for Counters {
    type Output = Self;

    /// What happened since `earlier`.
    fn sub(self, earlier: Self) -> Self {
        Self {
            allocations: self.allocations.wrapping_sub(earlier.allocations),
            frees: self.frees.wrapping_sub(earlier.frees),
            reallocations: self.reallocations.wrapping_sub(earlier.reallocations),
            bytes_allocated: self.bytes_allocated.wrapping_sub(earlier.bytes_allocated),
            bytes_freed: self.bytes_freed.wrapping_sub(earlier.bytes_freed),
        }
    }
}

/// Bytes allocated and not yet freed, all threads. Zero where [`super::Selectable`] is not the global allocator.
pub fn live_bytes() -> u64 {
    let counters = counters();
    // Slots are read one after another: a block freed meanwhile may be missing from what was allocated.
    counters.bytes_allocated.saturating_sub(counters.bytes_freed)
}

/// Totals of all threads since the process began. All zero where [`super::Selectable`] is not the global allocator.
pub fn counters() -> Counters {
    let taken = TAKEN.load(Relaxed);
    // The shared slot counts only once somebody came too late for one of their own.
    let slots = SLOTS[..taken.min(OWNED)].iter().chain((taken > OWNED).then_some(&SLOTS[OVERFLOW]));
    slots.fold(Counters::default(), |sum, slot| Counters {
        allocations: sum.allocations + slot.allocations.load(Relaxed),
        frees: sum.frees + slot.frees.load(Relaxed),
        reallocations: sum.reallocations + slot.reallocations.load(Relaxed),
        bytes_allocated: sum.bytes_allocated + slot.bytes_allocated.load(Relaxed),
        bytes_freed: sum.bytes_freed + slot.bytes_freed.load(Relaxed),
    })
}

/// What one thread allocated since it began: two figures of its [`Counters`], by the same rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allocated {
    /// Blocks.
    pub allocations: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A thread's own slot, for whoever asks at every turn: it stays the same for the thread's life.
#[derive(Clone, Copy)]
pub(crate) struct OwnSlot(&'static Slot);

impl OwnSlot {
    /// Of the calling thread, under the conditions of [`allocated_by_this_thread`].
    #[inline]
    pub(crate) fn of_this_thread() -> Option<Self> {
        let (slot, shared) = slot();
        (!shared).then_some(Self(slot))
    }

    /// What its thread allocated since it began.
    #[inline(always)]
    pub(crate) fn allocated(self) -> Allocated {
        let Self(slot) = self;
        Allocated { allocations: slot.allocations.load(Relaxed), bytes: slot.bytes_allocated.load(Relaxed) }
    }
}

/// Figures of the calling thread: two loads from a line that it has just written. `None` where the thread came too
/// late for a slot of its own (the 1024th of the process and later), so that nobody takes its neighbours' for its own.
#[inline]
pub fn allocated_by_this_thread() -> Option<Allocated> {
    OwnSlot::of_this_thread().map(OwnSlot::allocated)
}

#[cfg(test)]
mod tests {
    use super::*;

    // These tests drive the counters by hand: no global allocator is installed in this binary.
    #[test]
    fn threads_beyond_the_last_slot_lose_nothing() {
        let before = counters();
        for _ in 0..OWNED / 64 + 4 {
            std::thread::scope(|scope| {
                for _ in 0..64 {
                    scope.spawn(|| {
                        allocated(256);
                        reallocated(256, 300);
                        reallocated(300, 200);
                        freed(200);
                    });
                }
            });
        }
        let threads = ((OWNED / 64 + 4) * 64) as u64;
        let expected = Counters {
            allocations: threads,
            frees: threads,
            reallocations: 2 * threads,
            bytes_allocated: 300 * threads,
            bytes_freed: 300 * threads,
        };
        assert!(TAKEN.load(Relaxed) > OWNED, "the shared slot was used");
        assert_eq!(counters() - before, expected);
    }
}
