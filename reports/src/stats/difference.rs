//! The mean difference of few pairs.

use super::student::{t_quantile, t_two_sided};

/// Mean of candidate − base with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanDifference {
    /// Mean, in the unit of the values.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Two-sided p that there is no difference.
    pub p: f64,
}

/// The mean difference of pairs by Student's t; `None` of fewer than two pairs, or of lists that are not equally long.
///
/// For exploring what moved, where three to six pairs must do: a signed-rank test could show nothing with fewer than six.
/// `noise` is the standard error that the counting alone leaves (Poisson), below which chance agreement of a few trials must
/// not take the error.
pub fn mean_difference(base: &[f64], candidate: &[f64], noise: f64) -> Option<MeanDifference> {
    if base.len() != candidate.len() || base.len() < 2 {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "a handful of pairs")]
    let pairs = base.len() as f64;
    let differences: Vec<f64> = base.iter().zip(candidate).map(|(base, candidate)| candidate - base).collect();
    let mean = differences.iter().sum::<f64>() / pairs;
    let variance = differences.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / (pairs - 1.0);
    let error = (variance / pairs).sqrt().max(noise);
    if error <= 0.0 {
        return Some(MeanDifference { mean, low: mean, high: mean, p: if mean == 0.0 { 1.0 } else { 0.0 } });
    }
    let freedom = pairs - 1.0;
    let half = t_quantile(freedom, 0.025) * error;
    Some(MeanDifference { mean, low: mean - half, high: mean + half, p: t_two_sided(mean / error, freedom) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_r_t_test() {
        // R: t.test(c(11, 12.5, 13), c(10, 11, 12), paired = TRUE)
        let found = mean_difference(&[10.0, 11.0, 12.0], &[11.0, 12.5, 13.0], 0.0).unwrap();
        assert!((found.mean - 1.166_667).abs() < 1e-5, "{found:?}");
        assert!((found.low - 0.449_558).abs() < 1e-4 && (found.high - 1.883_775).abs() < 1e-4, "{found:?}");
        assert!((found.p - 0.019_804).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn few_pairs_that_agree_by_chance_are_not_sure() {
        let agree = |noise| mean_difference(&[1.0, 1.0, 1.0], &[2.0, 2.0, 2.0], noise).unwrap();
        assert_eq!((agree(0.0).p, agree(0.0).low), (0.0, 1.0));
        assert!(agree(1.0).p > 0.3 && agree(1.0).low < 0.0);
        assert_eq!(mean_difference(&[1.0], &[2.0], 0.0), None);
        assert_eq!(mean_difference(&[1.0, 2.0], &[2.0], 0.0), None);
        assert_eq!(mean_difference(&[0.0, 0.0], &[0.0, 0.0], 0.0).unwrap().p, 1.0);
    }
}
