//! The standard normal distribution.

use std::f64::consts::{PI, SQRT_2};

/// Upper tail: P(Z ≥ `z`), to a relative error below 1e-12 (checked against SciPy's `norm.sf`).
pub(crate) fn upper_tail(z: f64) -> f64 {
    0.5 * erfc(z / SQRT_2)
}

/// The z whose upper tail is `p`, by bisection to the last bits; `None` outside 0 to 1, both ends excluded.
pub(super) fn upper_quantile(p: f64) -> Option<f64> {
    if !(0.0 < p && p < 1.0) {
        return None;
    }
    // Tails of 40 standard deviations are below the smallest number.
    let (mut low, mut high) = (-40.0_f64, 40.0_f64);
    for _ in 0..100 {
        let middle = low.midpoint(high);
        if upper_tail(middle) > p { low = middle } else { high = middle }
    }
    Some(low.midpoint(high))
}

/// Density at `z`.
pub(super) fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// Complementary error function: its Maclaurin series near zero, its continued fraction beyond (Abramowitz and Stegun
/// 7.1.6 and 7.1.14).
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    if x < 2.0 {
        let mut term = x;
        let mut sum = x;
        let mut n = 0.0;
        while term > sum * 1e-17 {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
        }
        return 1.0 - 2.0 / PI.sqrt() * (-x * x).exp() * sum;
    }
    let mut fraction = 0.0;
    for k in (1..=200).rev() {
        fraction = f64::from(k) / 2.0 / (x + fraction);
    }
    (-x * x).exp() / PI.sqrt() / (x + fraction)
}

#[cfg(test)]
mod tests {
    use super::{density, upper_quantile, upper_tail};

    #[test]
    fn quantiles_invert_tails() {
        // scipy.stats.norm.isf(p), SciPy 1.17.1.
        for (p, expected) in [(0.005, 2.575829303548901), (0.05, 1.6448536269514729), (0.975, -1.959963984540054)] {
            assert!((upper_quantile(p).unwrap() - expected).abs() < 1e-12, "{p}");
        }
        assert_eq!((upper_quantile(0.0), upper_quantile(1.0), upper_quantile(f64::NAN)), (None, None, None));
        assert!((density(1.0) - 0.241_970_724_519_143_37).abs() < 1e-15);
    }

    #[test]
    fn as_scipy() {
        // scipy.stats.norm.sf(z), SciPy 1.17.1.
        for (z, expected) in SCIPY {
            let found = upper_tail(z);
            assert!((found / expected - 1.0).abs() < 1e-12, "{z}: {found} and {expected}");
        }
    }

    const SCIPY: [(f64, f64); 7] = [
        (-3.0, 0.9986501019683699),
        (-0.5, 0.6914624612740131),
        (0.0, 0.5),
        (1.0, 0.15865525393145707),
        (1.9599639845400545, 0.024999999999999977),
        (2.9, 0.0018658133003840375),
        (6.0, 9.865876450376946e-10),
    ];
}
