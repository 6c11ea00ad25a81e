//! The exact interval of a proportion.

/// A two-sided 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end, 0 to 1.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Probability left out on each side.
const TAIL: f64 = 0.025;

/// The interval of Clopper and Pearson (1934) for `bad` of `operations`, by quantiles of the beta distribution.
///
/// Counts need not be whole: divided by a design effect they give the interval of Korn and Graubard (1998) for clustered
/// operations. No operations leave everything open.
pub fn interval(bad: f64, operations: f64) -> Interval {
    if operations <= 0.0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let good = operations - bad;
    Interval {
        low: if bad <= 0.0 { 0.0 } else { beta_quantile(TAIL, bad, good + 1.0) },
        high: if good <= 0.0 { 1.0 } else { beta_quantile(1.0 - TAIL, bad + 1.0, good) },
    }
}

/// The x at which the regularised incomplete beta function is `probability`, by bisection: 200 halvings end at the last
/// bit even of bounds near 1e-9.
fn beta_quantile(probability: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if high - low <= high * 1e-12 {
            break;
        }
        if incomplete_beta(middle, a, b) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Regularised incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22), evaluated by Lentz's method.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges fast only below the mean.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    // About the square root of the larger parameter is needed; a billion operations need 30,000.
    const MOST: u32 = 200_000;
    let held = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / held(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for step in 1..MOST {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / held(1.0 + even * d);
        c = held(1.0 + even / c);
        value *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / held(1.0 + odd * d);
        c = held(1.0 + odd / c);
        value *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// ln Γ(x) for x > 0 by Stirling's series (DLMF 5.11.1), shifted up to where it is exact to the last digits.
fn ln_gamma(x: f64) -> f64 {
    const SHIFT: f64 = 15.0;
    let mut shifted = x;
    let mut product = 1.0;
    while shifted < SHIFT {
        product *= shifted;
        shifted += 1.0;
    }
    let inverse = 1.0 / shifted;
    let square = inverse * inverse;
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gamma_of_whole_and_half_numbers() {
        let close =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{found}");
        close(ln_gamma(1.0), 0.0);
        close(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln());
        close(ln_gamma(11.0), 3_628_800_f64.ln());
    }

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
