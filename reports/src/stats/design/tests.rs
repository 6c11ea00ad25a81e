//! False alarms with no sampling: over all signs that the toss of a coin for each pair can give.

use std::collections::BTreeMap;

use super::super::critical;
use super::{Design, GATE_ALPHA};

/// Looks and the smaller rank sum up to which each shows a difference.
fn sums(design: &Design) -> Vec<(usize, usize)> {
    let looks = design.looks().iter().enumerate();
    looks.filter_map(|(at, pairs)| Some((*pairs, critical(*pairs, design.level(at))?))).collect()
}

/// Probability of an alarm where every difference is larger than all before it: among any number of pairs the i-th has rank
/// i. No order of magnitudes makes the looks agree less, so none raises more alarms.
fn growing(design: &Design) -> f64 {
    let most = design.most();
    let mut going = vec![0.0; most * (most + 1) / 2 + 1];
    going[0] = 1.0;
    let (mut alarm, looks) = (0.0, sums(design));
    for pair in 1..=most {
        for sum in (0..going.len()).rev() {
            going[sum] = 0.5 * (going[sum] + if sum >= pair { going[sum - pair] } else { 0.0 });
        }
        if let Some((_, critical)) = looks.iter().find(|(pairs, _)| *pairs == pair) {
            let all = pair * (pair + 1) / 2;
            for (sum, probability) in going.iter_mut().enumerate().take(all + 1) {
                if sum.min(all - sum) <= *critical {
                    alarm += std::mem::take(probability);
                }
            }
        }
    }
    alarm
}

/// The same where every difference is smaller than all before it: a new one has rank 1 and moves the others up by one.
fn shrinking(design: &Design) -> f64 {
    let mut going = BTreeMap::from([((0, 0), 1.0)]);
    let (mut alarm, looks) = (0.0, sums(design));
    for pair in 1..=design.most() {
        let mut next = BTreeMap::new();
        for ((sum, positives), probability) in going {
            *next.entry((sum + positives, positives)).or_insert(0.0) += 0.5 * probability;
            *next.entry((sum + positives + 1, positives + 1)).or_insert(0.0) += 0.5 * probability;
        }
        if let Some((_, critical)) = looks.iter().find(|(pairs, _)| *pairs == pair) {
            let all = pair * (pair + 1) / 2;
            next.retain(|(sum, _), probability| {
                let shown = all.saturating_sub(*sum).min(*sum) <= *critical;
                alarm += if shown { *probability } else { 0.0 };
                !shown
            });
        }
        going = next;
    }
    alarm
}

/// The promise is 1 %, whatever noise does from pair to pair, in tests of any length and in those that the clock ends.
#[test]
fn no_growth_of_noise_raises_more_than_one_alarm_in_a_hundred() {
    for most in [8, 12, 14, 16, 20, 24, 28, 32, 48, 64] {
        let design = Design::gate(most, GATE_ALPHA).unwrap();
        let rate = growing(&design);
        assert!((0.006..=0.01).contains(&rate), "{most} pairs: {rate}");
        if most <= 24 {
            assert!(shrinking(&design) <= rate + 1e-12, "{most} pairs");
        }
    }
    let planned = Design::gate(32, GATE_ALPHA).unwrap();
    for ended in [13, 20, 28] {
        let rate = growing(&planned.ending(ended).unwrap());
        assert!(rate <= 0.01, "ended after {ended}: {rate}");
    }
}
