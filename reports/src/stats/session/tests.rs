use super::super::{Design, DesignError, Family, GATE_ALPHA, Question, critical};
use super::*;
use crate::metric::Better;

/// Repeatable normal noise: SplitMix64 (Steele, Lea and Flood 2014) through Box and Muller's transform.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        #[allow(clippy::cast_precision_loss)]
        let unit = ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        unit
    }

    fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (2.0 * std::f64::consts::PI * angle).cos()
    }
}

const CPU: Question = Question { better: Better::Lower, margin: 0.03, least_effect: 0.0 };

fn gate() -> Design {
    Design::gate(32, GATE_ALPHA).unwrap()
}

fn run(design: &Design, question: Question, mut value: impl FnMut(usize) -> f64) -> Conclusion {
    let mut session = Session::new(design.clone(), question);
    for pair in 0.. {
        if let Step::Stop(conclusion) = session.push(value(pair)).unwrap() {
            return conclusion;
        }
    }
    unreachable!()
}

#[test]
fn levels_of_the_gate() {
    let design = gate();
    assert_eq!(design.looks(), [12, 16, 24, 32]);
    let levels: Vec<String> = (0..4).map(|look| format!("{:.5}", design.level(look))).collect();
    insta::assert_debug_snapshot!(levels);
    let shown: Vec<String> = (0..4).map(|look| format!("{:.4}", design.interval_level(look))).collect();
    insta::assert_debug_snapshot!(shown);
    assert_eq!(Design::gate(20, 0.01).unwrap().looks(), [12, 16, 20]);
    assert_eq!(Design::gate(8, 0.01).unwrap().looks(), [8]);
    assert_eq!(Design::gate(100, 0.01).unwrap().looks(), [12, 16, 24, 32, 48, 72, 100]);
}

#[test]
fn designs_that_are_none() {
    assert_eq!(Design::new(&[], 0.01), Err(DesignError::NoLook));
    assert_eq!(Design::new(&[0], 0.01), Err(DesignError::NotRising(0, 0)));
    assert_eq!(Design::new(&[12, 12], 0.01), Err(DesignError::NotRising(12, 12)));
    for alpha in [0.0, 1.0, -1.0, f64::NAN] {
        assert_eq!(Design::fixed(12, alpha), Err(DesignError::Alpha));
    }
}

/// One look is the plain test: its level is the largest exact p that is at most alpha.
#[test]
fn one_look_is_the_plain_test() {
    assert!((Design::fixed(8, 0.01).unwrap().level(0) - 2.0 / 256.0).abs() < 1e-15);
    assert_eq!(Design::fixed(7, 0.01).unwrap().level(0), 0.0);
    // Wilcoxon's table: 10 pairs, 3 at two-sided .01, whose exact p is 10/1024.
    assert!((Design::fixed(10, 0.01).unwrap().level(0) - 10.0 / 1024.0).abs() < 1e-15);
}

type Shape = fn(&mut Noise, usize) -> f64;

/// 10,000 comparisons of nothing but noise, each of 32 pairs with four looks: false alarms at most 1 %, and not far below,
/// for normal noise, for noise of which some pairs are ten times as wild, and for noise that grows.
#[test]
fn false_alarms_are_at_most_alpha() {
    let design = gate();
    let sums: Vec<(usize, usize)> = (0..4)
        .map(|look| (design.looks()[look], critical(design.looks()[look], design.level(look)).unwrap()))
        .collect();
    let shapes: [(&str, Shape); 3] = [
        ("normal", |noise, _| noise.normal()),
        ("heavy", |noise, _| noise.normal() * if noise.uniform() < 0.1 { 10.0 } else { 1.0 }),
        ("growing", |noise, pair| {
            #[allow(clippy::cast_precision_loss)]
            let scale = 1.0 + pair as f64;
            noise.normal() * scale
        }),
    ];
    for (shape, noisy) in shapes {
        let mut noise = Noise(7);
        let runs = 10_000_u64;
        let alarms = (0..runs).filter(|_| shown(&sums, |pair| noisy(&mut noise, pair))).count();
        let alarms = u64::try_from(alarms).unwrap();
        // Seeded, so this never flickers: the 99 % interval of the rate.
        let (low, high) = super::super::clopper_pearson(alarms, runs, 0.99);
        assert!(high > 0.007 && low < 0.01, "{shape}: {alarms} of {runs}");
    }
}

