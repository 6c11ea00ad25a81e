//! The clock that latencies are measured by, behind a trait so that waiting can be tested without time passing.

use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// A monotonic clock that one can sleep by.
pub trait Clock {
    /// Now, nanoseconds since an arbitrary moment. Never 0.
    fn now_ns(&self) -> u64;

    /// Returns at `deadline_ns` or, where a signal came, earlier.
    fn sleep_until(&self, deadline_ns: u64);
}

/// `CLOCK_MONOTONIC`: the same in every process of a host.
#[derive(Debug, Clone, Copy, Default)]
pub struct MonotonicClock;

impl Clock for MonotonicClock {
    fn now_ns(&self) -> u64 {
        let now = clock_gettime(ClockId::Monotonic);
        (now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()).max(1)
    }

    fn sleep_until(&self, deadline_ns: u64) {
        // An error is a signal (come back and look) or a time that the kernel does not take (the caller sees that it
        // is not over and comes again).
        let _ = clock_nanosleep_absolute(ClockId::Monotonic, &timespec(deadline_ns));
    }
}

/// Nanoseconds as the kernel wants them.
pub(super) fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / 1_000_000_000).cast_signed(), tv_nsec: (ns % 1_000_000_000).cast_signed() }
}

/// CPU seconds of the calling thread.
pub(super) fn thread_cpu_s() -> f64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    #[allow(clippy::cast_precision_loss, reason = "seconds of a trial")]
    {
        used.tv_sec as f64 + used.tv_nsec as f64 * 1e-9
    }
}

/// A clock for tests: time passes by sleeping (a little late each time) and by looking.
#[cfg(test)]
#[derive(Debug)]
pub(super) struct FakeClock {
    now: std::cell::Cell<u64>,
    /// Nanoseconds that looking takes.
    pub(super) step: u64,
    /// Nanoseconds by which sleep is late.
    pub(super) late: u64,
    /// Deadlines slept to.
    pub(super) slept: std::cell::RefCell<Vec<u64>>,
}

#[cfg(test)]
impl FakeClock {
    pub(super) fn new(now: u64, step: u64, late: u64) -> Self {
        Self { now: now.into(), step, late, slept: std::cell::RefCell::default() }
    }
}

#[cfg(test)]
impl Clock for FakeClock {
    fn now_ns(&self) -> u64 {
        self.now.set(self.now.get() + self.step);
        self.now.get()
    }

    fn sleep_until(&self, deadline_ns: u64) {
        self.slept.borrow_mut().push(deadline_ns);
        self.now.set(self.now.get().max(deadline_ns + self.late));
    }
}
