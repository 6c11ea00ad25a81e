//! How fast variants burn their error budget.

use super::binomial::{Interval, TAIL, interval};
use crate::run::{BurnRate, Slo, SloCount, SloVerdict};
use crate::stats::{Clustered, Counted};

/// Judges every variant by its trials. `limited` says of how many trials of a variant the driver fell behind.
///
/// The interval is the exact binomial one over all operations. Where bad operations come in bursts, trials differ by more
/// than chance allows; it then counts operations ÷ design effect ([`Clustered`]), since a stall that hits a hundred
/// operations is one misfortune and not a hundred. Where none is bad nothing tells how they come: they are taken as
/// independent, and bursts so rare that a run sees none stay unseen ([`Clustered::interval`] has figures).
pub fn judge(slo: &Slo, variants: &[(String, u32)], counts: &[SloCount]) -> Vec<BurnRate> {
    variants
        .iter()
        .map(|(variant, limited)| {
            let own: Vec<&SloCount> = counts.iter().filter(|count| count.variant == *variant).collect();
            one(slo, variant, *limited, &own)
        })
        .collect()
}

#[allow(clippy::cast_precision_loss, reason = "counts of operations are far below 2^52")]
fn one(slo: &Slo, variant: &str, limited: u32, trials: &[&SloCount]) -> BurnRate {
    let sum = |what: fn(&SloCount) -> u64| trials.iter().map(|trial| what(trial)).sum::<u64>();
    let (operations, failed, slow) = (sum(|t| t.operations), sum(|t| t.failed), sum(|t| t.slow));
    let mut burn = BurnRate {
        variant: variant.to_owned(),
        operations,
        failed,
        slow,
        rate: None,
        low: None,
        high: None,
        design_effect: 1.0,
        verdict: SloVerdict::CannotTell,
        operations_needed: None,
        why: None,
    };
    if operations == 0 {
        burn.why = Some(match limited {
            0 => "no measured operation of an open loop".to_owned(),
            _ => "the driver could not keep up in any trial: late answers may be its own fault".to_owned(),
        });
        burn.operations_needed = needed(0.0, slo.allowed()).filter(|_| limited == 0);
        return burn;
    }
    let (n, bad) = (operations as f64, (failed + slow) as f64);
    let allowed = slo.allowed();
    #[allow(clippy::cast_precision_loss, reason = "counts of operations are far below 2^52")]
    let counted = |trial: &&SloCount| Counted { events: trial.failed + trial.slow, exposure: trial.operations as f64 };
    let clustered = Clustered::of(&trials.iter().map(counted).collect::<Vec<_>>());
    burn.design_effect = clustered.design_effect.max(1.0);
    let (low, high) = clustered.interval(TAIL);
    let bounds = Interval { low, high };
    burn.rate = Some(bad / n / allowed);
    (burn.low, burn.high) = (Some(bounds.low / allowed), Some(bounds.high / allowed));
    burn.verdict = match (bounds.low > allowed, bounds.high <= allowed) {
        (true, _) => SloVerdict::Missed,
        (_, true) => SloVerdict::Met,
        _ => SloVerdict::CannotTell,
    };
    if burn.verdict == SloVerdict::CannotTell {
        burn.operations_needed = needed(bad / n, allowed).map(|needed| scaled(needed, clustered.divisor(TAIL)));
    }
    burn
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^52")]
fn scaled(operations: u64, design_effect: f64) -> u64 {
    (operations as f64 * design_effect).ceil() as u64
}

/// Operations after which an interval around `part` leaves out `allowed`: doubled until it does, then halved.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^52")]
fn needed(part: f64, allowed: f64) -> Option<u64> {
    // More than anybody runs.
    const MOST: f64 = 1e9;
    let tells = |n: f64| {
        let bounds = interval(part * n, n);
        bounds.high <= allowed || bounds.low > allowed
    };
    let mut enough = 16.0;
    while !tells(enough) {
        enough *= 2.0;
        if enough > MOST {
            return None;
        }
    }
    let mut few = enough / 2.0;
    while enough - few > 0.01 * enough {
        let middle = 0.5 * (few + enough);
        if tells(middle) { enough = middle } else { few = middle }
    }
    Some(enough.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLO: Slo = Slo { objective: 0.999, latency_s: Some(0.35), window_s: 2_592_000.0 };

    fn trials(counts: &[(u64, u64)]) -> Vec<SloCount> {
        let one = |(trial, (operations, slow)): (usize, &(u64, u64))| SloCount {
            trial: trial as u32 + 1,
            variant: "a".into(),
            operations: *operations,
            failed: 0,
            slow: *slow,
        };
        counts.iter().enumerate().map(one).collect()
    }

    fn judged(counts: &[(u64, u64)]) -> BurnRate {
        judge(&SLO, &[("a".to_owned(), 0)], &trials(counts)).remove(0)
    }

    #[test]
    fn met_missed_and_too_few() {
        let met = judged(&[(2000, 0), (2000, 0)]);
        assert_eq!((met.verdict, met.rate, met.low), (SloVerdict::Met, Some(0.0), Some(0.0)));
        assert!(met.high.unwrap() < 1.0 && met.operations_needed.is_none(), "{met:?}");

        let missed = judged(&[(2000, 10), (2000, 12), (2000, 11), (2000, 11)]);
        assert_eq!(missed.verdict, SloVerdict::Missed);
        assert!((missed.rate.unwrap() - 5.5).abs() < 1e-9 && missed.low.unwrap() > 3.0, "{missed:?}");

        // 3,688 operations without a bad one show 99.9 % (0.975 = 1 − 0.999^n): the closed form is ln 0.025 ÷ ln 0.999.
        let few = judged(&[(1000, 0)]);
        assert_eq!(few.verdict, SloVerdict::CannotTell);
        let needed = few.operations_needed.unwrap() as f64;
        assert!((needed / 3687.0 - 1.0).abs() < 0.02, "{needed}");
    }

    #[test]
    fn at_the_objective_itself_nothing_ever_tells() {
        let edge = judged(&[(10_000, 10), (10_000, 10)]);
        assert_eq!((edge.verdict, edge.operations_needed), (SloVerdict::CannotTell, None));
    }

    #[test]
    fn a_burst_is_one_misfortune() {
        let spread = judged(&[(2000, 5), (2000, 5), (2000, 5), (2000, 5)]);
        let burst = judged(&[(2000, 20), (2000, 0), (2000, 0), (2000, 0)]);
        assert_eq!(spread.rate, burst.rate);
        assert_eq!((spread.design_effect, spread.verdict), (1.0, SloVerdict::Missed));
        assert!(burst.design_effect > 10.0, "{burst:?}");
        // Two trials that happen to differ tell little of how trials do.
        let two = judged(&[(2000, 8), (2000, 12)]);
        assert!(two.low.unwrap() < 1.0 && two.verdict == SloVerdict::CannotTell, "{two:?}");
        assert_eq!(burst.verdict, SloVerdict::CannotTell);
    }

    #[test]
    fn nothing_to_judge_is_told() {
        let none = judge(&SLO, &[("a".to_owned(), 0)], &[]).remove(0);
        assert!(none.why.unwrap().contains("no measured operation") && none.rate.is_none());
        let limited = judge(&SLO, &[("a".to_owned(), 12)], &[]).remove(0);
        assert!(limited.why.unwrap().contains("the driver could not keep up"));
    }
}
