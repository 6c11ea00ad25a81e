use proptest::prelude::*;

use super::*;

const TICK_NS: u64 = 10_000_000;
const LIMIT: u64 = 1000;

/// A decider and its clock.
struct Bench {
    decider: Decider,
    sample: Sample,
}

impl Bench {
    fn new() -> Self {
        Self { decider: Decider::new(LIMIT, 0.25), sample: Sample::default() }
    }

    /// Another tick on two CPUs, at no cost.
    fn tick(&mut self, resident: u64, reclaimable: u64) -> Decision {
        self.costly_tick(resident, reclaimable, 0.0, 0.0)
    }

    fn costly_tick(&mut self, resident: u64, reclaimable: u64, purge_s: f64, fault_s: f64) -> Decision {
        let sample = &mut self.sample;
        sample.at_ns += TICK_NS;
        sample.capacity_s += 0.02;
        sample.purge_cpu_s += purge_s;
        sample.fault_cpu_s += fault_s;
        (sample.resident, sample.reclaimable) = (resident, reclaimable);
        self.decider.decide(sample)
    }
}

fn decision(action: Action, level: Level) -> Decision {
    Decision { action, level, paused: false }
}

#[test]
fn giving_back_starts_close_to_the_limit_and_stops_well_below() {
    let mut bench = Bench::new();
    assert!(!bench.decider.asks_for_reclaimable(919));
    assert_eq!(bench.tick(919, 500), decision(Action::Rest, Level::None));
    assert!(bench.decider.asks_for_reclaimable(921));
    assert_eq!(bench.tick(921, 500), decision(Action::Purge, Level::Purging));
    assert_eq!(bench.tick(880, 450), decision(Action::Purge, Level::Purging), "between the marks it goes on");
    assert!(bench.decider.asks_for_reclaimable(880));
    assert_eq!(bench.tick(869, 440), decision(Action::Rest, Level::None));
    assert_eq!(bench.tick(919, 440), decision(Action::Rest, Level::None), "and does not begin again");
}

#[test]
fn what_is_not_worth_the_calls_stays() {
    let mut bench = Bench::new();
    assert_eq!(bench.tick(990, 50), decision(Action::Rest, Level::Purging));
    assert_eq!(bench.tick(990, 51), decision(Action::Purge, Level::Purging));
}

#[test]
fn live_memory_above_the_limit_is_told_until_it_is_well_below() {
    let mut bench = Bench::new();
    assert_eq!(bench.tick(1001, 300), decision(Action::Purge, Level::Purging), "there is something to give back");
    assert_eq!(bench.tick(1001, 10), decision(Action::Rest, Level::Over));
    assert_eq!(bench.tick(930, 10), decision(Action::Rest, Level::Over), "below, but close");
    assert_eq!(bench.tick(930, 300), decision(Action::Purge, Level::Over), "what is freed goes back meanwhile");
    assert_eq!(bench.tick(860, 10), decision(Action::Rest, Level::None));
}

#[test]
fn a_fruitless_purge_is_not_repeated_at_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.tick(1100, 600).action, Action::Purge);
    bench.decider.gave_back(4);
    for _ in 0..99 {
        assert_eq!(bench.tick(1100, 600), decision(Action::Rest, Level::Over));
    }
    assert_eq!(bench.tick(1100, 600).action, Action::Purge, "a second later it is tried again");
    bench.decider.gave_back(0);
    assert_eq!(bench.tick(1140, 600).action, Action::Rest);
    assert_eq!(bench.tick(1151, 600).action, Action::Purge, "and so it is when memory has grown");
    bench.decider.gave_back(5);
    assert_eq!(bench.tick(1151, 600).action, Action::Purge, "this one bore fruit");
}

