//! From differences of a metric to a verdict: the one path for runs, gates and the noise of a machine.

use super::location::{equivalent, hodges_lehmann, interval};
use super::power::{Z_DIFFERENCE, Z_SAME, detectable, pairs_for};
use super::signed_rank::signed_rank;
use super::spread::standard_deviation;
use crate::metric::{Better, Metric};
use crate::run::Verdict;

/// Error rate of each of the two one-sided tests behind `same` (a 90 % interval within the margin).
const SAME_ALPHA: f64 = 0.05;

/// What a comparison of a metric is to find out. Changes are relative: 0.03 is 3 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// Which direction is an improvement.
    pub better: Better,
    /// `same` means shown to lie within ±`margin`.
    pub margin: f64,
    /// A difference counts as `regressed` or `improved` where it is shown and its estimate is at least this; 0 where any
    /// shown difference counts.
    pub least_effect: f64,
}

impl Question {
    /// Any shown difference of the metric counts; its minimum effect is the margin of `same`.
    pub fn of(metric: &Metric) -> Self {
        Self { better: metric.better, margin: metric.minimum_effect, least_effect: 0.0 }
    }
}

/// What differences of logarithms say. Estimate and interval are on that scale; [`Self::ratio`] and its like are not.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// Never `not_comparable`.
    pub verdict: Verdict,
    /// Pairs it rests on.
    pub pairs: usize,
    /// Hodges–Lehmann estimate of ln(candidate ÷ base). After an early stop it lies somewhat too far from 0, as every
    /// estimate does that was allowed to stop by itself; the interval does not suffer.
    pub estimate: Option<f64>,
    /// 95 % interval, adjusted for the looks; absent with too few pairs.
    pub interval: Option<(f64, f64)>,
    /// Two-sided signed-rank p of these pairs, not adjusted for anything.
    pub p: Option<f64>,
    /// What p had to reach for a difference to be shown.
    pub level: f64,
    /// True where it stopped before the last look.
    pub early: bool,
    /// Smallest relative change that these pairs would have shown with 95 % power at a two-sided .01.
    pub detectable: Option<f64>,
    /// For `cannot_tell`: pairs in all that would tell, at what these spread by.
    pub pairs_needed: Option<u32>,
    /// For `same`: the relative margin.
    pub margin: Option<f64>,
    /// For `cannot_tell`: why, where there is more to say than that nothing was shown.
    pub why: Option<String>,
}

impl Conclusion {
    /// Estimate of candidate ÷ base.
    pub fn ratio(&self) -> Option<f64> {
        self.estimate.map(f64::exp)
    }

    /// Ends of the interval of candidate ÷ base.
    pub fn ratios(&self) -> Option<(f64, f64)> {
        self.interval.map(|(low, high)| (low.exp(), high.exp()))
    }
}

/// Test and interval that a verdict rests on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strictness {
    /// Level that p must reach; p itself, or what Holm made of it, as `p` says.
    pub(crate) level: f64,
    /// p after a correction; the pairs' own where absent.
    pub(crate) p_adjusted: Option<f64>,
    /// One minus the confidence of the interval shown.
    pub(crate) interval_level: f64,
    /// No more pairs will come, so `same` and `cannot_tell` may be said.
    pub(crate) last: bool,
}

/// Judges `differences` of logarithms, all finite. Before the last look nothing but a shown difference is a conclusion:
/// then `None`, go on.
pub(crate) fn conclude(differences: &[f64], question: Question, by: Strictness) -> Option<Conclusion> {
    let test = signed_rank(differences).filter(|_| !differences.is_empty());
    let reached = test.is_some_and(|test| by.p_adjusted.unwrap_or(test.p) <= by.level);
    if !reached && !by.last {
        return None;
    }
    let estimate = hodges_lehmann(differences);
    let spread = standard_deviation(differences);
    let mut conclusion = Conclusion {
        verdict: Verdict::CannotTell,
        pairs: differences.len(),
        estimate,
        interval: interval(differences, 1.0 - by.interval_level),
        p: test.map(|test| test.p),
        level: by.level,
        early: !by.last,
        detectable: spread.and_then(|sd| detectable(sd, differences.len())),
        pairs_needed: None,
        margin: None,
        why: None,
    };
    // Zeros count in the interval and not in the test: a difference is shown where both show it.
    let apart = conclusion.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0);
    let shown = reached && apart;
    let large = estimate.is_some_and(|estimate| estimate.abs() >= question.least_effect.ln_1p());
    if shown && large && question.better != Better::Neither {
        let higher = estimate.is_some_and(|estimate| estimate > 0.0);
        let good = higher == (question.better == Better::Higher);
        conclusion.verdict = if good { Verdict::Improved } else { Verdict::Regressed };
        return Some(conclusion);
    }
    if !by.last {
        return None;
    }
    let margin = question.margin.ln_1p();
    if equivalent(differences, margin, SAME_ALPHA) {
        conclusion.verdict = Verdict::Same;
        conclusion.margin = Some(question.margin);
        return Some(conclusion);
    }
    conclusion.why = match (shown, question.better) {
        (true, Better::Neither) => Some("it differs, but neither direction of this metric is better".to_owned()),
        (true, _) => Some(format!("it differs, but not shown to be by {} %", round_percent(question.least_effect))),
        _ => None,
    };
    if !(shown && question.better == Better::Neither) {
        conclusion.pairs_needed =
            spread.zip(estimate).and_then(|(sd, estimate)| needed(sd, estimate, margin, &conclusion));
    }
    Some(conclusion)
}

/// Pairs in all that would show a difference of the margin, and more than there were: if the estimate is right, either
/// it is shown to differ from 0 or to lie within the margin, whichever takes fewer.
fn needed(sd: f64, estimate: f64, margin: f64, so_far: &Conclusion) -> Option<u32> {
    let smallest = pairs_for(sd, margin, Z_DIFFERENCE)?;
    let differs = pairs_for(sd, estimate, Z_DIFFERENCE);
    let within = pairs_for(sd, (margin - estimate.abs()).max(0.0), Z_SAME);
    let settles = differs.into_iter().chain(within).min().unwrap_or(smallest);
    let more = u32::try_from(so_far.pairs).unwrap_or(u32::MAX).saturating_add(1);
    Some(if smallest >= more { smallest } else { settles.max(more) })
}

fn round_percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
