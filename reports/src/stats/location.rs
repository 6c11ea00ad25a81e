//! Hodges–Lehmann estimate and the interval that inverts the signed-rank test (Hollander and Wolfe 1973, §3.2 and 3.3).

use super::signed_rank::critical;

/// Median of the Walsh averages (the means of all pairs, each value with itself too). `None` for no differences or one
/// that is not finite.
pub fn hodges_lehmann(differences: &[f64]) -> Option<f64> {
    let averages = Walsh::of(differences)?;
    let middle = averages.count().checked_sub(1)?;
    Some(averages.at(middle / 2)?.midpoint(averages.at(middle.div_ceil(2))?))
}

/// Interval of the centre of symmetry at confidence `level` (0.95): every centre that the two-sided test would not
/// reject. Its true level is at least `level` (exact up to [`super::EXACT`] differences).
///
/// `None` where the differences are too few for the level (fewer than 6 at 95 %, fewer than 5 at 90 %), or one is not
/// finite, or the level is not between 0 and 1.
pub fn interval(differences: &[f64], level: f64) -> Option<(f64, f64)> {
    if !(0.0 < level && level < 1.0) {
        return None;
    }
    let averages = Walsh::of(differences)?;
    let rejected = critical(differences.len(), 1.0 - level)?;
    Some((averages.at(rejected)?, averages.at(averages.count().checked_sub(rejected + 1)?)?))
}

/// Two one-sided tests: true where the `1 − 2·alpha` interval lies within ±`margin`, so that a true centre beyond it
/// would have been this close with probability at most `alpha`. False where there are too few differences to tell.
pub fn equivalent(differences: &[f64], margin: f64, alpha: f64) -> bool {
    interval(differences, 1.0 - 2.0 * alpha).is_some_and(|(low, high)| -margin <= low && high <= margin)
}

/// The Walsh averages of some values, of which there are too many to write down where a file holds thousands of pairs.
struct Walsh {
    /// Rising.
    values: Vec<f64>,
}

impl Walsh {
    /// `None` where a value is not finite.
    fn of(values: &[f64]) -> Option<Self> {
        if values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        Some(Self { values })
    }

    fn count(&self) -> usize {
        self.values.len() * (self.values.len() + 1) / 2
    }

    /// The average that `rank` others come before: by halving the floating-point numbers between the least and the largest
    /// until one of them is the least with enough averages up to it, which is then itself an average.
    fn at(&self, rank: usize) -> Option<f64> {
        if rank >= self.count() {
            return None;
        }
        let (mut low, mut high) = (ordered(*self.values.first()?), ordered(*self.values.last()?));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.up_to(unordered(middle)) > rank { high = middle } else { low = middle + 1 }
        }
        // Not −0, which would be printed as such.
        Some(unordered(low) + 0.0)
    }

    /// Averages of at most `limit`: the larger partner moves down as the smaller moves up.
    fn up_to(&self, limit: f64) -> usize {
        let (mut count, mut end) = (0, self.values.len());
        for (start, smaller) in self.values.iter().enumerate() {
            while end > start && smaller.midpoint(self.values[end - 1]) > limit {
                end -= 1;
            }
            if end <= start {
                break;
            }
            count += end - start;
        }
        count
    }
}

/// A finite number's place among all of them: whole numbers in the order of [`f64::total_cmp`].
fn ordered(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn unordered(place: u64) -> f64 {
    f64::from_bits(if place >> 63 == 1 { place & !(1 << 63) } else { !place })
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

    /// Against all averages written down and sorted; with ties, zeros of both signs and both ends of the scale.
    #[test]
    fn averages_are_found_without_writing_them_down() {
        let written = |values: &[f64]| {
            let mut all = Vec::new();
            for (position, first) in values.iter().enumerate() {
                all.extend(values[position..].iter().map(|second| first.midpoint(*second)));
            }
            all.sort_by(f64::total_cmp);
            all
        };
        let scattered: Vec<f64> = (0..41).map(|i| f64::from(i * 17 % 41) / 7.0 - 3.0).collect();
        let tied: Vec<f64> = (0..20).map(|i| f64::from(i % 3) - 1.0).collect();
        for values in [scattered, tied, vec![0.0, -0.0, 1e-310, -1e300, 1e300], vec![-2.0], vec![]] {
            let (found, all) = (Walsh::of(&values).unwrap(), written(&values));
            assert_eq!(found.count(), all.len());
            for (rank, average) in all.iter().enumerate() {
                assert_eq!(found.at(rank).unwrap(), *average, "{rank} of {values:?}");
            }
            assert_eq!(found.at(all.len()), None);
        }
    }

    /// Twelve thousand pairs have 72 million averages.
    #[test]
    fn many_differences_take_little() {
        let many: Vec<f64> = (0..12_000).map(|i| f64::from(i * 7_919 % 12_000) / 12_000.0).collect();
        assert!((hodges_lehmann(&many).unwrap() - 0.499_958).abs() < 1e-5);
        let (low, high) = interval(&many, 0.95).unwrap();
        assert!(low > 0.49 && high < 0.51, "{low} {high}");
    }

    #[test]
    fn no_estimate_without_values() {
        assert_eq!(hodges_lehmann(&[]), None);
        assert_eq!(hodges_lehmann(&[1.0, f64::NAN]), None);
        assert_eq!(hodges_lehmann(&[3.0]), Some(3.0));
    }
}
