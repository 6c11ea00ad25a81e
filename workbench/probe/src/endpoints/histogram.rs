//! A histogram of durations, as Go's `runtime/metrics` and Prometheus have them.

/// Counts by duration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram {
    /// Ends of the buckets, seconds, rising: bucket *i* is from end *i* to end *i* + 1, so there is one more than there
    /// are counts. The first is 0, the last infinite.
    pub(super) ends: Vec<f64>,
    /// Durations in each bucket.
    pub(super) counts: Vec<u64>,
}

impl Histogram {
    /// All durations.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// An estimate of their sum, seconds: each as long as the middle of its bucket, those in the last as long as its
    /// beginning.
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn sum(&self) -> f64 {
        let middle = |ends: &[f64]| if ends[1].is_finite() { f64::midpoint(ends[0], ends[1]) } else { ends[0] };
        self.ends.windows(2).map(middle).zip(&self.counts).map(|(middle, count)| middle * *count as f64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_takes_the_middles_of_buckets() {
        let histogram = Histogram { ends: vec![0.0, 0.5, 1.5, f64::INFINITY], counts: vec![4, 2, 1] };
        assert_eq!((histogram.count(), histogram.sum()), (7, 1.0 + 2.0 + 1.5));
    }
}
