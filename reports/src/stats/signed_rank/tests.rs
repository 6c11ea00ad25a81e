use super::*;

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-12 + 1e-10 * expected, "{found} and {expected}");
}

/// `i` for 1 to n, negative at multiples of `every`.
fn signed_integers(n: u32, every: u32) -> Vec<f64> {
    (1..=n).map(|i| if i % every == 0 { -f64::from(i) } else { f64::from(i) }).collect()
}

/// Hollander and Wolfe 1973, table 3.1 (Hamilton depression scale); R's example of `wilcox.test`: V = 40, p = 0.03906.
#[test]
#[allow(clippy::approx_constant, reason = "a rating of 3.14, not π")]
fn depression_scale() {
    let first = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
    let second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
    let differences: Vec<f64> = first.iter().zip(second).map(|(x, y)| x - y).collect();
    let result = signed_rank(&differences).unwrap();
    assert_eq!(result, SignedRank { positive: 40.0, nonzero: 9, p: 0.039_062_5 });
}

/// Two-sided .05 of the usual table (Wilcoxon and Wilcox 1964, also Hollander and Wolfe A.4).
#[test]
fn published_critical_values() {
    let table = [
        (6, 0),
        (7, 2),
        (8, 3),
        (9, 5),
        (10, 8),
        (11, 10),
        (12, 13),
        (13, 17),
        (14, 21),
        (15, 25),
        (16, 29),
        (17, 34),
        (18, 40),
        (19, 46),
        (20, 52),
        (25, 89),
        (30, 137),
    ];
    for (pairs, expected) in table {
        assert_eq!(critical(pairs, 0.05), Some(expected), "{pairs} pairs");
    }
    assert_eq!(critical(5, 0.05), None);
    assert_eq!(critical(0, 0.05), None);
    // Equality counts: 2 · 2^-5 = 0.0625.
    assert_eq!(critical(5, 0.0625), Some(0));
    assert_eq!(critical(8, 0.01), Some(0));
}

#[test]
fn the_normal_limit_joins_the_exact_one() {
    // Beyond the exact range: the same tail, from the approximation. Adjacent sizes differ by about 20.
    let (exact, normal) = (critical(60, 0.05).unwrap(), critical(61, 0.05).unwrap());
    assert!(normal > exact && normal - exact < 40, "{exact}, {normal}");
    assert_eq!(critical(1_000, 1e-300), None);
}

/// `scipy.stats.wilcoxon(d, method="exact")`, SciPy 1.17.1.
#[test]
fn exact_as_scipy() {
    for (pairs, every, p, positive) in SCIPY_EXACT {
        let result = signed_rank(&signed_integers(pairs, every)).unwrap();
        close(result.p, p);
        assert_eq!(result.positive, positive);
    }
}

const SCIPY_EXACT: [(u32, u32, f64, f64); 3] = [
    (20, 3, 0.123_092_651_367_187_5, 147.0),
    (50, 3, 0.026_166_968_171_196_46, 867.0),
    (60, 4, 0.001_105_250_385_311_285, 1350.0),
];

/// Every one of the 2^10 sign patterns of the mid-ranks was counted, in Python.
#[test]
fn ties_and_zeros_are_exact_too() {
    let differences = [1.0, 1.0, -1.0, 2.0, 2.0, 3.0, 0.0, -2.0, 4.0, 4.0, 5.0, 0.0];
    let result = signed_rank(&differences).unwrap();
    assert_eq!(result, SignedRank { positive: 48.0, nonzero: 10, p: 0.041_015_625 });
}

/// `scipy.stats.wilcoxon(d, method="asymptotic", correction=True)`, SciPy 1.17.1: with ties, with ties and zeros.
#[test]
fn normal_as_scipy() {
    let tied: Vec<f64> = (1..=100).map(|i| f64::from(i * 37 % 101 - 45) / 10.0).collect();
    let result = signed_rank(&tied).unwrap();
    assert_eq!((result.positive, result.nonzero), (2992.0, 99));
    close(result.p, 0.071_420_405_270_980_12);
    let rounded: Vec<f64> = tied.iter().map(|value| value.round_ties_even()).collect();
    let result = signed_rank(&rounded).unwrap();
    assert_eq!((result.positive, result.nonzero), (2459.5, 89));
    close(result.p, 0.060_344_939_134_549_31);
    close(signed_rank(&signed_integers(61, 3)).unwrap().p, 0.023_661_941_657_942_203);
}

#[test]
fn nothing_to_see() {
    assert_eq!(signed_rank(&[]).unwrap().p, 1.0);
    assert_eq!(signed_rank(&[0.0, -0.0]).unwrap(), SignedRank { positive: 0.0, nonzero: 0, p: 1.0 });
    assert_eq!(signed_rank(&[1.0]).unwrap().p, 1.0);
    assert!(signed_rank(&[1.0, f64::NAN]).is_none());
    assert!(signed_rank(&[f64::INFINITY]).is_none());
}

#[test]
fn the_smallest_p_is_reached_by_one_sided_pairs() {
    for pairs in 1..=20_u32 {
        let ascending: Vec<f64> = (1..=pairs).map(f64::from).collect();
        close(signed_rank(&ascending).unwrap().p, smallest_p(pairs as usize));
    }
    assert_eq!(smallest_p(0), 1.0);
    assert!(smallest_p(5) > 0.05 && smallest_p(6) < 0.05);
}

#[test]
fn the_distribution_is_one() {
    for pairs in [1, 7, 60] {
        let ranks: Vec<usize> = (1..=pairs).collect();
        close(distribution(&ranks).iter().sum(), 1.0);
    }
}