#[test]
fn a_spent_budget_pauses_until_half_of_it_is_free_again() {
    let mut bench = Bench::new();
    assert_eq!(bench.tick(950, 500).action, Action::Purge);
    // 6 ms of 20 ms: 30 % of the CPUs.
    let paused = (0..).find(|_| bench.costly_tick(950, 500, 0.002, 0.004).paused).unwrap();
    assert_eq!(paused, 0);
    assert!((bench.decider.cpu_share() - 0.3).abs() < 1e-9);
    let mut rested = 0;
    while bench.tick(950, 500) == (Decision { action: Action::Rest, level: Level::Purging, paused: true }) {
        rested += 1;
    }
    assert!(bench.decider.cpu_share() <= 0.125, "{}", bench.decider.cpu_share());
    assert_eq!(rested, 1, "0.3 ÷ 2, 0.3 ÷ 3 = 0.1");
    assert_eq!(
        bench.costly_tick(1001, 500, 0.1, 0.0),
        Decision { action: Action::Rest, level: Level::Over, paused: true }
    );
}

#[test]
fn faults_of_growth_below_the_limit_are_not_charged() {
    let mut bench = Bench::new();
    for _ in 0..50 {
        bench.costly_tick(500, 0, 0.0, 0.02);
    }
    assert_eq!(bench.decider.cpu_share(), 0.0);
    bench.tick(950, 500);
    bench.costly_tick(950, 500, 0.0, 0.02);
    assert!(bench.decider.cpu_share() > 0.0);
}

#[test]
fn cost_older_than_a_second_is_forgotten() {
    let mut bench = Bench::new();
    bench.tick(950, 500);
    bench.costly_tick(950, 500, 1.0, 0.0);
    for _ in 0..100 {
        bench.tick(950, 500);
    }
    assert_eq!(bench.decider.cpu_share(), 0.0);
    assert!(bench.decider.window.len() <= 102, "{}", bench.decider.window.len());
}

#[test]
fn at_the_lower_mark_it_still_asks_and_gives_back() {
    let mut bench = Bench::new();
    bench.tick(921, 0);
    assert!(bench.decider.asks_for_reclaimable(870));
    assert_eq!(bench.tick(870, 51).action, Action::Purge);
    assert!(!bench.decider.asks_for_reclaimable(869));
}

proptest! {
    #[test]
    fn no_sequence_of_samples_breaks_a_promise(
        steps in proptest::collection::vec((0u64..1400, 0u64..600, 0.0f64..0.01, 0.0f64..0.02, 0u64..40, 1u64..50), 1..400)
    ) {
        let mut bench = Bench::new();
        let (mut was, mut reached_start) = (Level::None, false);
        for (resident, reclaimable, purge_s, fault_s, freed, ticks) in steps {
            bench.sample.at_ns += ticks * TICK_NS;
            let asked = bench.decider.asks_for_reclaimable(resident);
            let decided = bench.costly_tick(resident, reclaimable, purge_s, fault_s);
            if resident > 920 {
                reached_start = true;
            } else if resident < 870 {
                reached_start = false;
            }
            // It gives back only what is worth it, between the marks, within the budget, and never unasked.
            if decided.action == Action::Purge {
                prop_assert!(asked && reached_start && resident >= 870 && reclaimable > 50 && !decided.paused);
                prop_assert!(bench.decider.cpu_share() <= 0.25 + 1e-9);
                bench.decider.gave_back(freed);
            }
            // No pressure exactly where it is not close; over only from above the limit.
            prop_assert_eq!(decided.level == Level::None, !reached_start);
            if decided.level == Level::Over && was != Level::Over {
                prop_assert!(resident > LIMIT && decided.action == Action::Rest);
            }
            was = decided.level;
        }
    }

    #[test]
    fn between_the_marks_nothing_ever_changes(inside in proptest::collection::vec(871u64..920, 1..100), high: bool) {
        let mut bench = Bench::new();
        let level = bench.tick(if high { 990 } else { 100 }, 0).level;
        for resident in inside {
            prop_assert_eq!(bench.tick(resident, 0).level, level);
        }
    }
}
