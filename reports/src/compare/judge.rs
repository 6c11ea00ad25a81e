//! From log ratios to verdicts.

use super::pairs::Collected;
use crate::run::{Comparison, Verdict};
use crate::stats::{self, Question, Strictness};

/// Family-wise error rate of `improved` and `regressed`, and one minus the confidence of the interval shown.
const ALPHA: f64 = 0.05;

/// Judges a whole family at once: Holm's correction needs every p.
pub(super) fn judge(collected: Vec<Collected>) -> Vec<Comparison> {
    let p: Vec<Option<f64>> = collected
        .iter()
        .map(|one| one.log_ratios.as_ref().ok().and_then(|ratios| stats::signed_rank(ratios)).map(|test| test.p))
        .collect();
    let tested: Vec<f64> = p.iter().copied().flatten().collect();
    let mut adjusted = stats::holm(&tested).into_iter();
    collected
        .into_iter()
        .zip(p)
        .map(|(one, p)| {
            let p_adjusted = p.and_then(|_| adjusted.next());
            comparison(one, p, p_adjusted, tested.len())
        })
        .collect()
}

fn comparison(one: Collected, p: Option<f64>, p_adjusted: Option<f64>, family: usize) -> Comparison {
    let mut comparison = Comparison {
        base: one.base,
        candidate: one.candidate,
        metric: one.name,
        operations: one.operations,
        ratio: None,
        low: None,
        high: None,
        pairs: 0,
        p,
        p_adjusted,
        verdict: Verdict::CannotTell,
        detectable: None,
        pairs_needed: None,
        margin: None,
        why: None,
    };
    let ratios = match one.log_ratios {
        Ok(ratios) => ratios,
        Err(why) => return Comparison { why: Some(why), ..comparison },
    };
    let by = Strictness { level: ALPHA, p_adjusted, interval_level: ALPHA, last: true };
    let Some(found) = stats::conclude(&ratios, Question::of(one.metric), by) else {
        return comparison;
    };
    let (ratio, interval) = (found.ratio(), found.ratios());
    comparison.pairs = u32::try_from(ratios.len()).unwrap_or(u32::MAX);
    comparison.ratio = ratio;
    comparison.low = interval.map(|(low, _)| low);
    comparison.high = interval.map(|(_, high)| high);
    comparison.detectable = found.detectable;
    comparison.verdict = found.verdict;
    comparison.margin = found.margin;
    comparison.why = found.why;
    if found.verdict == Verdict::CannotTell && comparison.why.is_none() {
        let least = least_pairs(family);
        let floor = u32::try_from(least).unwrap_or(u32::MAX);
        comparison.pairs_needed = found.pairs_needed.map(|needed| needed.max(floor));
        comparison.why = why(ratios.len(), least, family, p, p_adjusted);
    }
    comparison
}

/// Fewest pairs whose smallest p survives Holm's first step in a family of this size.
fn least_pairs(family: usize) -> usize {
    #[allow(clippy::cast_precision_loss, reason = "families are small")]
    let family = family.max(1) as f64;
    (1..=64).find(|pairs| stats::smallest_p(*pairs) * family < ALPHA).unwrap_or(64)
}

fn why(pairs: usize, least: usize, family: usize, p: Option<f64>, p_adjusted: Option<f64>) -> Option<String> {
    let noun = if pairs == 1 { "pair" } else { "pairs" };
    if pairs < least_pairs(1) {
        return Some(format!("{pairs} {noun}: fewer than {} can never show a difference", least_pairs(1)));
    }
    if pairs < least {
        return Some(format!("{pairs} {noun} can never show a difference among {family} comparisons; {least} can"));
    }
    match (p, p_adjusted) {
        (Some(p), Some(adjusted)) if p < ALPHA && adjusted >= ALPHA => {
            Some(format!("p = {p:.3} alone, {adjusted:.2} among {family} comparisons: not enough to rule out chance"))
        }
        _ => None,
    }
}