/// As [`Session`] decides, without the estimates and at the speed that so many need: rank sums against the critical ones
/// of each look, which `signed_rank` is tested against.
fn shown(sums: &[(usize, usize)], value: impl FnMut(usize) -> f64) -> bool {
    let differences: Vec<f64> = (0..32).map(value).collect();
    sums.iter().any(|(pairs, sum)| {
        let mut seen = differences[..*pairs].to_vec();
        seen.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let positive: usize = (1..).zip(&seen).filter(|(_, value)| **value > 0.0).map(|(rank, _)| rank).sum();
        positive.min(pairs * (pairs + 1) / 2 - positive) <= *sum
    })
}

/// Intervals hold the truth as often as they say, whether the comparison stopped early or not: 300 comparisons each
/// whose truth makes it stop at different looks.
#[test]
fn intervals_survive_early_stops() {
    let design = gate();
    for (truth, seed) in [(0.0, 1), (0.6, 2), (1.2, 3)] {
        let mut noise = Noise(seed);
        let runs = 300;
        let (mut held, mut early) = (0, 0);
        for _ in 0..runs {
            let conclusion = run(&design, CPU, |_| truth + noise.normal());
            let (low, high) = conclusion.interval.unwrap();
            held += u32::from(low <= truth && truth <= high);
            early += u32::from(conclusion.early);
        }
        assert!(f64::from(held) / f64::from(runs) >= 0.93, "truth {truth}: {held} of {runs}");
        assert!(truth == 0.0 || early > runs / 4, "truth {truth}: {early} early stops");
    }
}

#[test]
fn a_large_effect_stops_at_the_first_look() {
    let mut noise = Noise(5);
    let conclusion = run(&gate(), CPU, |_| 0.10 + 0.01 * noise.normal());
    assert_eq!((conclusion.verdict, conclusion.pairs, conclusion.early), (Verdict::Regressed, 12, true));
    assert!((conclusion.ratio().unwrap() - 1.105).abs() < 0.01);
    let (low, high) = conclusion.ratios().unwrap();
    assert!(low > 1.08 && high < 1.13, "{low} {high}");
    let better = run(&gate(), Question { better: Better::Higher, ..CPU }, |_| 0.10 + 0.01 * noise.normal());
    assert_eq!(better.verdict, Verdict::Improved);
}

#[test]
fn at_the_end_the_same_or_cannot_tell() {
    let mut noise = Noise(5);
    let same = run(&gate(), CPU, |_| 0.01 * noise.normal());
    assert_eq!((same.verdict, same.pairs, same.margin, same.early), (Verdict::Same, 32, Some(0.03), false));
    let wild = run(&gate(), CPU, |_| noise.normal());
    assert_eq!((wild.verdict, wild.pairs), (Verdict::CannotTell, 32));
    // ((2.58 + 1.64) · 1 / .0296)² is 20,383 at a standard deviation of 1.
    let needed = wild.pairs_needed.unwrap();
    assert!((10_000..40_000).contains(&needed), "{needed}");
    let equal = run(&gate(), CPU, |_| 0.0);
    assert_eq!((equal.verdict, equal.ratio()), (Verdict::Same, Some(1.0)));
}

/// A difference of 2 % where 3 % is allowed, too wide for `same`: some more pairs tell, always more than there were.
#[test]
fn needs_more_than_it_had() {
    let mut noise = Noise(5);
    let conclusion = run(&gate(), CPU, |_| 0.02 + 0.08 * noise.normal());
    assert_eq!(conclusion.verdict, Verdict::CannotTell);
    assert!(conclusion.pairs_needed.unwrap() > 32);
}

#[test]
fn a_shown_difference_below_the_least_effect_is_no_regression() {
    let mut noise = Noise(5);
    let question = Question { least_effect: 0.03, ..CPU };
    let conclusion = run(&gate(), question, |_| 0.02 + 0.005 * noise.normal());
    assert_eq!((conclusion.verdict, conclusion.pairs), (Verdict::Same, 32));
    // Two by two about 2.65 %, ever wider.
    let wider = |pair: usize| {
        #[allow(clippy::cast_precision_loss)]
        let width = 0.002 * (pair / 2) as f64;
        0.0265 + if pair.is_multiple_of(2) { width } else { -width }
    };
    let conclusion = run(&gate(), question, wider);
    assert_eq!(conclusion.verdict, Verdict::CannotTell);
    insta::assert_snapshot!(conclusion.why.unwrap());
    let neither = run(&gate(), Question { better: Better::Neither, ..CPU }, |_| 0.5 + 0.01 * noise.normal());
    assert_eq!((neither.verdict, neither.pairs_needed), (Verdict::CannotTell, None));
    assert_eq!(neither.why.as_deref(), Some("it differs, but neither direction of this metric is better"));
}

