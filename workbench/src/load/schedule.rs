//! When every operation of an open-loop phase is due, and which operation it is: computed before the phase.

use scenarios::spec::{Arrivals, Burst, Stage, Trace};

use super::intensity::Intensity;
use super::seeded::{Generator, Stream, below};

/// The arrivals of a phase. The same input gives the same schedule, on every platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Intended times, nanoseconds since the phase began, ascending.
    pub offsets_ns: Vec<u64>,
    /// Index into the mix, one for each offset.
    pub operations: Vec<u16>,
    /// Length of the phase: operations ÷ rate, nanoseconds.
    pub duration_ns: u64,
}

impl Schedule {
    /// Lays out `count` arrivals at `rate` per second.
    ///
    /// *Poisson* arrivals are conditioned on their number: `count` points of a Poisson process within
    /// `count ÷ rate` seconds are `count` sorted uniforms there, and sums of exponential gaps divided by their total
    /// are just that (Devroye, Non-Uniform Random Variate Generation, V.2). So every block lasts equally long and
    /// asks for exactly the rate, while bursts stay what they are. *Constant* arrivals have equal gaps, the first at
    /// 0. *Closed* arrivals have no times: all offsets are 0 and the driver sends whenever a client is free.
    ///
    /// Every operation kind gets its exact share (see [`shares`]), in an order shuffled by the seed: weights drawn
    /// afresh for each arrival would give a 1 % operation ±7 of 200 calls from block to block, which is work that
    /// differs for no reason.
    ///
    /// A rate that is not a positive number means "at once"; weights that are not are 0; if all are, operation 0
    /// takes everything. Scenario files with such values are refused before they get here.
    pub fn new(arrivals: Arrivals, rate: f64, count: usize, weights: &[f64], seed: u64) -> Self {
        let duration_ns = if rate > 0.0 && rate.is_finite() { count as f64 / rate * 1e9 } else { 0.0 };
        let offsets_ns = match arrivals {
            Arrivals::Poisson => {
                uniforms(count, seed).into_iter().map(|share| nanoseconds(share * duration_ns)).collect()
            }
            Arrivals::Constant => (0..count).map(|i| nanoseconds(i as f64 / count as f64 * duration_ns)).collect(),
            Arrivals::Closed => vec![0; count],
        };
        let operations = shuffled(count, weights, seed);
        Self { offsets_ns, operations, duration_ns: nanoseconds(duration_ns) }
    }

    /// Lays out arrivals whose rate changes, and bursts on top of them, the first at the begin.
    ///
    /// As many as the integral of the rate says, rounded: *Poisson* arrivals at the times when sorted uniforms of it were
    /// due, *constant* ones when equal parts of it were. Kinds of operations as in [`Schedule::new`].
    pub fn staged(arrivals: Arrivals, stages: &[Stage], burst: Option<Burst>, weights: &[f64], seed: u64) -> Self {
        let intensity = Intensity::new(stages);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and at most 1e9")]
        let count = intensity.total().round() as usize;
        let shares: Vec<f64> = match arrivals {
            Arrivals::Constant => (0..count).map(|i| i as f64 / count as f64).collect(),
            Arrivals::Poisson | Arrivals::Closed => uniforms(count, seed),
        };
        let due = |share: f64| nanoseconds(intensity.when(share * intensity.total()) * 1e9);
        let mut offsets_ns: Vec<u64> = shares.into_iter().map(due).collect();
        let duration_ns = nanoseconds(intensity.length_s() * 1e9);
        if let Some(burst) = burst {
            let every_ns = usize::try_from(burst.every.as_nanos()).unwrap_or(usize::MAX).max(1);
            let begins = (0..duration_ns).step_by(every_ns);
            offsets_ns.extend(begins.flat_map(|at_ns| std::iter::repeat_n(at_ns, burst.size as usize)));
        }
        offsets_ns.sort_unstable();
        let operations = shuffled(offsets_ns.len(), weights, seed);
        Self { offsets_ns, operations, duration_ns }
    }

