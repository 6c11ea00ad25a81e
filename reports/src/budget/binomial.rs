//! The exact interval of a proportion.

use crate::stats::clopper_pearson_of;

/// A two-sided 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end, 0 to 1.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Probability left out on each side.
pub(super) const TAIL: f64 = 0.025;

/// The interval of Clopper and Pearson (1934) for `bad` of `operations`.
///
/// Counts need not be whole: divided by a design effect they give the interval of Korn and Graubard (1998) for clustered
/// operations. No operations leave everything open.
pub fn interval(bad: f64, operations: f64) -> Interval {
    let (low, high) = clopper_pearson_of(bad, operations, TAIL);
    Interval { low, high }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::ln_gamma;

    #[test]
    fn as_published() {
        // Closed forms: no bad one of n leaves 1 − 0.025^(1/n); all bad leave 0.025^(1/n) from below.
        let none = interval(0.0, 1000.0);
        assert_eq!(none.low, 0.0);
        assert!((none.high - (1.0 - 0.025_f64.powf(1e-3))).abs() < 1e-12, "{none:?}");
        let all = interval(20.0, 20.0);
        assert!((all.low - 0.025_f64.powf(0.05)).abs() < 1e-12 && all.high == 1.0, "{all:?}");
        // Clopper and Pearson's own example, 10 of 20; R: binom.test(10, 20)$conf.int is 0.2719578 0.7280422.
        let half = interval(10.0, 20.0);
        assert!((half.low - 0.271_957_8).abs() < 1e-6 && (half.high - 0.728_042_2).abs() < 1e-6, "{half:?}");
    }

    /// The tail of the distribution itself, added up: P(X ≥ bad) at the lower end and P(X ≤ bad) at the upper are 2.5 %.
    #[test]
    fn both_tails_hold_what_they_should() {
        let tail = |from: u64, to: u64, n: u64, p: f64| -> f64 {
            let choose = |k: u64| ln_gamma(n as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((n - k) as f64 + 1.0);
            (from..=to).map(|k| (choose(k) + k as f64 * p.ln() + (n - k) as f64 * (-p).ln_1p()).exp()).sum()
        };
        for (bad, n) in [(1, 10), (3, 50), (7, 2000), (250, 400), (12, 24_000)] {
            let found = interval(bad as f64, n as f64);
            assert!((tail(bad, n, n, found.low) - TAIL).abs() < 1e-9, "{bad} of {n}: {found:?}");
            assert!((tail(0, bad, n, found.high) - TAIL).abs() < 1e-9, "{bad} of {n}: {found:?}");
        }
    }

    #[test]
    fn a_billion_operations_are_no_trouble() {
        let found = interval(500_000.0, 1e9);
        // Normal theory is right there: 0.0005 ± 1.96 √(p/n).
        let half = 1.96 * (0.0005_f64 / 1e9).sqrt();
        assert!(
            (found.low - (0.0005 - half)).abs() < 0.01 * half && (found.high - (0.0005 + half)).abs() < 0.01 * half
        );
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_proportion_and_narrows(n in 1_u32..5000, part in 0.0..=1.0_f64) {
            let bad = (f64::from(n) * part).round();
            let (one, four) = (interval(bad, f64::from(n)), interval(4.0 * bad, 4.0 * f64::from(n)));
            let proportion = bad / f64::from(n);
            prop_assert!(one.low <= proportion && proportion <= one.high);
            prop_assert!(four.high - four.low <= one.high - one.low + 1e-12);
        }
    }
}