#[test]
fn time_may_end_a_session() {
    let mut session = Session::new(gate(), CPU);
    assert_eq!(session.finish().why.as_deref(), Some("0 pairs: fewer than 8 can never show a difference"));
    let few = |pairs: usize| {
        let mut session = Session::new(gate(), CPU);
        for pair in 0..pairs {
            #[allow(clippy::cast_precision_loss)]
            let value = 0.1 + 0.001 * pair as f64;
            let _ = session.push(value).unwrap();
        }
        session.finish()
    };
    let seven = few(7);
    assert_eq!((seven.verdict, seven.pairs_needed), (Verdict::CannotTell, Some(8)));
    let eight = few(8);
    assert_eq!((eight.verdict, eight.pairs, eight.early), (Verdict::Regressed, 8, false));
}

/// The end of the time before the last look spends what is left, and no more: the level lies between those of the looks
/// around it and alpha.
#[test]
fn an_early_end_spends_the_rest() {
    let design = gate();
    let ended = design.ending(20).unwrap();
    assert_eq!(ended.looks(), [12, 16, 20]);
    assert_eq!((ended.level(0), ended.level(1)), (design.level(0), design.level(1)));
    assert!(ended.level(2) > design.level(2) && ended.level(2) < 0.01);
    assert!(ended.interval_level(2) > ended.level(2));
    assert_eq!(design.ending(16).unwrap().looks(), [12, 16]);
    assert_eq!(design.ending(32).unwrap(), design);
    assert_eq!(design.ending(0), Err(DesignError::NotRising(0, 0)));
}

#[test]
fn pairs_without_a_ratio_change_nothing() {
    let mut session = Session::new(gate(), CPU);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(session.push(value).is_err());
    }
    assert!(session.differences().is_empty());
    assert_eq!(session.push(0.1), Ok(Step::Continue { until: 12 }));
}

#[test]
fn what_is_decided_stays_decided() {
    let mut session = Session::new(gate(), CPU);
    let mut steps = (0..40).map(|pair| session.push(if pair < 12 { 0.1 } else { -5.0 }).unwrap());
    let Some(Step::Stop(first)) = steps.by_ref().find(|step| matches!(step, Step::Stop(_))) else { panic!() };
    assert!(steps.all(|step| step == Step::Stop(first.clone())));
    assert_eq!(session.finish(), first);
    assert_eq!(session.differences().len(), 12);
}

/// Two metrics: alone at .005 the second shows nothing; with the share of the first it does.
#[test]
fn a_shown_difference_leaves_its_share() {
    let mut family = Family::gate(&[CPU, CPU], 32, GATE_ALPHA).unwrap();
    let half = Design::gate(32, GATE_ALPHA / 2.0).unwrap();
    // All but one of 12 positive, at this rank: p between the levels of .005 and .01.
    let second = |pair: usize| {
        #[allow(clippy::cast_precision_loss)]
        let magnitude = 0.1 + 0.001 * pair as f64;
        if pair == 1 { -magnitude } else { magnitude }
    };
    let p = super::super::signed_rank(&(0..12).map(second).collect::<Vec<_>>()).unwrap().p;
    assert!(p > half.level(0) && p <= gate().level(0), "{p}");
    for pair in 0..12 {
        assert!(!family.decided());
        let _ = family.push(1, second(pair)).unwrap();
        let _ = family.push(0, 0.1 + 0.001 * second(pair)).unwrap();
    }
    assert!(family.decided(), "{:?}", family.members()[1].conclusion());
    let conclusions = family.finish();
    assert!(conclusions.iter().all(|one| one.verdict == Verdict::Regressed && one.pairs == 12));
}

/// A family of three under noise: any alarm at most as often as its error rate.
#[test]
fn a_family_shares_its_error() {
    let mut noise = Noise(11);
    let runs = 200;
    let fresh = Family::gate(&[CPU, CPU, CPU], 16, 0.2).unwrap();
    let mut alarms = 0;
    for _ in 0..runs {
        let mut family = fresh.clone();
        for _ in 0..16 {
            for member in 0..3 {
                let _ = family.push(member, noise.normal()).unwrap();
            }
        }
        alarms += u64::from(family.finish().iter().any(|one| is_shown(one.verdict)));
    }
    // At .2, so that few runs say something: 40 ± 6 expected at most.
    assert!((20..=56).contains(&alarms), "{alarms} of {runs}");
}