    /// Recorded arrivals, as they were or scaled: below 1 some are left out at random, above 1 some come again, at random
    /// times before the next (time itself is not stretched, so that bursts stay as long as they were).
    pub fn recorded(trace: &Trace, seed: u64) -> Self {
        let mut generator = Generator::new(seed, Stream::Arrivals);
        let mut arrivals = Vec::with_capacity(trace.arrivals.len());
        let last_ns = trace.arrivals.last().map_or(0, |last| last.at_us.saturating_mul(1000));
        for (index, arrival) in trace.arrivals.iter().enumerate() {
            let at_ns = arrival.at_us.saturating_mul(1000);
            let next_ns = trace.arrivals.get(index + 1).map_or(at_ns, |next| next.at_us.saturating_mul(1000));
            // An exact 1 draws nothing: the trace is the same in every block.
            let more = trace.scale.fract() > 0.0 && generator.uniform() < trace.scale.fract();
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
            let copies = trace.scale as u32 + u32::from(more);
            for copy in 0..copies {
                let later_ns = if copy == 0 { 0 } else { below(generator.bits(), (next_ns - at_ns).max(1)) };
                arrivals.push((at_ns + later_ns, arrival.operation));
            }
        }
        arrivals.sort_by_key(|(at_ns, _)| *at_ns);
        let (offsets_ns, operations) = arrivals.into_iter().unzip();
        Self { offsets_ns, operations, duration_ns: last_ns }
    }

    /// Both at once, in the order of time, as long as the first. Also which of them are the second's.
    pub(super) fn beside(&self, other: &Self) -> (Self, Vec<bool>) {
        let own = self.offsets_ns.iter().zip(&self.operations).map(|(at_ns, operation)| (*at_ns, *operation, false));
        let others =
            other.offsets_ns.iter().zip(&other.operations).map(|(at_ns, operation)| (*at_ns, *operation, true));
        let mut all: Vec<(u64, u16, bool)> = own.chain(others).collect();
        // Stable: of two at one time the first schedule's comes first.
        all.sort_by_key(|(at_ns, ..)| *at_ns);
        let both = Self {
            offsets_ns: all.iter().map(|(at_ns, ..)| *at_ns).collect(),
            operations: all.iter().map(|(_, operation, _)| *operation).collect(),
            duration_ns: self.duration_ns,
        };
        (both, all.into_iter().map(|(.., others)| others).collect())
    }

    /// Number of operations.
    pub fn len(&self) -> usize {
        self.offsets_ns.len()
    }

    /// Whether nothing is to be sent.
    pub fn is_empty(&self) -> bool {
        self.offsets_ns.is_empty()
    }

    /// FNV-1a (64 bits) over every offset and operation, 16 hexadecimal digits: equal schedules, equal hashes.
    pub fn hash(&self) -> String {
        const PRIME: u64 = 0x0100_0000_01b3;
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut feed = |bytes: &[u8]| {
            for &byte in bytes {
                hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
            }
        };
        for (offset, operation) in self.offsets_ns.iter().zip(&self.operations) {
            feed(&offset.to_le_bytes());
            feed(&operation.to_le_bytes());
        }
        format!("{hash:016x}")
    }
}

/// How often each operation comes up in `count` arrivals: its exact share, rounded so that the sum is `count`
/// (largest remainders first, ties to the operation named first).
pub(super) fn shares(count: usize, weights: &[f64]) -> Vec<usize> {
    let mut weights: Vec<f64> = weights.iter().map(|&w| if w > 0.0 && w.is_finite() { w } else { 0.0 }).collect();
    if weights.iter().sum::<f64>() <= 0.0 {
        weights = vec![1.0];
    }
    let total: f64 = weights.iter().sum();
    let exact: Vec<f64> = weights.iter().map(|w| w / total * count as f64).collect();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `count`")]
    let mut shares: Vec<usize> = exact.iter().map(|e| (e.floor() as usize).min(count)).collect();
    let mut by_remainder: Vec<usize> = (0..exact.len()).filter(|&i| weights[i] > 0.0).collect();
    by_remainder.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()).then(a.cmp(&b)));
    let mut left = count.saturating_sub(shares.iter().sum());
    for &operation in by_remainder.iter().cycle() {
        if left == 0 {
            break;
        }
        shares[operation] += 1;
        left -= 1;
    }
    shares
}

/// Kinds of so many operations: each its exact share, in an order shuffled by the seed.
fn shuffled(count: usize, weights: &[f64], seed: u64) -> Vec<u16> {
    let mut operations = Vec::with_capacity(count);
    for (operation, share) in (0_u16..).zip(shares(count, weights)) {
        operations.extend(std::iter::repeat_n(operation, share));
    }
    Generator::new(seed, Stream::Order).shuffle(&mut operations);
    operations
}

