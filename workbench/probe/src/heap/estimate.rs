//! What one sampled block stands for.

/// Fraction bits of a number of blocks: sums of one sample's weight must cancel exactly when it is freed, which sums
/// of floating point do not.
const FRACTION_BITS: u32 = 16;

/// A sampled block's share of the totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    /// Blocks, in units of 2^−16.
    pub(super) objects: u64,
    /// Bytes.
    pub(super) bytes: u64,
}

/// The reciprocal of a block's chance to be sampled: 1/(1 − e^(−`size`/`rate`)). The same arguments give the same bits.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "rounding")]
pub(super) fn weight(size: usize, rate: u64) -> Weight {
    // Zero bytes are never sampled, and a rate of zero is refused.
    let (size, rate) = (size.max(1) as f64, rate.max(1) as f64);
    let blocks = -1.0 / (-size / rate).exp_m1();
    let unit = f64::from(1_u32 << FRACTION_BITS);
    Weight { objects: (blocks * unit).round() as u64, bytes: (blocks * size).round() as u64 }
}

/// Whole blocks of a sum of [`Weight::objects`], rounded.
pub(super) fn whole(objects: u64) -> u64 {
    objects.saturating_add(1 << (FRACTION_BITS - 1)) >> FRACTION_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_blocks_stand_for_themselves_and_small_ones_for_the_rate() {
        let rate = 512 << 10;
        let large = weight(64 << 20, rate);
        assert_eq!((whole(large.objects), large.bytes), (1, 64 << 20));
        let small = weight(64, rate);
        // For s ≪ rate: rate/s + 1/2 blocks.
        assert_eq!((whole(small.objects), small.bytes), (8193, rate + 32));
        let even = weight(rate as usize, rate);
        // 1/(1 − 1/e) = 1.58198
        assert_eq!((whole(even.objects), even.bytes), (2, 829_411));
        assert_eq!(even, weight(rate as usize, rate));
    }

    #[test]
    fn extremes_are_survived() {
        for size in [0, 1, usize::MAX >> 1] {
            for rate in [0, 1, u64::MAX] {
                let weight = weight(size, rate);
                assert!(weight.objects > 0 && weight.bytes > 0, "{size} {rate}");
            }
        }
    }
}
