//! Student's t distribution.

use super::binomial::beta;

/// Two-sided p of `t` with `freedom` degrees of freedom (Abramowitz and Stegun 26.7.1); 1 where either is no number.
pub fn t_two_sided(t: f64, freedom: f64) -> f64 {
    if t.is_nan() || freedom.is_nan() || freedom <= 0.0 {
        return 1.0;
    }
    if t.is_infinite() {
        return 0.0;
    }
    beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The t beyond which `tail` lies on either side, by bisection; infinite for no tail at all.
pub(super) fn t_quantile(freedom: f64, tail: f64) -> f64 {
    if tail <= 0.0 {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (0.0, 1.0);
    // One degree of freedom has tails of 1 / (π t).
    while t_two_sided(high, freedom) > 2.0 * tail && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if t_two_sided(middle, freedom) > 2.0 * tail { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::{t_quantile, t_two_sided};

    /// The usual table: two-sided .05 and .01.
    #[test]
    fn published_quantiles() {
        for (t, freedom, p) in [(12.706, 1.0, 0.05), (2.228, 10.0, 0.05), (3.169, 10.0, 0.01), (2.042, 30.0, 0.05)] {
            assert!((t_two_sided(t, freedom) - p).abs() < 1e-4, "{t} {freedom}");
            assert_eq!(t_two_sided(-t, freedom), t_two_sided(t, freedom));
            assert!((t_quantile(freedom, p / 2.0) / t - 1.0).abs() < 1e-3, "{t} {freedom}");
        }
        assert!((t_two_sided(0.0, 5.0) - 1.0).abs() < 1e-12);
        assert_eq!((t_two_sided(f64::NAN, 5.0), t_two_sided(f64::INFINITY, 5.0)), (1.0, 0.0));
    }
}
