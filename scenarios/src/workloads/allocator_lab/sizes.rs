//! How much an operation allocates, as a pure function of its seed.

use std::ops::RangeInclusive;

use crate::workloads::splitmix::SplitMix;

/// So many sizes from a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) count: usize,
    pub(super) range: RangeInclusive<usize>,
}

impl Sizes {
    /// The sizes of the call with this seed, uniform over the range.
    pub(super) fn of(&self, seed: u64) -> impl Iterator<Item = usize> {
        let mut random = SplitMix::new(seed);
        (0..self.count).map(move |_| random.within(&self.range))
    }

    /// An upper bound on their sum.
    pub(super) fn most_bytes(&self) -> usize {
        self.count.saturating_mul(*self.range.end())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equal_seeds_give_equal_sizes_within_the_range(seed: u64, count in 0usize..200, low in 0usize..5000, width in 0usize..5000) {
            let sizes = Sizes { count, range: low..=low + width };
            let first: Vec<usize> = sizes.of(seed).collect();
            prop_assert_eq!(&first, &sizes.clone().of(seed).collect::<Vec<_>>());
            prop_assert_eq!(first.len(), count);
            prop_assert!(first.iter().all(|size| sizes.range.contains(size)));
            prop_assert!(first.iter().sum::<usize>() <= sizes.most_bytes());
        }
    }

    #[test]
    fn sizes_never_change_between_versions() {
        let sizes = Sizes { count: 4, range: 4096..=65_536 };
        insta::assert_debug_snapshot!(sizes.of(42).collect::<Vec<_>>(), @r#"
        [
            49658,
            13921,
            21213,
            25243,
        ]
        "#);
        assert_ne!(sizes.of(1).collect::<Vec<_>>(), sizes.of(2).collect::<Vec<_>>());
    }
}
