use super::*;

const OPERATIONS: f64 = 2_000.0;

fn counted(events: &[u64]) -> Vec<Counted> {
    events.iter().map(|events| Counted { events: *events, exposure: OPERATIONS }).collect()
}

/// SplitMix64, and what is drawn from it.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Knuth's product of uniform numbers.
    fn poisson(&mut self, mean: f64) -> u64 {
        let (end, mut product, mut count) = ((-mean).exp(), self.uniform(), 0);
        while product > end {
            product *= self.uniform();
            count += 1;
        }
        count
    }

    /// Trials that expect `mean` events, which come in bursts of `size`.
    fn trials(&mut self, trials: usize, mean: f64, size: u64) -> Vec<Counted> {
        counted(&(0..trials).map(|_| self.poisson(mean / size as f64) * size).collect::<Vec<_>>())
    }
}

#[test]
fn clusters_that_agree_are_operations_that_are_independent() {
    let even = Clustered::of(&counted(&[5, 5, 5, 5]));
    assert_eq!((even.events, even.exposure, even.design_effect), (20, 8_000.0, 0.0));
    assert_eq!((even.divisor(0.025), even.interval(0.025)), (1.0, clopper_pearson_of(20.0, 8_000.0, 0.025)));
    // Σ(y − rn)² = 300 of 20 events, by 4 ÷ 3: 20.05 times what independent operations have, 3.182² ÷ 1.96² for 3 degrees
    // of freedom.
    let burst = Clustered::of(&counted(&[20, 0, 0, 0]));
    assert!((burst.design_effect - 20.0 / (1.0 - 0.0025)).abs() < 1e-9, "{burst:?}");
    assert!((burst.divisor(0.025) / burst.design_effect - 2.636).abs() < 2e-3, "{burst:?}");
    assert!(burst.interval(0.025).0 < even.interval(0.025).0 && burst.interval(0.025).1 > even.interval(0.025).1);
}

#[test]
fn what_tells_nothing_of_clusters_is_taken_as_independent() {
    for clusters in [&[0, 0, 0][..], &[7], &[]] {
        let all = Clustered::of(&counted(clusters));
        assert_eq!((all.design_effect, all.freedom, all.divisor(0.001)), (1.0, 0.0, 1.0));
    }
    let idle = Counted { events: 0, exposure: 0.0 };
    assert_eq!(Clustered::of(&[counted(&[3, 4]), vec![idle]].concat()), Clustered::of(&counted(&[3, 4])));
    assert_eq!(clustered_ratio(&[idle], &counted(&[1, 2]), 0.025, 0.0), None);
}

/// The promise of an interval: it holds the truth, whatever the bursts. Counting operations alone breaks it.
#[test]
fn intervals_hold_the_truth_where_events_come_in_bursts() {
    const GATES: usize = 300;
    let mut random = Random(7);
    for size in [1, 5, 40] {
        for trials in [12, 32] {
            let (mut missed, mut naive) = ([0, 0], 0);
            for _ in 0..GATES {
                let all = Clustered::of(&random.trials(trials, 20.0, size));
                let (low, high) = all.interval(0.025);
                let truth = 20.0 / OPERATIONS;
                missed[0] += usize::from(low > truth);
                missed[1] += usize::from(high < truth);
                let (low, high) = clopper_pearson_of(all.events as f64, all.exposure, 0.025);
                naive += usize::from(low > truth || high < truth);
            }
            // 7.5 are expected on either side; 20 would come up once in ten thousand times.
            assert!(missed.iter().all(|missed| *missed < 20), "bursts of {size}, {trials} trials: {missed:?}");
            assert!(size == 1 || naive > GATES / 4, "bursts of {size}: {naive}");
        }
    }
}

#[test]
fn equal_rates_raise_no_alarm_where_events_come_in_bursts() {
    const GATES: usize = 300;
    let mut random = Random(11);
    for size in [1, 5, 40] {
        let (mut alarms, mut strict) = (0, 0);
        for _ in 0..GATES {
            let [base, candidate] = [0, 1].map(|_| random.trials(12, 20.0, size));
            alarms += usize::from(clustered_ratio(&base, &candidate, 0.025, 0.0).unwrap().is_shown(0.05));
            strict += usize::from(clustered_ratio(&base, &candidate, 0.002, 0.0).unwrap().is_shown(0.004));
        }
        // 15 and 1.2 are expected at most.
        assert!(alarms < 30 && strict < 7, "bursts of {size}: {alarms} and {strict} of {GATES}");
    }
    // And a tenfold rate is still seen, in bursts or not.
    for size in [1, 5] {
        let [base, candidate] = [2.0, 20.0].map(|mean| random.trials(12, mean, size));
        let found = clustered_ratio(&base, &candidate, 0.002, 0.0).unwrap();
        assert!(found.is_shown(0.004) && found.low > 1.0, "bursts of {size}: {found:?}");
    }
}

#[test]
fn independent_rates_are_compared_as_they_ever_were() {
    let [base, candidate] = [counted(&[6, 6, 5, 6]), counted(&[3, 3, 2, 3])];
    let found = clustered_ratio(&base, &candidate, 0.025, 0.0).unwrap();
    let sum = |events| Counted { events, exposure: 4.0 * OPERATIONS };
    let plain = super::super::rate_ratio(sum(23), sum(11), 0.95, 0.0).unwrap();
    for (found, plain) in [(found.p, plain.p), (found.low, plain.low), (found.high, plain.high)] {
        assert!((found / plain - 1.0).abs() < 1e-9, "{found} and {plain}");
    }
    assert_eq!(found.ratio, plain.ratio);
}
