//! Randomness that is the same on every platform and with every version of every crate.
//!
//! A seed must give the same schedule next year: two runs are comparable only if they did the same work. So the
//! bit stream is ChaCha8 (fixed by its definition), and everything made of it is spelt out here, with nothing but
//! the arithmetic that IEEE 754 defines exactly; `f64::ln` differs between C libraries.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Purposes that must not share a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Stream {
    /// Gaps between arrivals.
    Arrivals = 1,
    /// Order of the operations.
    Order = 2,
}

/// A generator for one purpose.
pub(super) struct Generator(ChaCha8Rng);

impl Generator {
    /// Expands the seed with SplitMix64 rather than `seed_from_u64`, whose expansion may change.
    pub(super) fn new(seed: u64, stream: Stream) -> Self {
        let mut key = [0; 32];
        for (position, word) in (0_u64..).zip(key.chunks_exact_mut(8)) {
            word.copy_from_slice(&mixed(seed, position).to_le_bytes());
        }
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream as u64);
        Self(rng)
    }

    /// Exponentially distributed, mean 1, by inverting the distribution function at a uniform in `(0, 1]`.
    pub(super) fn exponential(&mut self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let uniform = ((self.0.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        -ln(uniform)
    }

    /// Uniform in `[0, 1)`.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub(super) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Fisher–Yates.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(below(self.0.next_u64(), last as u64 + 1));
            items.swap(last, other.expect("below `last + 1`, which is a usize"));
        }
    }
}

/// Output number `position` of SplitMix64 started at `seed` (Steele, Lea and Flood 2014): random access.
pub(super) fn mixed(seed: u64, position: u64) -> u64 {
    let mut z = seed.wrapping_add(position.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Seed of one operation: equal for every variant, different for every operation.
pub(super) fn call_seed(seed: u64, sequence: u64) -> u64 {
    mixed(mixed(seed, 0x6361_6c6c), sequence)
}

/// Scales 64 random bits to `0..limit`. Off from uniform by at most `limit` in 2^64.
pub(super) fn below(bits: u64, limit: u64) -> u64 {
    let scaled = (u128::from(bits) * u128::from(limit)) >> 64;
    u64::try_from(scaled).expect("less than `limit`, which is a u64")
}

/// Natural logarithm of a positive, normal number, by `2·artanh((m-1)/(m+1))` on `m` in `[√½, √2)`; the series is
/// cut where its terms fall below 2^-53.
fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    #[allow(clippy::cast_possible_wrap, clippy::cast_precision_loss, reason = "an exponent has 11 bits")]
    let mut exponent = ((bits >> 52) as i64 - 1023) as f64;
    let mut m = f64::from_bits((bits & MANTISSA) | (1023 << 52));
    if m >= std::f64::consts::SQRT_2 {
        m /= 2.0;
        exponent += 1.0;
    }
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for odd in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * square + 1.0 / odd;
    }
    exponent * std::f64::consts::LN_2 + 2.0 * s * sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn splitmix_matches_its_published_outputs() {
        // The first outputs for seed 1234567, as in the reference implementation's test vectors.
        let first: Vec<u64> = (0..3).map(|position| mixed(1_234_567, position)).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn exponentials_have_mean_and_deviation_one() {
        let mut generator = Generator::new(7, Stream::Arrivals);
        let n = 200_000;
        let drawn: Vec<f64> = (0..n).map(|_| generator.exponential()).collect();
        let mean = drawn.iter().sum::<f64>() / f64::from(n);
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!((mean - 1.0).abs() < 0.01 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn streams_differ() {
        let draw = |stream| Generator::new(1, stream).0.next_u64();
        assert_ne!(draw(Stream::Arrivals), draw(Stream::Order));
    }

    proptest! {
        #[test]
        fn ln_agrees_with_the_standard_library(x in 1e-17_f64..1e17) {
            let (ours, theirs) = (ln(x), x.ln());
            prop_assert!((ours - theirs).abs() <= 1e-14 * theirs.abs().max(1.0), "{ours} {theirs}");
        }

        #[test]
        fn scaled_bits_stay_below_the_limit(bits: u64, limit in 1_u64..) {
            prop_assert!(below(bits, limit) < limit);
        }

        #[test]
        fn a_shuffle_keeps_every_item(seed: u64, length in 0_usize..200) {
            let mut items: Vec<usize> = (0..length).collect();
            Generator::new(seed, Stream::Order).shuffle(&mut items);
            items.sort_unstable();
            prop_assert_eq!(items, (0..length).collect::<Vec<_>>());
        }
    }
}
