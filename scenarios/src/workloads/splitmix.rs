//! A tiny seeded generator, so that the work of an operation is a pure function of its seed.

use std::ops::RangeInclusive;

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
///
/// Written out here because its sequence must never change with a dependency: results recorded
/// by one version are compared with those of the next. A draw costs about a nanosecond, so the
/// generator does not show up beside the work that it shapes.
#[derive(Debug, Clone)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A value of the range by multiply-shift; the bias is below `width / 2^64`.
    ///
    /// An empty range yields its start. Ranges are sizes in bytes or counts, far from `usize::MAX`.
    pub(crate) fn within(&mut self, range: &RangeInclusive<usize>) -> usize {
        let width = (range.end().saturating_sub(*range.start()) as u128).saturating_add(1);
        let offset = (u128::from(self.next()) * width) >> 64;
        range.start() + offset as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_outputs_are_the_published_ones_for_seed_1234567() {
        let mut random = SplitMix::new(1_234_567);
        let got: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(got, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_reach_both_ends_of_a_range_and_never_leave_it() {
        let mut random = SplitMix::new(7);
        let draws: Vec<usize> = (0..200).map(|_| random.within(&(3..=6))).collect();
        assert!(draws.iter().all(|d| (3..=6).contains(d)));
        assert!((3..=6).all(|value| draws.contains(&value)));
        assert_eq!(random.within(&(9..=9)), 9);
    }
}
