//! The moment of most live memory: watched 100 times a second, with the picture of what was in use then.
//!
//! Live bytes are the allocator's exact counts, so the watch costs no sampling; the picture is a copy of the sampler's
//! sums within their own table, taken while others add: a sample that is just being taken may be in it by half.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::stacks;
use crate::allocator::counters;

/// Time between looks.
const EVERY: Duration = Duration::from_millis(10);

/// A new maximum is worth a picture where it is higher by this part of what has grown since the start, or where the
/// picture is older than [`CREEPING`].
const PART: u64 = 20;

/// So that a maximum that creeps up is missed by no more than what grows in this time.
const CREEPING: Duration = Duration::from_millis(100);

/// The maximum whose picture is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Highest {
    /// Live bytes when the watch began.
    at_start: u64,
    /// Live bytes of the picture; those at the start while there is none.
    pub(super) live: u64,
    /// When, since the watch began; `None` while there is no picture.
    pub(super) at: Option<Duration>,
}

impl Highest {
    fn new(at_start: u64) -> Self {
        Self { at_start, live: at_start, at: None }
    }

    /// True where this is the moment for a new picture.
    fn rises(&mut self, live: u64, now: Duration) -> bool {
        if live <= self.live {
            return false;
        }
        let step = self.live.saturating_sub(self.at_start) / PART;
        let stale = self.at.is_none_or(|at| now.saturating_sub(at) >= CREEPING);
        if live - self.live <= step && !stale {
            return false;
        }
        (self.live, self.at) = (live, Some(now));
        true
    }
}

/// What the thread that watches shares with its owner.
#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    /// Live bytes of the picture; 0 while there is none.
    live: AtomicU64,
}

/// A thread that watches.
#[derive(Debug)]
pub(super) struct Watch {
    shared: Arc<Shared>,
    /// What [`Highest::at`] counts from: before the profile's own start, since a thread has to be had first.
    pub(super) begun: Instant,
    thread: Option<JoinHandle<Highest>>,
}

impl Watch {
    /// Begins to watch. The tables must be clear, and stay the caller's until the watch is ended.
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let mine = Arc::clone(&shared);
        let begun = Instant::now();
        let mut highest = Highest::new(counters().live_bytes());
        let thread = std::thread::Builder::new().name("heap-peak".into()).spawn(move || {
            loop {
                // Read first: whoever ends the watch gets one last look.
                let last = mine.ended.load(Relaxed);
                if highest.rises(counters().live_bytes(), begun.elapsed()) {
                    stacks::keep_as_peak();
                    mine.live.store(highest.live, Relaxed);
                }
                if last {
                    return highest;
                }
                std::thread::park_timeout(EVERY);
            }
        })?;
        Ok(Self { shared, begun, thread: Some(thread) })
    }

    /// Live bytes of the picture that is kept so far; 0 while there is none.
    pub(super) fn live(&self) -> u64 {
        self.shared.live.load(Relaxed)
    }

    /// Looks once more, and ends. `None` where nothing was kept.
    pub(super) fn end(&mut self) -> Option<Highest> {
        self.shared.ended.store(true, Relaxed);
        let thread = self.thread.take()?;
        thread.thread().unpark();
        // The thread runs nothing that panics; if it did, there is no peak.
        thread.join().ok().filter(|highest| highest.at.is_some())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_taken_of_higher_moments_only_and_not_too_often() {
        let ms = Duration::from_millis;
        let mut highest = Highest::new(1000);
        assert!(!highest.rises(1000, ms(10)) && !highest.rises(900, ms(20)));
        assert_eq!(highest, Highest { at_start: 1000, live: 1000, at: None });
        // The first that is higher at all; then by 5 % of the growth, however large what was there before.
        assert!(highest.rises(1100, ms(30)));
        assert!(!highest.rises(1105, ms(40)));
        assert!(highest.rises(1106, ms(50)));
        // Creeping: what lies below a step is taken once the picture is old.
        assert!(!highest.rises(1107, ms(149)));
        assert!(highest.rises(1107, ms(150)));
        // Never lower or equal, however old the picture.
        assert!(!highest.rises(1107, ms(9000)) && !highest.rises(1001, ms(9000)));
        assert_eq!(highest, Highest { at_start: 1000, live: 1107, at: Some(ms(150)) });
    }
}
