//! The rules of other tools, as their sources state them (design 06 §1), over values of trials.

use super::rank_sum::{Exact, rank_sum};
use crate::stats::t_two_sided;

/// Level of the peers' tests.
const ALPHA: f64 = 0.05;
/// Criterion's `noise_threshold` as many projects set it.
const NOISE: f64 = 0.05;

/// Who judges, and how the trials came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Ours: pairs within blocks, group-sequential signed-rank test.
    Gate,
    /// Mann–Whitney at .05 (benchstat), the base's trials before the candidate's.
    MannWhitneySequential,
    /// The same, both by turns.
    MannWhitneyInterleaved,
    /// Welch's t test at .05, the base's trials before the candidate's.
    WelchSequential,
    /// The same, both by turns.
    WelchInterleaved,
    /// Criterion's: p below .05 and the interval of the change of the mean wholly beyond ±5 %; the base's trials first.
    CriterionSequential,
    /// The same, both by turns.
    CriterionInterleaved,
}

impl Rule {
    /// All, ours first.
    pub const ALL: [Self; 7] = [
        Self::Gate,
        Self::MannWhitneySequential,
        Self::MannWhitneyInterleaved,
        Self::WelchSequential,
        Self::WelchInterleaved,
        Self::CriterionSequential,
        Self::CriterionInterleaved,
    ];

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Gate => "workbench gate, paired",
            Self::MannWhitneySequential => "Mann-Whitney .05, A then B",
            Self::MannWhitneyInterleaved => "Mann-Whitney .05, by turns",
            Self::WelchSequential => "Welch .05, A then B",
            Self::WelchInterleaved => "Welch .05, by turns",
            Self::CriterionSequential => "criterion 5 %, A then B",
            Self::CriterionInterleaved => "criterion 5 %, by turns",
        }
    }

    /// Whether the base's trials all come before the candidate's.
    pub fn is_sequential(self) -> bool {
        matches!(self, Self::MannWhitneySequential | Self::WelchSequential | Self::CriterionSequential)
    }

    /// Whether a peer flags a difference, and whether upwards. Ours does not judge so.
    pub(super) fn flags(self, base: &[f64], candidate: &[f64], exact: &mut Exact) -> Option<bool> {
        let (a, b) = (Moments::of(base)?, Moments::of(candidate)?);
        let flagged = match self {
            Self::Gate => false,
            Self::MannWhitneySequential | Self::MannWhitneyInterleaved => rank_sum(base, candidate, exact) < ALPHA,
            Self::WelchSequential | Self::WelchInterleaved => welch(a, b, 0.0) < ALPHA,
            Self::CriterionSequential | Self::CriterionInterleaved => {
                welch(a, b, 0.0) < ALPHA && beyond(a, b, NOISE) < ALPHA
            }
        };
        let upwards = match self {
            // By the medians, as benchstat reports it.
            Self::MannWhitneySequential | Self::MannWhitneyInterleaved => {
                crate::stats::median(candidate)? > crate::stats::median(base)?
            }
            _ => b.mean > a.mean,
        };
        flagged.then_some(upwards)
    }
}

#[derive(Debug, Clone, Copy)]
struct Moments {
    mean: f64,
    /// Variance of the mean.
    error: f64,
    count: f64,
}

impl Moments {
    #[allow(clippy::cast_precision_loss, reason = "sample sizes are far below 2^52")]
    fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let deviation = crate::stats::standard_deviation(values)?;
        Some(Self { mean: values.iter().sum::<f64>() / count, error: deviation * deviation / count, count })
    }
}

/// Welch's two-sided p that the means differ by no more than `by`.
fn welch(a: Moments, b: Moments, by: f64) -> f64 {
    let error = a.error + b.error;
    let distance = (b.mean - a.mean).abs() - by;
    if error <= 0.0 {
        return if distance > 0.0 { 0.0 } else { 1.0 };
    }
    let freedom = error * error / (a.error * a.error / (a.count - 1.0) + b.error * b.error / (b.count - 1.0));
    if distance <= 0.0 && by > 0.0 { 1.0 } else { t_two_sided(distance / error.sqrt(), freedom) }
}

/// Below .05 where the 95 % interval of the relative change of the mean lies wholly beyond ±`noise`. Criterion's is by
/// bootstrap; this is the normal theory of the same ratio.
fn beyond(a: Moments, b: Moments, noise: f64) -> f64 {
    let ratio = b.mean / a.mean;
    // The ratio's error by the delta method, all of it put on the candidate's side of a base of 1.
    let scaled =
        |moments: Moments, by: f64| Moments { mean: moments.mean * by, error: moments.error * by * by, ..moments };
    let (one, other) = (scaled(a, 1.0 / a.mean), scaled(b, 1.0 / a.mean));
    welch(Moments { error: one.error * ratio * ratio, ..one }, other, noise)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> (Vec<f64>, Vec<f64>) {
        let a = (0..12).map(|i| f64::from(i * 7 % 12) + 0.3).collect();
        let b = (0..12).map(|i| f64::from(i * 5 % 12) + 3.1).collect();
        (a, b)
    }

    /// scipy.stats.ttest_ind(b, a, equal_var=False), SciPy 1.17.1: p .0703, interval of the difference −.2527 to 5.8527.
    #[test]
    fn welch_as_scipy() {
        let (a, b) = samples();
        let (one, other) = (Moments::of(&a).unwrap(), Moments::of(&b).unwrap());
        assert!((welch(one, other, 0.0) - 0.070_314_173_491_566_59).abs() < 1e-9);
        let none = Moments::of(&[1.0, 1.0]).unwrap();
        assert_eq!(welch(none, none, 0.0), 1.0);
    }

    #[test]
    fn peers_flag_as_they_say() {
        let exact = &mut Exact::default();
        let base: Vec<f64> = (0..20).map(|i| 100.0 + f64::from(i * 7 % 20) / 10.0).collect();
        for (change, mann_whitney, criterion) in [
            (1.0, None, None),
            (1.03, Some(true), None),
            (1.10, Some(true), Some(true)),
            (0.9, Some(false), Some(false)),
        ] {
            let other: Vec<f64> = base.iter().map(|value| value * change).collect();
            assert_eq!(Rule::MannWhitneySequential.flags(&base, &other, exact), mann_whitney, "{change}");
            assert_eq!(Rule::WelchInterleaved.flags(&base, &other, exact), mann_whitney, "{change}");
            assert_eq!(Rule::CriterionSequential.flags(&base, &other, exact), criterion, "{change}");
        }
        assert_eq!(Rule::WelchSequential.flags(&[1.0], &[2.0], exact), None);
    }
}
