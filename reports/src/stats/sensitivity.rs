//! The smallest change that a gate would find, given how identical programs differ on a machine.

use super::design::Design;
use super::signed_rank::critical;

/// Resamples that a figure of power rests on: 95 % is then good to ±1.4 %.
const RESAMPLES: usize = 1_000;
/// Power asked for.
const POWER: f64 = 0.95;
/// Largest change looked for: a hundredfold.
const LARGEST: f64 = 4.605_170_185_988_092;

/// Smallest relative change (0.03 is 3 %) that `design` finds in at least 95 of 100 comparisons, where `differences` of
/// logarithms are those of pairs of identical programs. They are resampled with a random sign each, so what is seen is
/// their spread and their tails, with no normal theory. The same seed gives the same figure.
///
/// `None` with fewer than 6 differences, with one that is not finite, where the design can never show anything, or where
/// not even a hundredfold change is found.
pub fn smallest_change(differences: &[f64], design: &Design, seed: u64) -> Option<f64> {
    if differences.len() < 6 || differences.iter().any(|difference| !difference.is_finite()) {
        return None;
    }
    let looks: Vec<(usize, usize)> = (0..design.looks().len())
        .filter_map(|look| Some((design.looks()[look], critical(design.looks()[look], design.level(look))?)))
        .filter(|(pairs, sum)| super::signed_rank::attained(*pairs, *sum) <= design.alpha())
        .collect();
    let samples = samples(differences, design.most(), seed);
    let finds = |shift: f64| {
        let found = samples.iter().filter(|sample| looks.iter().any(|look| shows(sample, shift, *look))).count();
        #[allow(clippy::cast_precision_loss, reason = "at most a thousand")]
        let part = found as f64 / RESAMPLES as f64;
        part >= POWER
    };
    if looks.is_empty() || !finds(LARGEST) {
        return None;
    }
    let (mut low, mut high) = (0.0, LARGEST);
    for _ in 0..24 {
        let middle = f64::midpoint(low, high);
        if finds(middle) { high = middle } else { low = middle }
    }
    Some(high.exp_m1())
}

/// Resamples of `most` differences, each with the sign of a coin's toss (SplitMix64: Steele, Lea and Flood 2014).
fn samples(differences: &[f64], most: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut draw = || {
        let bits = next();
        let at = (u128::from(bits) * differences.len() as u128) >> 64;
        let value = differences[usize::try_from(at).unwrap_or(0)];
        // The lowest bit plays no part in the place.
        if bits & 1 == 1 { -value } else { value }
    };
    (0..RESAMPLES).map(|_| (0..most).map(|_| draw()).collect()).collect()
}

/// Whether the first pairs of a sample, moved up by `shift`, are shown to differ: their negative rank sum is critical.
fn shows(sample: &[f64], shift: f64, (pairs, sum): (usize, usize)) -> bool {
    let mut seen: Vec<f64> = sample[..pairs].iter().map(|value| value + shift).collect();
    seen.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let negative: usize = (1..).zip(&seen).filter(|(_, value)| **value <= 0.0).map(|(rank, _)| rank).sum();
    negative <= sum
}

#[cfg(test)]
mod tests {
    use super::super::{Design, GATE_ALPHA};
    use super::*;

    /// Symmetric, with a standard deviation of about `spread`: quantiles of the normal distribution.
    fn normal(spread: f64) -> Vec<f64> {
        (1..40).map(|i| spread * super::super::normal::upper_quantile(f64::from(i) / 40.0).unwrap()).collect()
    }

    /// Design 06 §10: with pairs that spread by 3.9 %, 32 of them see 4 % (grid-valued; normal theory says 2.9 %).
    #[test]
    fn about_what_normal_theory_says() {
        let design = Design::gate(32, GATE_ALPHA).unwrap();
        let found = smallest_change(&normal(0.0386), &design, 1).unwrap();
        let theory = super::super::detectable(0.0386, 32).unwrap();
        assert!((0.9..1.2).contains(&(found / theory)), "{found} and {theory}");
        assert_eq!(smallest_change(&normal(0.0386), &design, 1), Some(found));
    }

    #[test]
    fn more_pairs_and_less_noise_see_less() {
        let change =
            |spread, pairs| smallest_change(&normal(spread), &Design::gate(pairs, GATE_ALPHA).unwrap(), 1).unwrap();
        assert!(change(0.04, 32) < change(0.04, 12) && change(0.01, 32) < change(0.04, 32));
    }

    #[test]
    fn what_has_no_answer() {
        let design = Design::gate(32, GATE_ALPHA).unwrap();
        assert_eq!(smallest_change(&[0.1; 5], &design, 1), None);
        assert_eq!(smallest_change(&[f64::NAN; 9], &design, 1), None);
        assert_eq!(smallest_change(&normal(0.01), &Design::gate(7, GATE_ALPHA).unwrap(), 1), None);
        assert_eq!(smallest_change(&normal(100.0), &design, 1), None);
        // Identical to the last digit: the least change is seen.
        assert!(smallest_change(&[0.0; 12], &design, 1).unwrap() < 1e-5);
    }
}
