//! The standard normal distribution.

use std::f64::consts::{PI, SQRT_2};

/// Upper tail: P(Z ≥ `z`), to a relative error below 1e-12 (checked against SciPy's `norm.sf`).
pub(super) fn upper_tail(z: f64) -> f64 {
    0.5 * erfc(z / SQRT_2)
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
    use super::upper_tail;

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
