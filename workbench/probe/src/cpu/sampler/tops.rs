//! Where the stacks of threads end, as far as walks have shown: handlers need not copy more. Only a hint: a copy of
//! whatever length is safe, and where the hint is wrong the reader takes it back.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const THREADS: usize = 4096;

static TOPS: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];

fn of(thread: u32) -> &'static AtomicU64 {
    &TOPS[thread as usize % THREADS]
}

/// Bytes from `sp` to the end of the thread's stack, where that is known. Async-signal-safe.
pub(super) fn bytes_from(thread: u32, sp: u64) -> Option<usize> {
    of(thread).load(Relaxed).checked_sub(sp).and_then(|bytes| usize::try_from(bytes).ok())
}

/// The root was found below `top`.
pub(super) fn learn(thread: u32, top: u64) {
    of(thread).store(top, Relaxed);
}

/// Nothing is known.
pub(super) fn forget(thread: u32) {
    learn(thread, 0);
}
