//! Change points of a series by e-divisive means (Matteson and James 2014, J. Am. Stat. Assoc. 109): the split with the
//! largest energy statistic, kept where a permutation test shows it, then the same on both sides.

/// A change is shown below this p of the permutation test (design 06 §12).
const ALPHA: f64 = 0.001;
/// Permutations: the fewest whose smallest p, 1 ÷ (permutations + 1), lies below [`ALPHA`] twice over.
const PERMUTATIONS: u32 = 1999;
/// Points that must lie on either side of a change: at the edges of a series change points are mostly false (design 06 §9).
pub const EDGE: usize = 5;
/// Fewer points can show no change: of 13 in two parts, however clear, one permutation in 858 does as well.
pub const FEWEST: usize = 14;

/// A change of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Position of the first point after it.
    pub at: usize,
    /// p of the permutation test.
    pub p: f64,
    /// Median of the segment before, in the values' unit.
    pub before: f64,
    /// Median of the segment after.
    pub after: f64,
}

/// Finds the change points of `values`, in order. The same seed finds the same ones. Values must be finite; at least
/// [`FEWEST`] are needed for one change.
///
/// Quadratic in the number of values for each permutation, though a series without a change is left after a few of them:
/// hand over some hundreds.
pub fn change_points(values: &[f64], seed: u64) -> Vec<Change> {
    if values.iter().any(|value| !value.is_finite()) {
        return Vec::new();
    }
    let mut found: Vec<(usize, f64)> = Vec::new();
    let mut open: Vec<std::ops::Range<usize>> = std::iter::once(0..values.len()).collect();
    let mut random = SplitMix(seed);
    while let Some(segment) = open.pop() {
        let Some((at, p)) = shown_split(&values[segment.clone()], &mut random) else { continue };
        let at = segment.start + at;
        found.push((at, p));
        open.push(segment.start..at);
        open.push(at..segment.end);
    }
    found.sort_by_key(|(at, _)| *at);
    let bounds: Vec<usize> = std::iter::once(0).chain(found.iter().map(|(at, _)| *at)).chain([values.len()]).collect();
    let medians: Vec<f64> =
        bounds.windows(2).map(|ends| crate::stats::median(&values[ends[0]..ends[1]]).unwrap_or(f64::NAN)).collect();
    found
        .iter()
        .enumerate()
        .map(|(index, (at, p))| Change { at: *at, p: *p, before: medians[index], after: medians[index + 1] })
        .collect()
}

/// The best split of a segment, and its p, where that is below [`ALPHA`].
fn shown_split(values: &[f64], random: &mut SplitMix) -> Option<(usize, f64)> {
    let (at, statistic) = best_split(values)?;
    let mut shuffled = values.to_vec();
    // With this many permutations a single one that does as well is too many: the answer is known then.
    let allowed = (ALPHA * f64::from(PERMUTATIONS + 1)).ceil() - 1.0;
    let mut as_large = 0.0;
    for _ in 0..PERMUTATIONS {
        random.shuffle(&mut shuffled);
        if best_split(&shuffled).is_some_and(|(_, other)| other >= statistic) {
            as_large += 1.0;
            if as_large >= allowed {
                return None;
            }
        }
    }
    Some((at, (as_large + 1.0) / f64::from(PERMUTATIONS + 1)))
}

/// The split with the largest energy statistic, at least [`EDGE`] from either end. `None` for segments that are too short.
fn best_split(values: &[f64]) -> Option<(usize, f64)> {
    let count = values.len();
    if count < 2 * EDGE {
        return None;
    }
    let distance = |one: usize, other: usize| (values[one] - values[other]).abs();
    // Sums of distances within the left part, within the right part, and across.
    let (mut left, mut across) = (0.0, 0.0);
    let mut right: f64 = (0..count).map(|one| (0..one).map(|other| distance(one, other)).sum::<f64>()).sum();
    let mut best: Option<(usize, f64)> = None;
    for moved in 0..count - EDGE {
        let to_left: f64 = (0..moved).map(|other| distance(moved, other)).sum();
        let to_right: f64 = (moved + 1..count).map(|other| distance(moved, other)).sum();
        left += to_left;
        right -= to_right;
        across += to_right - to_left;
        let split = moved + 1;
        if split < EDGE {
            continue;
        }
        let statistic = energy(split, count - split, (left, right, across));
        if best.is_none_or(|(_, before)| statistic > before) {
            best = Some((split, statistic));
        }
    }
    best
}

