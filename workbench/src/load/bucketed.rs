//! A histogram that many threads fill at once, small enough to stay in cache beside a measured workload.

use std::sync::atomic::{AtomicU64, Ordering};

use hdrhistogram::Histogram;

use super::histogram;

/// Buckets of each doubling: values are kept to 1/64, 1.6 %.
const STEPS: usize = 64;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Doublings from 64 ns to 73 minutes.
const DOUBLINGS: usize = 36;

/// Counts by value, nanoseconds; 18 KiB.
#[derive(Debug)]
pub(super) struct Buckets(Box<[AtomicU64]>);

impl Buckets {
    /// Empty.
    pub(super) fn new() -> Self {
        Self((0..STEPS * (DOUBLINGS + 1)).map(|_| AtomicU64::new(0)).collect())
    }

    /// Counts one value.
    pub(super) fn record(&self, ns: u64) {
        self.0[index(ns)].fetch_add(1, Ordering::Relaxed);
    }

    /// The usual histogram; every value stands at the middle of its bucket.
    pub(super) fn to_histogram(&self) -> Histogram<u64> {
        let mut histogram = histogram::new();
        for (index, count) in self.0.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            // Recording a value no times would still move the maximum.
            if count > 0 {
                histogram.saturating_record_n(middle(index), count);
            }
        }
        histogram
    }
}

/// Up to 64 each value has a bucket; above, every doubling has 64.
#[allow(clippy::cast_possible_truncation, reason = "cut to the number of buckets")]
fn index(ns: u64) -> usize {
    let doubling = (u64::BITS - ns.leading_zeros()).saturating_sub(STEP_BITS + 1);
    let steps = (ns >> doubling) as usize;
    (steps + doubling as usize * STEPS).min(STEPS * (DOUBLINGS + 1) - 1)
}

fn middle(index: usize) -> u64 {
    let doubling = (index / STEPS).saturating_sub(1);
    let steps = (index - doubling * STEPS) as u64;
    (steps << doubling) + (1 << doubling) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_are_exact_at_the_bottom_and_saturate_at_the_top() {
        for ns in 0..128 {
            assert_eq!(middle(index(ns)), ns);
        }
        assert_eq!(index(u64::MAX), STEPS * (DOUBLINGS + 1) - 1);
    }

    proptest! {
        #[test]
        fn values_are_kept_to_one_part_in_64(ns in 0_u64..4_000_000_000_000) {
            let kept = middle(index(ns));
            prop_assert!(kept.abs_diff(ns) <= ns / 64, "{} {}", ns, kept);
        }

        #[test]
        fn larger_values_have_no_smaller_bucket(a: u64, b: u64) {
            prop_assert!(index(a.min(b)) <= index(a.max(b)));
        }

        #[test]
        fn every_value_is_counted(values in prop::collection::vec(1_000_u64..60_000_000_000, 0..100)) {
            let buckets = Buckets::new();
            values.iter().for_each(|&ns| buckets.record(ns));
            let histogram = buckets.to_histogram();
            prop_assert_eq!(histogram.len(), values.len() as u64);
            prop_assert!(values.iter().max().is_none_or(|&max| histogram.max() / 1_030 <= max / 1_000));
        }
    }
}
