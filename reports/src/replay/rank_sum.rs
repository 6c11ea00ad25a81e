//! Mann and Whitney's test of two samples.

use crate::stats::normal_upper_tail;

/// Two-sided p that `a` and `b` are drawn alike: exact for up to 50 values a side that do not tie, as benchstat's; else
/// the normal approximation with tie and continuity correction (R's `wilcox.test(exact = FALSE)`).
pub(super) fn rank_sum(a: &[f64], b: &[f64], exact: &mut Exact) -> f64 {
    let mut all: Vec<(f64, bool)> =
        a.iter().map(|value| (*value, true)).chain(b.iter().map(|value| (*value, false))).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut doubled_ranks, mut ties, mut before) = (0, 0.0, 0);
    for group in all.chunk_by(|x, y| x.0 == y.0) {
        let size = group.len();
        doubled_ranks += group.iter().filter(|(_, of_a)| *of_a).count() * (2 * before + size + 1);
        #[allow(clippy::cast_precision_loss, reason = "sample sizes are far below 2^52")]
        let count = size as f64;
        ties += count.powi(3) - count;
        before += size;
    }
    let doubled_u = doubled_ranks - a.len() * (a.len() + 1);
    if ties == 0.0 && a.len() <= 50 && b.len() <= 50 {
        return exact.p(a.len(), b.len(), doubled_u / 2);
    }
    #[allow(clippy::cast_precision_loss, reason = "sample sizes are far below 2^52")]
    let (u, m, n) = (doubled_u as f64 / 2.0, a.len() as f64, b.len() as f64);
    let all = m + n;
    let variance = m * n / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    let distance = ((u - m * n / 2.0).abs() - 0.5).max(0.0);
    if variance <= 0.0 { 1.0 } else { (2.0 * normal_upper_tail(distance / variance.sqrt())).min(1.0) }
}

/// Null distributions, each computed once.
#[derive(Debug, Default)]
pub(super) struct Exact(std::collections::BTreeMap<(usize, usize), Vec<f64>>);

impl Exact {
    /// Two-sided p of U = `u` for samples of `m` and `n`.
    fn p(&mut self, m: usize, n: usize, u: usize) -> f64 {
        let below = self.0.entry((m, n)).or_insert_with(|| cumulated(m, n));
        let smaller = u.min(m * n - u);
        (2.0 * below[smaller]).min(1.0)
    }
}

/// P(U ≤ u) for u from 0 to m · n: the recursion of Mann and Whitney 1947 as a product of Gaussian binomials.
#[allow(clippy::cast_precision_loss, reason = "sample sizes are at most 50")]
fn cumulated(m: usize, n: usize) -> Vec<f64> {
    let top = m * n;
    let mut ways = vec![0.0; top + 1];
    ways[0] = 1.0;
    for step in 1..=m {
        // Times (1 − q^(n + step)) / (1 − q^step), and its share of the number of all orders.
        for sum in (n + step..=top).rev() {
            ways[sum] -= ways[sum - n - step];
        }
        for sum in step..=top {
            ways[sum] += ways[sum - step];
        }
        let share = step as f64 / (n + step) as f64;
        ways.iter_mut().for_each(|way| *way *= share);
    }
    let mut so_far = 0.0;
    for way in &mut ways {
        so_far += *way;
        *way = so_far;
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::{Exact, rank_sum};

    /// scipy.stats.mannwhitneyu(a, b, method=…), SciPy 1.17.1.
    #[test]
    fn as_scipy() {
        let a: Vec<f64> = (0..12).map(|i| f64::from(i * 7 % 12) + 0.3).collect();
        let b: Vec<f64> = (0..12).map(|i| f64::from(i * 5 % 12) + 3.1).collect();
        let exact = &mut Exact::default();
        assert!((rank_sum(&a, &b, exact) - SCIPY[0]).abs() < 1e-12, "{}", rank_sum(&a, &b, exact));
        let tied: Vec<f64> = b.iter().map(|value| value.floor() + 0.3).collect();
        assert!((rank_sum(&a, &tied, exact) - SCIPY[1]).abs() < 1e-12, "{}", rank_sum(&a, &tied, exact));
        let (many, more): (Vec<f64>, Vec<f64>) =
            (0..60).map(|i| (f64::from(i * 37 % 61), f64::from(i * 37 % 61) + 9.5)).unzip();
        assert!((rank_sum(&many, &more, exact) - SCIPY[2]).abs() < 1e-12, "{}", rank_sum(&many, &more, exact));
        assert_eq!(rank_sum(&[1.0; 9], &[1.0; 9], exact), 1.0);
    }

    const SCIPY: [f64; 3] = [0.127_687_899_662_593_45, 0.072_925_303_035_548_4, 0.006_816_606_916_163_077];
}
