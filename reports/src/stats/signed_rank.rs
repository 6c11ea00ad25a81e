//! Wilcoxon's signed-rank test.

use super::normal::upper_tail;

/// Largest number of non-zero differences whose null distribution is computed exactly.
pub const EXACT: usize = 60;

/// Outcome of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignedRank {
    /// Sum of the ranks of the positive differences (R's V, Hollander and Wolfe's T⁺).
    pub positive: f64,
    /// Differences that are not zero.
    pub nonzero: usize,
    /// Two-sided p value.
    pub p: f64,
}

/// Tests whether `differences` are symmetric about zero.
///
/// Conventions: zeros are dropped (Wilcoxon 1945), ties get the mean of their ranks. Up to [`EXACT`] non-zero
/// differences p is exact, by the permutation distribution of the ranks as they are, ties included; beyond it is the
/// normal approximation with the continuity and the tie correction (R's `wilcox.test(exact = FALSE)`). Two-sided p is
/// twice the smaller tail, at most 1; with nothing but zeros it is 1. `None` where a difference is not finite.
pub fn signed_rank(differences: &[f64]) -> Option<SignedRank> {
    if differences.iter().any(|difference| !difference.is_finite()) {
        return None;
    }
    let mut nonzero: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    nonzero.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let ranks = doubled_ranks(&nonzero);
    let doubled: usize = ranks.iter().zip(&nonzero).filter(|(_, value)| **value > 0.0).map(|(rank, _)| rank).sum();
    let p = if nonzero.len() <= EXACT { exact_p(&ranks, doubled) } else { normal_p(&ranks, doubled) };
    #[allow(clippy::cast_precision_loss, reason = "a sum of ranks")]
    Some(SignedRank { positive: doubled as f64 / 2.0, nonzero: nonzero.len(), p })
}

/// Twice the mid-ranks, which are whole numbers, of values sorted by magnitude.
fn doubled_ranks(sorted: &[f64]) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(sorted.len());
    for group in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
        // Ranks first ..= last, whose mean is (first + last) / 2.
        let (first, last) = (ranks.len() + 1, ranks.len() + group.len());
        ranks.extend(std::iter::repeat_n(first + last, group.len()));
    }
    ranks
}

/// Probability of every sum of a random subset of `ranks`: each is in with probability one half.
fn distribution(ranks: &[usize]) -> Vec<f64> {
    distribution_up_to(ranks, ranks.iter().sum())
}

/// The same for sums of at most `most`.
fn distribution_up_to(ranks: &[usize], most: usize) -> Vec<f64> {
    let mut probability = vec![0.0; most + 1];
    probability[0] = 1.0;
    let mut reach = 0;
    for rank in ranks {
        reach = most.min(reach + rank);
        for sum in (0..=reach).rev() {
            let without = probability[sum];
            let with = if sum >= *rank { probability[sum - rank] } else { 0.0 };
            probability[sum] = 0.5 * (without + with);
        }
    }
    probability
}

fn exact_p(ranks: &[usize], statistic: usize) -> f64 {
    // The distribution is symmetric: both tails follow from the one below.
    let smaller = statistic.min(ranks.iter().sum::<usize>() - statistic);
    // Without ties all doubled ranks are even, and half as many sums do.
    let tail: f64 = if ranks.iter().all(|rank| rank.is_multiple_of(2)) {
        let halves: Vec<usize> = ranks.iter().map(|rank| rank / 2).collect();
        distribution_up_to(&halves, smaller / 2).iter().sum()
    } else {
        distribution_up_to(ranks, smaller).iter().sum()
    };
    (2.0 * tail).min(1.0)
}

#[allow(clippy::cast_precision_loss, reason = "sums of ranks are far below 2^52")]
fn normal_p(ranks: &[usize], statistic: usize) -> f64 {
    let mean = ranks.iter().sum::<usize>() as f64 / 4.0;
    // The variance of a sum of independently signed ranks is Σ rank² / 4, which is the tie-corrected formula.
    let variance = ranks.iter().map(|rank| (*rank as f64 / 2.0).powi(2)).sum::<f64>() / 4.0;
    let distance = ((statistic as f64 / 2.0 - mean).abs() - 0.5).max(0.0);
    (2.0 * upper_tail(distance / variance.sqrt())).min(1.0)
}

/// Largest sum of ranks in the lower tail of a two-sided test at `alpha` for `pairs` untied differences: reject where
/// the smaller rank sum is at most this (Wilcoxon's table: 8 for 10 pairs at .05). `None` where `pairs` are too few to
/// reject at all.
pub fn critical(pairs: usize, alpha: f64) -> Option<usize> {
    if pairs <= EXACT {
        let ranks: Vec<usize> = (1..=pairs).collect();
        let mut below = 0.0;
        let within = distribution(&ranks).into_iter().take_while(|probability| {
            below += probability;
            // The last bits of a sum of powers of two must not decide.
            below <= alpha / 2.0 * (1.0 + 1e-12)
        });
        return within.count().checked_sub(1);
    }
    #[allow(clippy::cast_precision_loss, reason = "sample sizes are far below 2^52")]
    let count = pairs as f64;
    let mean = count * (count + 1.0) / 4.0;
    let deviation = (count * (count + 1.0) * (2.0 * count + 1.0) / 24.0).sqrt();
    // Bisection over sums below the mean: their lower tail grows with the sum.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, far below 2^52")]
    let (mut low, mut high) = (0_usize, mean as usize);
    #[allow(clippy::cast_precision_loss, reason = "a sum of ranks")]
    let fits = |sum: usize| upper_tail((mean - sum as f64 - 0.5) / deviation) <= alpha / 2.0;
    if !fits(low) {
        return None;
    }
    while high - low > 1 {
        let middle = low.midpoint(high);
        if fits(middle) { low = middle } else { high = middle }
    }
    Some(low)
}

/// Two-sided p of `pairs` untied differences whose smaller rank sum is `sum`: what rejecting up to there really costs.
pub(super) fn attained(pairs: usize, sum: usize) -> f64 {
    let ranks: Vec<usize> = (1..=pairs).map(|rank| 2 * rank).collect();
    if pairs <= EXACT { exact_p(&ranks, 2 * sum) } else { normal_p(&ranks, 2 * sum) }
}

/// Smallest two-sided p that `pairs` differences can reach: 2^(1 − pairs), at most 1.
pub fn smallest_p(pairs: usize) -> f64 {
    0.5_f64.powi(i32::try_from(pairs.saturating_sub(1)).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests;
