//! Benjamini and Hochberg's step-up correction (1995): holds the part of false ones among what is shown, for looking
//! around rather than for gating.

/// Adjusted p values in the order of `p`; monotone in `p`, at most 1. A NaN counts as 1.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let p: Vec<f64> = p.iter().map(|p| if p.is_nan() { 1.0 } else { *p }).collect();
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let mut adjusted = vec![1.0; p.len()];
    let mut so_far = 1.0_f64;
    for (larger, position) in order.into_iter().enumerate() {
        #[allow(clippy::cast_precision_loss, reason = "families are small")]
        let factor = p.len() as f64 / (p.len() - larger) as f64;
        so_far = so_far.min(p[position] * factor);
        adjusted[position] = so_far;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::benjamini_hochberg;

    #[test]
    fn as_r_p_adjust() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005, 0.5), "BH"); scipy.stats.false_discovery_control gives the same.
        let adjusted = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005, 0.5]);
        for (found, expected) in adjusted.iter().zip([0.025, 0.05, 0.05, 0.025, 0.5]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(benjamini_hochberg(&[f64::NAN, 0.01]), [1.0, 0.02]);
        assert_eq!(benjamini_hochberg(&[]), Vec::<f64>::new());
    }

    /// Table of the paper's example (Benjamini and Hochberg 1995, §3): of 15 p values, 4 are shown at .05.
    #[test]
    fn as_published() {
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.000,
        ];
        assert_eq!(benjamini_hochberg(&p).iter().filter(|p| **p <= 0.05).count(), 4);
        assert_eq!(super::super::holm(&p).iter().filter(|p| **p <= 0.05).count(), 3);
    }
}
