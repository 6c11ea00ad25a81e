//! When every operation of an open-loop phase is due, and which operation it is: computed before the phase.

use scenarios::spec::Arrivals;

use super::seeded::{Generator, Stream};

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
            Arrivals::Poisson => poisson(count, duration_ns, seed),
            Arrivals::Constant => (0..count).map(|i| nanoseconds(i as f64 / count as f64 * duration_ns)).collect(),
            Arrivals::Closed => vec![0; count],
        };
        let mut operations = Vec::with_capacity(count);
        for (operation, share) in (0_u16..).zip(shares(count, weights)) {
            operations.extend(std::iter::repeat_n(operation, share));
        }
        Generator::new(seed, Stream::Order).shuffle(&mut operations);
        Self { offsets_ns, operations, duration_ns: nanoseconds(duration_ns) }
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

fn poisson(count: usize, duration_ns: f64, seed: u64) -> Vec<u64> {
    let mut generator = Generator::new(seed, Stream::Arrivals);
    let mut sum = 0.0;
    let sums: Vec<f64> = (0..count)
        .map(|_| {
            sum += generator.exponential();
            sum
        })
        .collect();
    let total = sum + generator.exponential();
    sums.into_iter().map(|sum| nanoseconds(sum / total * duration_ns)).collect()
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

    proptest! {
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
