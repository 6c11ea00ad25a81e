//! Hodges–Lehmann estimate and the interval that inverts the signed-rank test (Hollander and Wolfe 1973, §3.2 and 3.3).

use super::signed_rank::critical;
use super::spread::median;

/// Median of the Walsh averages (the means of all pairs, each value with itself too). `None` for no differences or one
/// that is not finite.
pub fn hodges_lehmann(differences: &[f64]) -> Option<f64> {
    if differences.iter().any(|difference| !difference.is_finite()) {
        return None;
    }
    median(&walsh(differences))
}

/// Interval of the centre of symmetry at confidence `level` (0.95): every centre that the two-sided test would not
/// reject. Its true level is at least `level` (exact up to [`super::EXACT`] differences).
///
/// `None` where the differences are too few for the level (fewer than 6 at 95 %, fewer than 5 at 90 %), or one is not
/// finite, or the level is not between 0 and 1.
pub fn interval(differences: &[f64], level: f64) -> Option<(f64, f64)> {
    if !(0.0 < level && level < 1.0) || differences.iter().any(|difference| !difference.is_finite()) {
        return None;
    }
    let rejected = critical(differences.len(), 1.0 - level)?;
    let averages = walsh(differences);
    Some((*averages.get(rejected)?, *averages.get(averages.len().checked_sub(rejected + 1)?)?))
}

/// Two one-sided tests: true where the `1 − 2·alpha` interval lies within ±`margin`, so that a true centre beyond it
/// would have been this close with probability at most `alpha`. False where there are too few differences to tell.
pub fn equivalent(differences: &[f64], margin: f64, alpha: f64) -> bool {
    interval(differences, 1.0 - 2.0 * alpha).is_some_and(|(low, high)| -margin <= low && high <= margin)
}

fn walsh(differences: &[f64]) -> Vec<f64> {
    let mut averages = Vec::with_capacity(differences.len() * (differences.len() + 1) / 2);
    for (position, first) in differences.iter().enumerate() {
        averages.extend(differences[position..].iter().map(|second| first.midpoint(*second)));
    }
    averages.sort_by(f64::total_cmp);
    averages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::approx_constant, reason = "a rating of 3.14, not π")]
    fn depression() -> Vec<f64> {
        let first = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        first.iter().zip(second).map(|(x, y)| x - y).collect()
    }

    /// Hollander and Wolfe 1973, examples 3.3 and 3.4: estimate 0.46, the 96.1 % interval (0.010, 0.786).
    #[test]
    fn depression_scale() {
        let estimate = hodges_lehmann(&depression()).unwrap();
        assert!((estimate - 0.46).abs() < 1e-9, "{estimate}");
        let (low, high) = interval(&depression(), 0.95).unwrap();
        assert!((low - 0.010).abs() < 1e-9 && (high - 0.786).abs() < 1e-9, "{low} {high}");
        assert_eq!(interval(&depression(), 0.9609), Some((low, high)));
        assert_eq!(interval(&depression(), 0.999), None);
    }

    #[test]
    fn too_few_for_the_level() {
        let five = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(interval(&five, 0.95), None);
        assert_eq!(interval(&five, 0.90), Some((1.0, 5.0)));
        assert_eq!(interval(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.95), Some((1.0, 6.0)));
        assert_eq!(interval(&[], 0.5), None);
    }

    #[test]
    fn equivalence_needs_closeness_and_pairs() {
        let tight = [0.01, -0.01, 0.005, -0.002, 0.0, 0.008, -0.006, 0.003];
        assert!(equivalent(&tight, 0.02, 0.05));
        assert!(!equivalent(&tight, 0.001, 0.05));
        assert!(!equivalent(&tight[..4], 0.02, 0.05), "four pairs show nothing");
        let shifted: Vec<f64> = tight.iter().map(|value| value + 0.03).collect();
        assert!(!equivalent(&shifted, 0.02, 0.05));
    }

    #[test]
    fn no_estimate_without_values() {
        assert_eq!(hodges_lehmann(&[]), None);
        assert_eq!(hodges_lehmann(&[1.0, f64::NAN]), None);
        assert_eq!(hodges_lehmann(&[3.0]), Some(3.0));
    }
}
