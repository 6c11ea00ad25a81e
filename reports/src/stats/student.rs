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

#[cfg(test)]
mod tests {
    use super::t_two_sided;

    /// The usual table: two-sided .05 and .01.
    #[test]
    fn published_quantiles() {
        for (t, freedom, p) in [(12.706, 1.0, 0.05), (2.228, 10.0, 0.05), (3.169, 10.0, 0.01), (2.042, 30.0, 0.05)] {
            assert!((t_two_sided(t, freedom) - p).abs() < 1e-4, "{t} {freedom}");
            assert_eq!(t_two_sided(-t, freedom), t_two_sided(t, freedom));
        }
        assert!((t_two_sided(0.0, 5.0) - 1.0).abs() < 1e-12);
        assert_eq!((t_two_sided(f64::NAN, 5.0), t_two_sided(f64::INFINITY, 5.0)), (1.0, 0.0));
    }
}
