//! How many pairs a difference needs, on the log scale.
//!
//! Both use z = 2.58 (two-sided α = .01, what a Holm-corrected .05 costs in a small family) and z = 1.64 (95 % power):
//! design 06 §12. They take the normal approximation for the mean of log ratios; the signed-rank test needs about 5 %
//! more pairs than that where the differences are normal, and fewer where they have heavy tails.

pub(super) const Z_DIFFERENCE: f64 = 2.58 + 1.64;

/// z of showing `same` with 95 % power: two one-sided tests at .05 that must both succeed, 1.64 + 1.96.
pub(super) const Z_SAME: f64 = 1.64 + 1.96;

/// Pairs to see a true log ratio of `delta` where log ratios have standard deviation `sd`:
/// `((2.58 + 1.64) · sd / delta)²`, rounded up. `None` where either is not finite or `delta` is 0.
pub fn pairs_needed(sd: f64, delta: f64) -> Option<u32> {
    pairs_for(sd, delta, Z_DIFFERENCE)
}

/// The same for another sum `z` of the quantiles of level and power.
pub(super) fn pairs_for(sd: f64, delta: f64, z: f64) -> Option<u32> {
    let pairs = (z * sd / delta).powi(2).ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a square; saturates")]
    pairs.is_finite().then_some(pairs as u32)
}

/// Smallest relative change that `pairs` pairs show with 95 % power: `exp((2.58 + 1.64) · sd / √pairs) − 1`, so 0.04 is
/// 4 %. `None` without pairs or where `sd` is not finite.
pub fn detectable(sd: f64, pairs: usize) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "sample sizes are far below 2^52")]
    let change = (Z_DIFFERENCE * sd / (pairs as f64).sqrt()).exp_m1();
    (pairs > 0 && change.is_finite()).then_some(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_are_inverse() {
        // Saturated CPU per operation of design 06: sd .0386, 4 % at 32 pairs was the measured power.
        let needed = pairs_needed(0.0386, 1.04_f64.ln()).unwrap();
        assert_eq!(needed, 18);
        assert!(detectable(0.0386, 18).unwrap() <= 0.04 && detectable(0.0386, 17).unwrap() > 0.04);
        assert_eq!(pairs_needed(0.0, 0.03), Some(0));
    }

    #[test]
    fn what_has_no_answer() {
        assert_eq!(pairs_needed(0.1, 0.0), None);
        assert_eq!(pairs_needed(f64::NAN, 0.1), None);
        assert_eq!(detectable(0.1, 0), None);
        assert_eq!(detectable(f64::NAN, 3), None);
        assert_eq!(pairs_needed(1e6, 1e-6), Some(u32::MAX));
    }
}
