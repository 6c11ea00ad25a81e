//! Waiting for an operation to fall due.

use std::time::Duration;

use super::clock::Clock;

/// How to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// Sleep until shortly before, then look at the clock until it is time: late by 0.1 µs, on a core of its own.
    Hybrid {
        /// How long before.
        spin: Duration,
    },
    /// Sleep: late by what the kernel takes to wake a thread, 15–110 µs (design 02 §2a).
    Sleep,
}

/// The longest sleep: a request to stop is seen after that.
pub(super) const STOP_CHECK_NS: u64 = 50_000_000;

impl Pacing {
    /// The usual tail: longer than waking up takes.
    pub const SPIN: Duration = Duration::from_micros(60);

    /// `hybrid` or `sleep`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hybrid { .. } => "hybrid",
            Self::Sleep => "sleep",
        }
    }

    /// Nanoseconds of looking at the clock before a deadline.
    pub(super) fn spin_ns(self) -> u64 {
        match self {
            Self::Hybrid { spin } => u64::try_from(spin.as_nanos()).unwrap_or(u64::MAX),
            Self::Sleep => 0,
        }
    }
}

/// Waits by a clock.
#[derive(Debug)]
pub struct Pacer<'a, C> {
    clock: &'a C,
    spin_ns: u64,
}

impl<'a, C: Clock> Pacer<'a, C> {
    /// A pacer that waits this way.
    pub fn new(clock: &'a C, pacing: Pacing) -> Self {
        Self { clock, spin_ns: pacing.spin_ns() }
    }

    /// Waits until `deadline_ns` and returns the time. Returns earlier, after at most 50 ms, where the deadline is
    /// farther away than that, or where a signal came: look whether to stop, then come again.
    pub fn wait_until(&self, deadline_ns: u64) -> u64 {
        let now = self.clock.now_ns();
        if now >= deadline_ns {
            return now;
        }
        let soonest = deadline_ns.saturating_sub(self.spin_ns).min(now.saturating_add(STOP_CHECK_NS));
        if soonest > now {
            self.clock.sleep_until(soonest);
        }
        loop {
            let now = self.clock.now_ns();
            // With no tail to spin, whoever wakes early goes round again.
            if now >= deadline_ns || deadline_ns - now > self.spin_ns {
                return now;
            }
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::FakeClock;
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn sleeping_goes_to_the_deadline_itself() {
        let clock = FakeClock::new(MS, 10, 30_000);
        assert_eq!(Pacer::new(&clock, Pacing::Sleep).wait_until(3 * MS), 3 * MS + 30_010);
        assert_eq!(*clock.slept.borrow(), [3 * MS]);
    }

    #[test]
    fn hybrid_wakes_before_and_looks_until_it_is_time() {
        let clock = FakeClock::new(MS, 10, 30_000);
        let woken = Pacer::new(&clock, Pacing::Hybrid { spin: Pacing::SPIN }).wait_until(3 * MS);
        assert!((3 * MS..3 * MS + 20).contains(&woken), "{woken}");
        assert_eq!(*clock.slept.borrow(), [3 * MS - 60_000]);
    }

    #[test]
    fn hybrid_within_the_tail_does_not_sleep_at_all() {
        let clock = FakeClock::new(MS, 10, 0);
        Pacer::new(&clock, Pacing::Hybrid { spin: Pacing::SPIN }).wait_until(MS + 50_000);
        assert!(clock.slept.borrow().is_empty());
    }

    #[test]
    fn what_is_overdue_returns_at_once() {
        let clock = FakeClock::new(5 * MS, 10, 0);
        assert_eq!(Pacer::new(&clock, Pacing::Sleep).wait_until(MS), 5 * MS + 10);
        assert!(clock.slept.borrow().is_empty());
    }

    #[test]
    fn long_waits_come_up_for_a_look_every_50_ms() {
        let clock = FakeClock::new(MS, 1, 0);
        let pacer = Pacer::new(&clock, Pacing::Sleep);
        let mut looks = 0;
        while pacer.wait_until(211 * MS) < 211 * MS {
            looks += 1;
        }
        assert_eq!(looks, 4);
        assert!(clock.slept.borrow().windows(2).all(|w| w[1] - w[0] <= STOP_CHECK_NS + 10));
    }
}
