//! Who may write to the tables: threads that sample for the profile that runs, and nobody once it is ended.

use crate::sync::Ordering::Acquire;
use crate::sync::{AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst, fence, yield_now};

/// The profile that runs, and the threads that are writing for it.
pub(super) struct Gate {
    /// Number of the running profile; 0 for none.
    generation: AtomicU32,
    writers: AtomicUsize,
}

/// Keeps the tables open for one thread.
pub(super) struct Writer<'a> {
    gate: &'a Gate,
    /// Of the profile that it writes for.
    pub(super) generation: u32,
}

impl Gate {
    pub(super) const fn new() -> Self {
        Self { generation: AtomicU32::new(0), writers: AtomicUsize::new(0) }
    }

    /// Lets writers in. Whoever enters sees what was written before.
    pub(super) fn open(&self, generation: u32) {
        self.generation.store(generation, Release);
    }

    /// Lets nobody in, and waits for those who are: afterwards nobody writes, and all that was written is seen.
    pub(super) fn close(&self) {
        self.generation.store(0, Relaxed);
        // Pairs with the fence of `enter`: either the writer sees that the gate is closed, or its count is seen here.
        fence(SeqCst);
        while self.writers.load(Acquire) != 0 {
            // A sample takes microseconds, and no writer waits for anybody.
            yield_now();
        }
    }

    /// The profile that runs, if any, at a glance.
    #[inline]
    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Relaxed)
    }

    /// `None` where that profile does not run.
    pub(super) fn enter(&self, generation: u32) -> Option<Writer<'_>> {
        // Counted before the check, and uncounted when dropped.
        self.writers.fetch_add(1, Relaxed);
        fence(SeqCst);
        let writer = Writer { gate: self, generation: self.generation.load(Acquire) };
        (writer.generation != 0 && writer.generation == generation).then_some(writer)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.gate.writers.fetch_sub(1, Release);
    }
}
