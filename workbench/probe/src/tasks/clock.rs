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

/// A clock that counts ticks, and knows how long one is. Polls keep ticks; whoever reads turns them into nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    source: Source,
    /// Ticks at the start.
    zero: u64,
    /// Nanoseconds a tick, times 2³².
    rate: u64,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    /// The time-stamp counter.
    #[cfg(target_arch = "x86_64")]
    Counter,
    /// `CLOCK_MONOTONIC`, in nanoseconds since then.
    Kernel(Instant),
}

/// Of a clock whose ticks are nanoseconds.
const NANOSECOND: u64 = 1 << 32;

impl Clock {
    /// The cheapest clock of this machine. The first one of a process takes some milliseconds to measure the counter.
    pub(super) fn start() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(rate) = counter::rate() {
            return Self { source: Source::Counter, zero: counter::ticks(), rate };
        }
        Self::kernel()
    }

    /// `CLOCK_MONOTONIC`, whatever else there is.
    pub(super) fn kernel() -> Self {
        Self { source: Source::Kernel(Instant::now()), zero: 0, rate: NANOSECOND }
    }

    /// Ticks; only differences have a meaning.
    #[inline(always)]
    pub(super) fn ticks(&self) -> u64 {
        match &self.source {
            #[cfg(target_arch = "x86_64")]
            Source::Counter => counter::ticks(),
            Source::Kernel(zero) => nanoseconds_since(zero),
        }
    }

    /// Whether [`quick_ticks`] reads this clock.
    pub(super) fn is_quick(&self) -> bool {
        !matches!(self.source, Source::Kernel(_))
    }

    /// How long so many ticks are, nanoseconds.
    #[inline]
    pub(super) fn nanoseconds(&self, ticks: u64) -> u64 {
        // Rates are below 2³² for counters above 1 GHz: the sum of a process's life fits.
        ((u128::from(ticks) * u128::from(self.rate)) >> 32) as u64
    }

    /// Most ticks that are no longer than so many nanoseconds; all there are for [`u64::MAX`].
    pub(super) fn ticks_in(&self, nanoseconds: u64) -> u64 {
        // Dividing by no rate of a clock is the same as dividing by the least.
        let ticks = (u128::from(nanoseconds) << 32) / u128::from(self.rate.max(1));
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// Nanoseconds from the start to a moment in ticks.
    pub(super) fn since_start(&self, ticks: u64) -> u64 {
        self.nanoseconds(ticks.saturating_sub(self.zero))
    }

    /// Nanoseconds since the start.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.since_start(self.ticks())
    }

    /// `time-stamp counter` or `CLOCK_MONOTONIC`.
    pub(super) fn name(&self) -> &'static str {
        match self.source {
            #[cfg(target_arch = "x86_64")]
            Source::Counter => "time-stamp counter",
            Source::Kernel(_) => "CLOCK_MONOTONIC",
        }
    }
}

/// [`Clock::ticks`] of a clock that is quick: one instruction, and no call that would make a hook save registers.
#[inline(always)]
pub(super) fn quick_ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    return counter::ticks();
    // No clock is quick here, so nobody asks.
    #[cfg(not(target_arch = "x86_64"))]
    0
}

/// Out of the way of the other clock, which needs no call.
#[cold]
#[inline(never)]
fn nanoseconds_since(zero: &Instant) -> u64 {
    // 584 years.
    zero.elapsed().as_nanos() as u64
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

    #[inline(always)]
    pub(super) fn ticks() -> u64 {
        // SAFETY: every x86-64 processor has the instruction; Linux forbids it only to who asks for that (PR_SET_TSC).
        unsafe { _rdtsc() }
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
        let clock = Clock::kernel();
        let first = clock.now();
        assert!(clock.now() >= first);
        assert_eq!(clock.name(), "CLOCK_MONOTONIC");
    }

    #[test]
    fn ticks_of_a_century_become_nanoseconds_and_back() {
        const HUNDRED_YEARS: u64 = 100 * 365 * 86_400 * 1_000_000_000;
        // 2 GHz: half a nanosecond a tick.
        let halves = Clock { rate: NANOSECOND / 2, ..Clock::kernel() };
        assert_eq!(halves.nanoseconds(2 * HUNDRED_YEARS), HUNDRED_YEARS);
        assert_eq!(halves.ticks_in(HUNDRED_YEARS), 2 * HUNDRED_YEARS);
        assert_eq!(Clock::kernel().nanoseconds(3), 3);
        assert_eq!((Clock::kernel().ticks_in(3), halves.ticks_in(u64::MAX)), (3, u64::MAX));
    }
}