/// Sorted uniforms between 0 and 1: the arrivals of a Poisson process, given their number.
fn uniforms(count: usize, seed: u64) -> Vec<f64> {
    let mut generator = Generator::new(seed, Stream::Arrivals);
    let mut sum = 0.0;
    let sums: Vec<f64> = (0..count)
        .map(|_| {
            sum += generator.exponential();
            sum
        })
        .collect();
    let total = sum + generator.exponential();
    sums.into_iter().map(|sum| sum / total).collect()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; the cast saturates")]
fn nanoseconds(ns: f64) -> u64 {
    ns.round() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_schedule_never_changes_with_versions_or_platforms() {
        // Whoever changes these makes old and new runs incomparable: raise the scenario versions then.
        let hash = |arrivals| Schedule::new(arrivals, 1200.0, 2000, &[90.0, 9.0, 1.0], 42).hash();
        let hashes = [Arrivals::Poisson, Arrivals::Constant, Arrivals::Closed].map(hash);
        assert_eq!(hashes, ["a50e5c90888bc811", "e6e88f970fe7db81", "80c071748b3cb585"]);
    }

    #[test]
    fn rare_operations_get_their_exact_share() {
        assert_eq!(shares(2000, &[97.0, 2.0, 1.0]), [1940, 40, 20]);
        assert_eq!(shares(10, &[1.0, 1.0, 1.0]), [4, 3, 3]);
        assert_eq!(shares(5, &[0.0, f64::NAN, -1.0]), [5]);
        assert_eq!(shares(3, &[0.0, 2.0]), [0, 3]);
        assert_eq!(shares(0, &[1.0, 2.0]), [0, 0]);
    }

    #[test]
    fn constant_gaps_are_equal_and_the_first_is_at_zero() {
        let schedule = Schedule::new(Arrivals::Constant, 1000.0, 4, &[1.0], 1);
        assert_eq!(schedule.offsets_ns, [0, 1_000_000, 2_000_000, 3_000_000]);
        assert_eq!(schedule.duration_ns, 4_000_000);
    }

    #[test]
    fn poisson_gaps_vary_like_exponentials_and_keep_the_rate() {
        let schedule = Schedule::new(Arrivals::Poisson, 1000.0, 20_000, &[1.0], 3);
        let gaps: Vec<f64> = schedule.offsets_ns.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let deviation = (gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!((mean / 1e6 - 1.0).abs() < 0.005, "mean gap {mean} ns");
        assert!((deviation / mean - 1.0).abs() < 0.03, "coefficient of variation {}", deviation / mean);
    }

    #[test]
    fn the_mix_does_not_move_the_arrivals() {
        let one = Schedule::new(Arrivals::Poisson, 100.0, 500, &[1.0], 5);
        let two = Schedule::new(Arrivals::Poisson, 100.0, 500, &[1.0, 3.0], 5);
        assert_eq!(one.offsets_ns, two.offsets_ns);
        assert_ne!(one.hash(), two.hash());
    }

    #[test]
    fn rates_that_are_none_mean_at_once() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Schedule::new(Arrivals::Poisson, rate, 3, &[1.0], 1).offsets_ns, [0, 0, 0], "{rate}");
        }
    }

    fn stage(from: f64, to: f64, seconds: f64) -> Stage {
        Stage { from, to, span: std::time::Duration::from_secs_f64(seconds) }
    }

    fn trace(scale: f64, at_us: &[u64]) -> Trace {
        let arrivals = at_us.iter().map(|&at_us| scenarios::spec::Arrival { at_us, operation: (at_us % 3) as u16 });
        Trace { file: String::new(), scale, arrivals: arrivals.collect() }
    }

    #[test]
    fn shaped_schedules_never_change_with_versions_or_platforms() {
        let stages = [stage(200.0, 200.0, 1.0), stage(200.0, 800.0, 2.0)];
        let burst = Some(Burst { size: 50, every: std::time::Duration::from_millis(700) });
        let staged = |arrivals| Schedule::staged(arrivals, &stages, burst, &[9.0, 1.0], 42);
        assert_eq!(staged(Arrivals::Poisson).len(), 1200 + 5 * 50);
        let recorded = Schedule::recorded(&trace(1.5, &[0, 10, 10, 400, 9000]), 42);
        let hashes = [staged(Arrivals::Poisson), staged(Arrivals::Constant), recorded].map(|s| s.hash());
        assert_eq!(hashes, ["bf15b7d900277086", "c88e3933b24aaac7", "ce2cce1faad407cb"]);
    }

    #[test]
    fn bursts_come_together_at_their_times() {
        let burst = Burst { size: 4, every: std::time::Duration::from_millis(400) };
        let schedule = Schedule::staged(Arrivals::Constant, &[stage(1.0, 1.0, 1.0)], Some(burst), &[1.0], 1);
        let at_ms: Vec<u64> = schedule.offsets_ns.iter().map(|ns| ns / 1_000_000).collect();
        assert_eq!(at_ms, [0, 0, 0, 0, 0, 400, 400, 400, 400, 800, 800, 800, 800]);
        assert_eq!(schedule.duration_ns, 1_000_000_000);
    }

    #[test]
    fn a_trace_is_replayed_as_it_was() {
        let schedule = Schedule::recorded(&trace(1.0, &[0, 7, 7, 3000]), 5);
        assert_eq!(schedule.offsets_ns, [0, 7_000, 7_000, 3_000_000]);
        assert_eq!(schedule.operations, [0, 1, 1, 0]);
        assert_eq!(schedule, Schedule::recorded(&trace(1.0, &[0, 7, 7, 3000]), 6));
    }

    proptest! {
        #[test]
        fn a_scaled_trace_has_so_many_on_average_and_none_out_of_place(seed: u64, scale in 0.1_f64..4.0) {
            let at_us: Vec<u64> = (0..2000).map(|i| i * 37 % 5 + i * 100).collect();
            let schedule = Schedule::recorded(&trace(scale, &at_us), seed);
            prop_assert!(schedule.offsets_ns.is_sorted());
            prop_assert!(schedule.offsets_ns.last().is_none_or(|&last| last <= schedule.duration_ns));
            // Five standard deviations of a sum of 2,000 draws.
            prop_assert!((schedule.len() as f64 - 2000.0 * scale).abs() < 5.0 * 2000.0_f64.sqrt() / 2.0 + 1.0);
            prop_assert_eq!(&schedule, &Schedule::recorded(&trace(scale, &at_us), seed));
        }

        #[test]
        fn staged_schedules_hold_the_integral_of_their_rate(
            rates in prop::collection::vec((0.0_f64..2000.0, 1.0_f64..2000.0, 0.05_f64..1.0), 1..5),
            seed: u64, constant: bool,
        ) {
            let stages: Vec<Stage> = rates.iter().map(|(from, to, seconds)| stage(*from, *to, *seconds)).collect();
            let arrivals = if constant { Arrivals::Constant } else { Arrivals::Poisson };
            let schedule = Schedule::staged(arrivals, &stages, None, &[3.0, 1.0], seed);
            let due: f64 = stages.iter().map(Stage::operations).sum();
            prop_assert_eq!(schedule.len() as f64, due.round());
            prop_assert!(schedule.offsets_ns.is_sorted());
            prop_assert!(schedule.offsets_ns.last().is_none_or(|&last| last <= schedule.duration_ns));
            prop_assert_eq!(&schedule, &Schedule::staged(arrivals, &stages, None, &[3.0, 1.0], seed));
            // What is due in each stage: exactly for equal parts, within six standard deviations for Poisson.
            let (mut begin_ns, mut room) = (0, 1.5);
            for stage in &stages {
                let end_ns = begin_ns + stage.span.as_nanos() as u64;
                let within = schedule.offsets_ns.iter().filter(|ns| (begin_ns..end_ns).contains(*ns)).count() as f64;
                if !constant {
                    room = 6.0 * stage.operations().sqrt() + 6.0;
                }
                prop_assert!((within - stage.operations()).abs() <= room, "{within} of {}", stage.operations());
                begin_ns = end_ns;
            }
        }

        #[test]
        fn schedules_are_sorted_complete_and_repeatable(
            seed: u64, count in 0_usize..2000, rate in 0.1_f64..1e6,
            weights in prop::collection::vec(0.001_f64..100.0, 1..6), constant: bool,
        ) {
            let arrivals = if constant { Arrivals::Constant } else { Arrivals::Poisson };
            let schedule = Schedule::new(arrivals, rate, count, &weights, seed);
            prop_assert_eq!(&schedule, &Schedule::new(arrivals, rate, count, &weights, seed));
            prop_assert_eq!(schedule.len(), count);
            prop_assert_eq!(schedule.operations.len(), count);
            prop_assert!(schedule.offsets_ns.is_sorted());
            prop_assert!(schedule.offsets_ns.last().is_none_or(|&last| last <= schedule.duration_ns));
            for (operation, share) in shares(count, &weights).into_iter().enumerate() {
                let scheduled = schedule.operations.iter().filter(|&&o| usize::from(o) == operation).count();
                prop_assert_eq!(scheduled, share);
                let exact = weights[operation] / weights.iter().sum::<f64>() * count as f64;
                prop_assert!((share as f64 - exact).abs() < 1.0 + 1e-6);
            }
        }

        #[test]
        fn another_seed_gives_another_schedule(seed: u64) {
            let hash = |seed| Schedule::new(Arrivals::Poisson, 1000.0, 50, &[1.0, 1.0], seed).hash();
            prop_assert_ne!(hash(seed), hash(seed.wrapping_add(1)));
        }
    }
}
