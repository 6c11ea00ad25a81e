//! The binomial distribution by way of the regularised incomplete beta function.

/// Interval of a probability of which `successes` in `trials` were seen, at confidence `level` (Clopper and Pearson 1934):
/// it holds the truth with at least that probability. (0, 1) without trials.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn clopper_pearson(successes: u64, trials: u64, level: f64) -> (f64, f64) {
    clopper_pearson_of(successes as f64, trials as f64, (1.0 - level) / 2.0)
}

/// The same with probability `tail` left out on each side, of counts that need not be whole: divided by a design effect they
/// give the interval of Korn and Graubard (1998) for clustered trials.
pub fn clopper_pearson_of(successes: f64, trials: f64, tail: f64) -> (f64, f64) {
    (lower(successes, trials, tail), upper(successes, trials, tail))
}

/// Upper bound alone, so at one-sided `level` (0.95: what the truth exceeds with probability at most .05).
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn clopper_pearson_upper(successes: u64, trials: u64, level: f64) -> f64 {
    upper(successes as f64, trials as f64, 1.0 - level)
}

fn lower(successes: f64, trials: f64, tail: f64) -> f64 {
    if successes <= 0.0 || trials <= 0.0 {
        return 0.0;
    }
    solve(|p| beta(p, successes, (trials - successes).max(0.0) + 1.0) < tail)
}

fn upper(successes: f64, trials: f64, tail: f64) -> f64 {
    if successes >= trials {
        return 1.0;
    }
    solve(|p| beta(p, successes + 1.0, trials - successes) < 1.0 - tail)
}

/// Where `below`, true at 0 and false at 1, changes: 200 halvings end at the last bit even of bounds near 1e-9.
fn solve(below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if high - low <= high * 1e-12 {
            break;
        }
        if below(middle) { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// P(X ≤ `successes`) of `trials` with probability `p`.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn at_most(successes: u64, trials: u64, p: f64) -> f64 {
    if successes >= trials {
        return 1.0;
    }
    1.0 - beta(p, (successes + 1) as f64, (trials - successes) as f64)
}

/// P(X ≥ `successes`).
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn at_least(successes: u64, trials: u64, p: f64) -> f64 {
    match successes {
        0 => 1.0,
        beyond if beyond > trials => 0.0,
        _ => beta(p, successes as f64, (trials - successes + 1) as f64),
    }
}

/// P(X ≤ `successes`) of counts that need not be whole: see [`clopper_pearson_of`].
pub(super) fn at_most_of(successes: f64, trials: f64, p: f64) -> f64 {
    if successes >= trials { 1.0 } else { 1.0 - beta(p, successes + 1.0, trials - successes) }
}

/// P(X ≥ `successes`) of counts that need not be whole.
pub(super) fn at_least_of(successes: f64, trials: f64, p: f64) -> f64 {
    if successes <= 0.0 { 1.0 } else { beta(p, successes, (trials - successes).max(0.0) + 1.0) }
}

/// Regularised incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22), evaluated by Lentz's method.
pub(super) fn beta(x: f64, a: f64, b: f64) -> f64 {
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
    // About the square root of the larger parameter is needed; a billion trials need 30,000.
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
pub(crate) fn ln_gamma(x: f64) -> f64 {
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
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} and {expected}");
    }

    #[test]
    fn gamma_of_whole_and_half_numbers() {
        let close =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{found}");
        close(ln_gamma(1.0), 0.0);
        close(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln());
        close(ln_gamma(11.0), 3_628_800_f64.ln());
    }

    /// scipy.special.betainc(a, b, x), SciPy 1.17.1.
    #[test]
    fn incomplete_beta_as_scipy() {
        for (a, b, x, expected) in BETA {
            close(beta(x, a, b), expected);
        }
        assert_eq!((beta(0.0, 2.0, 3.0), beta(1.0, 2.0, 3.0)), (0.0, 1.0));
    }

    /// scipy.stats.binomtest(k, n).proportion_ci(0.95, "exact"), SciPy 1.17.1.
    #[test]
    fn intervals_as_scipy() {
        for (successes, trials, low, high) in CLOPPER_PEARSON {
            let (found_low, found_high) = clopper_pearson(successes, trials, 0.95);
            assert!((found_low - low).abs() < 1e-12 && (found_high - high).abs() < 1e-12, "{found_low} {found_high}");
        }
        // The rule of three, exactly: 1 − .05^(1/n).
        close(clopper_pearson_upper(0, 300, 0.95), 1.0 - 0.05_f64.powf(1.0 / 300.0));
        assert_eq!(clopper_pearson(0, 0, 0.95), (0.0, 1.0));
        assert_eq!(clopper_pearson_upper(5, 5, 0.95), 1.0);
    }

    #[test]
    fn tails_add_up() {
        for (successes, trials, p) in [(3_u64, 10_u64, 0.4), (0, 5, 0.1), (5, 5, 0.9), (40, 100, 0.5)] {
            let pmf = at_most(successes, trials, p) + at_least(successes, trials, p) - 1.0;
            assert!(pmf > 0.0 && pmf < 1.0);
            close(at_most(successes, trials, p), at_least(trials - successes, trials, 1.0 - p));
        }
        assert_eq!((at_most(7, 5, 0.5), at_least(7, 5, 0.5)), (1.0, 0.0));
        // 3 heads or fewer in 10 throws: 176 / 1024.
        close(at_most(3, 10, 0.5), 176.0 / 1024.0);
    }

    const BETA: [(f64, f64, f64, f64); 6] = [
        (0.5, 0.5, 0.3, 0.369_010_119_565_545_36),
        (2.0, 3.0, 0.7, 0.9163),
        (16.0, 0.5, 0.9, 0.068_452_807_844_009_8),
        (1.0, 200.0, 0.01, 0.866_020_325_142_038_1),
        (300.0, 700.0, 0.33, 0.979_461_377_661_557_8),
        (12.5, 80.25, 0.02, 1.163_266_207_612_779e-7),
    ];

    const CLOPPER_PEARSON: [(u64, u64, f64, f64); 5] = [
        (0, 10, 0.0, 0.308_497_107_818_762_94),
        (3, 10, 0.066_739_511_177_734_47, 0.652_452_850_060_008),
        (10, 10, 0.691_502_892_181_237_1, 1.0),
        (17, 10_000, 0.000_990_614_733_043_236_7, 0.002_720_473_913_885_119),
        (450, 1_000, 0.418_851_709_679_950_9, 0.481_443_466_623_406_54),
    ];
}
