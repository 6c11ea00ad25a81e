//! Laws that hold for any data.

use proptest::prelude::*;

use super::*;

fn differences() -> impl Strategy<Value = Vec<f64>> {
    // A coarse grid, so that ties and zeros are common.
    proptest::collection::vec((-40_i32..=40).prop_map(|value| f64::from(value) / 8.0), 1..70)
}

proptest! {
    #[test]
    fn swapping_the_sides_flips_the_sign(values in differences()) {
        let swapped: Vec<f64> = values.iter().map(|value| -value).collect();
        let (a, b) = (signed_rank(&values).unwrap(), signed_rank(&swapped).unwrap());
        prop_assert!((a.p - b.p).abs() < 1e-12);
        prop_assert_eq!(hodges_lehmann(&values).unwrap(), -hodges_lehmann(&swapped).unwrap());
        let mirrored = interval(&swapped, 0.95).map(|(low, high)| (-high, -low));
        prop_assert_eq!(interval(&values, 0.95), mirrored);
    }

    #[test]
    fn scaling_scales(values in differences(), power in -3_i32..4) {
        let factor = 2_f64.powi(power);
        let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
        prop_assert_eq!(signed_rank(&values), signed_rank(&scaled));
        prop_assert_eq!(hodges_lehmann(&values).unwrap() * factor, hodges_lehmann(&scaled).unwrap());
    }

    #[test]
    fn order_does_not_matter(mut values in differences()) {
        let before = (signed_rank(&values), hodges_lehmann(&values), interval(&values, 0.9));
        values.reverse();
        prop_assert_eq!(before, (signed_rank(&values), hodges_lehmann(&values), interval(&values, 0.9)));
    }

    #[test]
    fn the_interval_contains_the_estimate_and_grows_with_the_level(values in differences()) {
        let estimate = hodges_lehmann(&values).unwrap();
        if let Some((low, high)) = interval(&values, 0.95) {
            prop_assert!(low <= estimate && estimate <= high);
            let (inner_low, inner_high) = interval(&values, 0.90).unwrap();
            prop_assert!(low <= inner_low && inner_high <= high);
        }
    }

    /// The test of a shifted centre and the interval of centres are one thing, where nothing ties with the centre.
    #[test]
    fn the_interval_inverts_the_test(values in proptest::collection::hash_set(-10_000_i32..10_000, 6..40), centre in -12_000_i32..12_000) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        // Off the grid of values and of their means by an amount that ties no two magnitudes.
        let centre = f64::from(centre) + 0.3;
        let (low, high) = interval(&values, 0.95).unwrap();
        let shifted: Vec<f64> = values.iter().map(|value| value - centre).collect();
        let rejected = signed_rank(&shifted).unwrap().p <= 0.05;
        prop_assert_eq!(rejected, centre < low || centre > high, "{} in [{}, {}]", centre, low, high);
    }

    #[test]
    fn holm_is_monotone_and_never_below(p in proptest::collection::vec(0.0_f64..=1.0, 0..30)) {
        let adjusted = holm(&p);
        prop_assert_eq!(adjusted.len(), p.len());
        for (i, a) in adjusted.iter().enumerate() {
            prop_assert!(*a >= p[i] && *a <= 1.0);
            for (j, b) in adjusted.iter().enumerate() {
                prop_assert!(p[i] > p[j] || a <= b);
            }
        }
    }

    #[test]
    fn quantiles_are_ordered_and_within(values in differences(), a in 0.0_f64..=1.0, b in 0.0_f64..=1.0) {
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(quantile(&values, low).unwrap() <= quantile(&values, high).unwrap());
        prop_assert!(quantile(&values, 0.0).unwrap() <= quantile(&values, low).unwrap());
    }

    #[test]
    fn any_input_is_answered_or_refused(values in proptest::collection::vec(any::<f64>(), 0..20), level in any::<f64>()) {
        let _ = (signed_rank(&values), hodges_lehmann(&values), interval(&values, level), mad(&values));
        let _ = (quantile(&values, level), standard_deviation(&values), equivalent(&values, level, level), holm(&values));
    }
}
