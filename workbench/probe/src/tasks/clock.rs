//! Nanoseconds for poll times, as cheap as the machine allows.
//!
//! Two looks at a clock are most of what recording a poll costs. `CLOCK_MONOTONIC` takes a call and a fence each; the
//! time-stamp counter of x86-64 takes one instruction. It is used only where the processor says that the counter runs at
//! one rate whatever the power state (CPUID 8000_0007h, EDX bit 8: invariant TSC) **and** the kernel keeps its own time
//! by it, which it does only while all processors' counters agree. Everywhere else it is `CLOCK_MONOTONIC`.
//!
//! The counter's rate is measured against `CLOCK_MONOTONIC` once in a process, and then kept: durations are right to
//! some ten parts in a million, and the kernel's later corrections of its clock are not followed.

use std::time::Instant;

/// A clock that begins at 0.
#[derive(Debug)]
pub(super) enum Clock {
    /// The time-stamp counter.
    #[cfg(target_arch = "x86_64")]
    Counter {
        /// The counter at 0.
        zero: u64,
        /// Nanoseconds a tick, times 2³².
        rate: u64,
    },
    /// `CLOCK_MONOTONIC`.
    Kernel(Instant),
}

impl Clock {
    /// The cheapest clock of this machine. The first one of a process takes some milliseconds to measure the counter.
    pub(super) fn start() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(rate) = counter::rate() {
            return Self::Counter { zero: counter::ticks(), rate };
        }
        Self::Kernel(Instant::now())
    }

    /// Nanoseconds since the start.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Counter { zero, rate } => counter::nanoseconds(counter::ticks().saturating_sub(*zero), *rate),
            // 584 years.
            Self::Kernel(zero) => zero.elapsed().as_nanos() as u64,
        }
    }

    /// `time-stamp counter` or `CLOCK_MONOTONIC`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Counter { .. } => "time-stamp counter",
            Self::Kernel(_) => "CLOCK_MONOTONIC",
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod counter {
    use std::arch::x86_64::{__cpuid, _rdtsc};
    use std::sync::OnceLock;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    /// What the kernel keeps its time by.
    const KERNELS_CHOICE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    /// Distance of the two readings that give the rate.
    const APART: Duration = Duration::from_millis(5);
    /// Readings of both clocks, of which the one that took least is used.
    const TRIES: usize = 32;
    /// The least reading may not take longer, or the rate would be off by more than some hundred parts in a million.
    const TIGHT: Duration = Duration::from_nanos(1000);

    #[inline]
    pub(super) fn ticks() -> u64 {
        // SAFETY: every x86-64 processor has the instruction; Linux forbids it only to who asks for that (PR_SET_TSC).
        unsafe { _rdtsc() }
    }

    #[inline]
    pub(super) fn nanoseconds(ticks: u64, rate: u64) -> u64 {
        // Rates are below 2³² for counters above 1 GHz: the sum of a process's life fits.
        ((u128::from(ticks) * u128::from(rate)) >> 32) as u64
    }

    /// Nanoseconds a tick times 2³²; `None` where the counter is no clock.
    pub(super) fn rate() -> Option<u64> {
        static RATE: OnceLock<Option<u64>> = OnceLock::new();
        *RATE.get_or_init(|| if is_invariant() && is_the_kernels_clock() { measure() } else { None })
    }

    fn is_invariant() -> bool {
        const HIGHEST: u32 = 0x8000_0000;
        const POWER: u32 = 0x8000_0007;
        __cpuid(HIGHEST).eax >= POWER && __cpuid(POWER).edx & (1 << 8) != 0
    }

    fn is_the_kernels_clock() -> bool {
        std::fs::read_to_string(KERNELS_CHOICE).is_ok_and(|name| name.trim() == "tsc")
    }

    fn measure() -> Option<u64> {
        let first = pair()?;
        sleep(APART);
        let last = pair()?;
        let ticks = u128::from(last.0.checked_sub(first.0)?);
        let rate = ((last.1 - first.1).as_nanos() << 32).checked_div(ticks)?;
        // 10 MHz to 100 GHz: anything else is no counter of a processor.
        let plausible = (1 << 32) / 100..=(1 << 32) * 100;
        u64::try_from(rate).ok().filter(|rate| plausible.contains(rate))
    }

    /// Both clocks at one time.
    fn pair() -> Option<(u64, Instant)> {
        let reading = || {
            let before = Instant::now();
            let ticks = ticks();
            let took = before.elapsed();
            (took, ticks, before + took / 2)
        };
        let (took, ticks, time) = (0..TRIES).map(|_| reading()).min_by_key(|reading| reading.0)?;
        (took <= TIGHT).then_some((ticks, time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_runs_backwards_and_agrees_with_the_kernel() {
        let before = Instant::now();
        let clock = Clock::start();
        let began = Instant::now();
        let mut last = 0;
        let spanned = loop {
            let shortest = began.elapsed();
            let now = clock.now();
            assert!(now >= last, "{now} after {last} by the {}", clock.name());
            last = now;
            if shortest.as_millis() >= 20 {
                break shortest;
            }
        };
        // Read between two looks at the other clock; one in a thousand is a hundred times its error.
        let (low, high) = (spanned.as_nanos() as u64, before.elapsed().as_nanos() as u64);
        assert!(last >= low - low / 1000, "{last} of at least {low} by the {}", clock.name());
        assert!(last <= high + high / 1000, "{last} of at most {high} by the {}", clock.name());
    }

    #[test]
    fn the_kernels_clock_works_too() {
        let clock = Clock::Kernel(Instant::now());
        let first = clock.now();
        assert!(clock.now() >= first);
        assert_eq!(clock.name(), "CLOCK_MONOTONIC");
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn ticks_of_a_century_become_nanoseconds() {
        const HUNDRED_YEARS: u64 = 100 * 365 * 86_400 * 1_000_000_000;
        // 2 GHz: half a nanosecond a tick.
        assert_eq!(counter::nanoseconds(2 * HUNDRED_YEARS, 1 << 31), HUNDRED_YEARS);
        assert_eq!(counter::nanoseconds(3, 1 << 32), 3);
    }
}