/// Q of two samples (equation 5 of the paper, with exponent 1).
#[allow(clippy::cast_precision_loss, reason = "lengths of series")]
fn energy(left: usize, right: usize, (within_left, within_right, across): (f64, f64, f64)) -> f64 {
    let (m, n) = (left as f64, right as f64);
    let pairs = |size: f64| size * (size - 1.0) / 2.0;
    let divergence = 2.0 / (m * n) * across - within_left / pairs(m) - within_right / pairs(n);
    m * n / (m + n) * divergence
}

/// Steele, Lea and Flood 2014: as much randomness as a shuffle needs, the same from every seed.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Fisher and Yates.
    fn shuffle(&mut self, values: &mut [f64]) {
        for last in (1..values.len()).rev() {
            #[allow(clippy::cast_possible_truncation, reason = "below the length of a slice")]
            let other = (self.next() % (last as u64 + 1)) as usize;
            values.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise around a level for each part.
    fn series(parts: &[(usize, f64)], seed: u64) -> Vec<f64> {
        let mut random = SplitMix(seed);
        #[allow(clippy::cast_precision_loss)]
        let mut unit = || (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
        // A sum of uniforms is near enough to a normal of standard deviation 1.
        let mut normal = || (0..12).map(|_| unit()).sum::<f64>() - 6.0;
        parts.iter().flat_map(|(count, level)| (0..*count).map(|_| level + normal()).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn clear_changes_are_found_where_they_are() {
        let found = change_points(&series(&[(30, 0.0), (25, 4.0), (20, -1.0)], 3), 1);
        let places: Vec<usize> = found.iter().map(|change| change.at).collect();
        assert_eq!(places, [30, 55]);
        assert!(found.iter().all(|change| change.p < ALPHA));
        assert!((found[0].after - found[0].before - 4.0).abs() < 0.7, "{found:?}");
    }

    #[test]
    fn noise_has_no_changes() {
        let found: usize = (0..20).map(|seed| change_points(&series(&[(60, 0.0)], seed * 31 + 5), seed).len()).sum();
        assert_eq!(found, 0);
    }

    #[test]
    fn nothing_is_found_at_the_edges_or_in_short_series() {
        for parts in [&[(3, 9.0), (30, 0.0)][..], &[(30, 0.0), (3, 9.0)]] {
            for change in change_points(&series(parts, 7), 1) {
                assert!((EDGE..=33 - EDGE).contains(&change.at), "{change:?}");
            }
        }
        assert!(change_points(&series(&[(4, 0.0), (5, 50.0)], 7), 1).is_empty());
        assert!(change_points(&[], 1).is_empty());
        assert!(change_points(&[f64::NAN; 20], 1).is_empty());
    }

    #[test]
    fn constant_series_have_no_changes_and_steps_without_noise_do() {
        assert!(change_points(&[1.0; 40], 1).is_empty());
        let step: Vec<f64> = (0..40).map(|index| if index < 17 { 1.0 } else { 2.0 }).collect();
        let found = change_points(&step, 1);
        assert_eq!(found.iter().map(|one| (one.at, one.before, one.after)).collect::<Vec<_>>(), [(17, 1.0, 2.0)]);
    }

    /// The statistic by its definition, over all pairs.
    #[test]
    fn sums_that_are_kept_up_equal_the_definition() {
        let values = series(&[(9, 0.0), (8, 2.0)], 11);
        let by_definition = |split: usize| {
            let (left, right) = values.split_at(split);
            let all = |one: &[f64], other: &[f64]| -> f64 {
                one.iter().flat_map(|a| other.iter().map(move |b| (a - b).abs())).sum()
            };
            energy(split, right.len(), (all(left, left) / 2.0, all(right, right) / 2.0, all(left, right)))
        };
        let best =
            (EDGE..=values.len() - EDGE).map(|split| (split, by_definition(split))).max_by(|a, b| a.1.total_cmp(&b.1));
        let (at, statistic) = best_split(&values).unwrap();
        let (expected_at, expected) = best.unwrap();
        assert_eq!(at, expected_at);
        assert!((statistic - expected).abs() < 1e-9);
    }
}
