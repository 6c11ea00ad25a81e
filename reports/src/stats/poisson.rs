//! Two rates of counted events against each other: stalls, blocked polls, errors per thousand operations.

use super::binomial::{at_least, at_most, clopper_pearson};

/// Events counted over an exposure (operations, seconds) and pooled over trials.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// How many.
    pub events: u64,
    /// In how much; positive.
    pub exposure: f64,
}

/// The candidate's rate against the base's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateRatio {
    /// Candidate's rate ÷ base's; absent where the base counted nothing.
    pub ratio: Option<f64>,
    /// Lower end of the interval of the ratio.
    pub low: f64,
    /// Upper end; infinite where the base counted nothing.
    pub high: f64,
    /// Candidate's rate less the base's, events per unit of exposure.
    pub difference: f64,
    /// Two-sided p of equal rates, twice the smaller tail; 1 where neither counted anything.
    pub p: f64,
    /// True where the difference is at least the floor in either direction: fewer events than that matter to nobody,
    /// however sure they are.
    pub above_floor: bool,
}

impl RateRatio {
    /// Whether a difference is shown at `alpha`, and worth a verdict.
    pub fn is_shown(&self, alpha: f64) -> bool {
        self.above_floor && self.p <= alpha
    }
}

/// Compares two rates of independent events by the exact conditional test: given the sum of both counts, the candidate's
/// is binomial (Przyborowski and Wilenski 1940; R's `poisson.test`, whose interval this is). The interval is Clopper and
/// Pearson's at confidence `level`; `floor` is in events per unit of exposure.
///
/// Events that come in bursts are not independent, and p is then too small: count bursts, or compare trial by trial with
/// [`super::signed_rank`]. `None` where an exposure is not positive and finite.
pub fn rate_ratio(base: Counted, candidate: Counted, level: f64, floor: f64) -> Option<RateRatio> {
    let good = |counted: Counted| counted.exposure > 0.0 && counted.exposure.is_finite();
    if !good(base) || !good(candidate) {
        return None;
    }
    let all = base.events + candidate.events;
    let even = candidate.exposure / (candidate.exposure + base.exposure);
    let p = match all {
        0 => 1.0,
        _ => (2.0 * at_most(candidate.events, all, even).min(at_least(candidate.events, all, even))).min(1.0),
    };
    // A part q of all events is a ratio q / (1 − q) of counts.
    let as_ratio = |part: f64| part / (1.0 - part) * base.exposure / candidate.exposure;
    let (low, high) = clopper_pearson(candidate.events, all, level);
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let rate = |counted: Counted| counted.events as f64 / counted.exposure;
    let difference = rate(candidate) - rate(base);
    Some(RateRatio {
        ratio: (base.events > 0).then(|| rate(candidate) / rate(base)),
        low: as_ratio(low),
        high: if high >= 1.0 { f64::INFINITY } else { as_ratio(high) },
        difference,
        p,
        above_floor: difference != 0.0 && difference.abs() >= floor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(events: u64, exposure: f64) -> Counted {
        Counted { events, exposure }
    }

    /// scipy.stats.binomtest(k, n).proportion_ci(0.95, "exact") and binom.cdf/.sf, SciPy 1.17.1: candidate, base; ratio,
    /// interval, p.
    #[test]
    fn as_scipy() {
        for (candidate, base, [ratio, low, high, p]) in SCIPY {
            let of = |[events, exposure]: [u32; 2]| counted(u64::from(events), f64::from(exposure));
            let found = rate_ratio(of(base), of(candidate), 0.95, 0.0).unwrap();
            for (found, expected) in [(found.ratio.unwrap(), ratio), (found.low, low), (found.high, high), (found.p, p)]
            {
                assert!((found - expected).abs() <= 1e-9 * expected, "{found} and {expected}");
            }
        }
    }

    const SCIPY: [([u32; 2], [u32; 2], [f64; 4]); 4] = [
        (
            [11, 800],
            [23, 3011],
            [1.800_054_347_826_087, 0.792_205_085_833_356_7, 3.843_862_740_395_174, 0.165_859_825_583_608_32],
        ),
        ([12, 10_000], [3, 10_000], [4.0, 1.079_472_732_391_118_8, 22.088_286_897_741_82, 0.035_156_25]),
        ([0, 1_000], [4, 2_000], [0.0, 0.0, 3.029_733_718_731_882_2, 0.395_061_728_395_061_7]),
        (
            [100, 100_000],
            [60, 100_000],
            [1.666_666_666_666_666_7, 1.198_285_803_215_802_6, 2.335_303_385_199_670_5, 0.001_953_728_034_064_355],
        ),
    ];

    #[test]
    fn nothing_counted_on_one_side() {
        let found = rate_ratio(counted(0, 1e3), counted(5, 1e3), 0.95, 0.0).unwrap();
        assert_eq!((found.ratio, found.high), (None, f64::INFINITY));
        assert!((found.low - 0.916_355_857_315_46).abs() < 1e-9 && (found.p - 0.0625).abs() < 1e-12);
        let neither = rate_ratio(counted(0, 1e3), counted(0, 5e3), 0.95, 0.0).unwrap();
        assert_eq!((neither.ratio, neither.p, neither.difference, neither.above_floor), (None, 1.0, 0.0, false));
    }

    /// Medians of a real host per 1,000 operations: 0 blocked polls healthy, 1.0 in a program of which one operation in
    /// 1,000 blocks its thread; 6,000 operations a trial. One trial tells them apart.
    #[test]
    fn one_trial_shows_a_fault_and_a_floor_hides_a_trifle() {
        let fault = rate_ratio(counted(0, 6_000.0), counted(6, 6_000.0), 0.95, 0.000_2).unwrap();
        assert!(!fault.is_shown(0.01) && fault.is_shown(0.05), "{}", fault.p);
        let ten = rate_ratio(counted(1, 6_000.0), counted(12, 6_000.0), 0.95, 0.000_2).unwrap();
        assert!(ten.is_shown(0.01), "{}", ten.p);
        let trifle = rate_ratio(counted(10, 1e8), counted(60, 1e8), 0.95, 0.000_2).unwrap();
        assert!(trifle.p < 1e-6 && !trifle.is_shown(0.01));
    }

    #[test]
    fn exposure_must_be_positive() {
        for exposure in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(rate_ratio(counted(1, exposure), counted(1, 1.0), 0.95, 0.0), None);
            assert_eq!(rate_ratio(counted(1, 1.0), counted(1, exposure), 0.95, 0.0), None);
        }
    }
}
