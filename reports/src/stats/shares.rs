//! How much larger one share is than another, where what is counted comes in clusters.

use super::student::t_quantile;

/// Quantile of the standard normal distribution that leaves 2.5 % beyond it.
const Z: f64 = 1.959_963_984_540_054;

/// A share in two groups: counts by cluster of each.
#[derive(Debug, Clone, Copy)]
pub struct Shares<'a> {
    /// By group and cluster: what has the property.
    pub having: [&'a [u64]; 2],
    /// By group and cluster: everything.
    pub all: [&'a [u64]; 2],
}

/// The first group's share ÷ the second's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareRatio {
    /// `None` where nothing of the second group has the property.
    pub ratio: Option<f64>,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end; `None` where the ratio is.
    pub high: Option<f64>,
}

/// The ratio of two shares with a 95 % interval; `None` where a group is empty, or the first has one cluster only: what is
/// seen once cannot tell how it varies.
///
/// Half a count is added to each sum (Walter, Biometrika 62, 1975), so that a share of zero has an interval. The variance of
/// each log share is that of a ratio estimator over clusters (Cochran, Sampling Techniques, 3rd ed., 6.3) with Student's t,
/// for samples of one stall are not independent of each other and clusters may be few, and no less than the binomial one.
pub fn share_ratio(shares: &Shares<'_>) -> Option<ShareRatio> {
    let sum = |counts: &[u64]| counts.iter().sum::<u64>();
    if shares.all[0].iter().filter(|all| **all > 0).count() < 2 || shares.all.iter().any(|all| sum(all) == 0) {
        return None;
    }
    let [first, second] = [0, 1].map(|group| LogShare::of(shares.having[group], shares.all[group]));
    let half = first.half.hypot(second.half);
    let middle = first.log - second.log;
    let seen = sum(shares.having[1]) > 0;
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    let share = |group: usize| sum(shares.having[group]) as f64 / sum(shares.all[group]) as f64;
    Some(ShareRatio {
        ratio: seen.then(|| share(0) / share(1)),
        low: (middle - half).exp(),
        high: seen.then(|| (middle + half).exp()),
    })
}

/// Logarithm of a share, half a count added.
struct LogShare {
    log: f64,
    /// Half of its 95 % interval.
    half: f64,
}

impl LogShare {
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    fn of(having: &[u64], all: &[u64]) -> Self {
        let (sum, total) = (having.iter().sum::<u64>() as f64 + 0.5, all.iter().sum::<u64>() as f64 + 0.5);
        let share = sum / total;
        let binomial = (1.0 / sum - 1.0 / total).max(0.0);
        let clusters = all.iter().filter(|all| **all > 0).count() as f64;
        let spread: f64 =
            having.iter().zip(all).map(|(having, all)| (*having as f64 - share * *all as f64).powi(2)).sum();
        // What was never seen does not vary.
        let seen = having.iter().any(|having| *having > 0);
        let between = if clusters > 1.0 && seen { clusters / (clusters - 1.0) * spread / (sum * sum) } else { 0.0 };
        let t = if clusters > 1.0 { t_quantile(clusters - 1.0, 0.025) } else { 0.0 };
        Self { log: share.ln(), half: (t * between.sqrt()).max(Z * binomial.sqrt()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(within: &[(u64, u64)], outside: &[(u64, u64)]) -> Option<ShareRatio> {
        let split = |all: &[(u64, u64)]| -> (Vec<u64>, Vec<u64>) { all.iter().copied().unzip() };
        let ((a, all_a), (b, all_b)) = (split(within), split(outside));
        share_ratio(&Shares { having: [&a, &b], all: [&all_a, &all_b] })
    }

    #[test]
    fn equal_shares_are_not_told_apart_and_different_ones_are() {
        let same = ratio(&[(5, 10), (6, 10), (4, 10)], &[(50, 100), (48, 100), (52, 100)]).unwrap();
        assert!(same.low < 1.0 && same.high.unwrap() > 1.0, "{same:?}");
        let stall = ratio(&[(20, 22), (19, 20), (25, 25)], &[(1, 100), (0, 100), (2, 100)]).unwrap();
        assert!(stall.low > 5.0 && (stall.ratio.unwrap() - 95.5).abs() < 1.0, "{stall:?}");
    }

    #[test]
    fn what_is_seen_in_one_cluster_only_is_not_sure() {
        // The same sums: spread over the windows, and all in one of them.
        let spread = ratio(&[(10, 20); 4], &[(5, 100); 4]).unwrap();
        let lumped = ratio(&[(20, 20), (20, 20), (0, 20), (0, 20)], &[(5, 100); 4]).unwrap();
        assert!(lumped.low < spread.low && lumped.ratio == spread.ratio, "{lumped:?} {spread:?}");
        assert_eq!(ratio(&[(20, 20)], &[(5, 100); 4]), None);
        assert_eq!(ratio(&[(20, 20), (0, 0)], &[(5, 100); 4]), None);
        assert_eq!(ratio(&[(20, 20), (3, 4)], &[]), None);
    }

    #[test]
    fn what_the_rest_does_not_have_has_no_upper_end() {
        let never = ratio(&[(9, 10), (8, 10)], &[(0, 100), (0, 90)]).unwrap();
        assert_eq!((never.ratio, never.high), (None, None));
        assert!(never.low > 10.0, "{never:?}");
    }

    proptest::proptest! {
        #[test]
        fn intervals_hold_their_ratio(
            within in proptest::collection::vec((1_u64..50, 50_u64..80), 2..6),
            outside in proptest::collection::vec((1_u64..50, 50_u64..80), 2..6),
        ) {
            let found = ratio(&within, &outside).unwrap();
            let (ratio, high) = (found.ratio.unwrap(), found.high.unwrap());
            // Half a count moves the middle a little.
            proptest::prop_assert!(found.low < ratio * 1.05 && ratio < high * 1.05, "{:?}", found);
        }
    }
}
