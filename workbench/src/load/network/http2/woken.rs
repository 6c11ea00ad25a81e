//! A waker that leaves a mark.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

/// Whether somebody has to be polled.
#[derive(Debug, Clone, Default)]
pub(super) struct Woken(Arc<Mark>);

#[derive(Debug, Default)]
struct Mark(AtomicBool);

impl Wake for Mark {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Woken {
    /// For the context of a poll.
    pub(super) fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.0))
    }

    pub(super) fn wake(&self) {
        self.0.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was woken since the last call.
    pub(super) fn take(&self) -> bool {
        self.0.0.swap(false, Ordering::Relaxed)
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.0.load(Ordering::Relaxed)
    }
}
