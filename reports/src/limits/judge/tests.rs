use super::*;
use crate::compare::fixture;
use crate::limits::parse;
use crate::run::Plan;

fn limits(texts: &[&str]) -> Vec<Limit> {
    texts.iter().map(|text| parse(text).unwrap()).collect()
}

/// Feeds the trials of a plan block by block until the judge has heard enough.
fn judged(texts: &[&str], blocks: u32, trials: impl Fn(&Plan) -> Vec<TrialRecord>) -> (Vec<LimitOutcome>, usize) {
    let plan = fixture::plan(&["base", "new"], blocks);
    let most = usize::try_from(blocks).unwrap();
    let mut judge = Judge::new(&limits(texts), "base", &["new".to_owned()], most, stats::GATE_ALPHA).unwrap();
    for trial in trials(&plan) {
        judge.hear(trial);
        if judge.decided() {
            break;
        }
    }
    let stopped = if judge.decided() { Stopped::Early } else { Stopped::AllPairs };
    (judge.outcomes(stopped), judge.pairs())
}

fn cpu(ratio: f64, own: f64) -> impl Fn(&Plan) -> Vec<TrialRecord> {
    move |plan| fixture::trials(plan, &[("cpu_per_op", &[20e-6, 20e-6 * ratio])], 0.3, own)
}

fn sentences(outcomes: &[LimitOutcome]) -> String {
    outcomes.iter().map(|one| format!("{:?}: {}", one.verdict, one.sentence)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_clear_change_breaks_a_limit_at_the_first_look() {
    let (outcomes, pairs) = judged(&["cpu_per_op<+3%"], 32, cpu(1.06, 0.02));
    assert_eq!((outcomes[0].verdict, pairs), (LimitVerdict::Broken, 12));
    insta::assert_snapshot!(sentences(&outcomes), @"Broken: CPU per op +5.4 % [+3.7 %, +7.1 %]: `cpu_per_op<+3%` is broken (12 pairs)");
}

#[test]
fn no_change_is_shown_to_be_within_the_limit() {
    let (outcomes, pairs) = judged(&["cpu_per_op<+3%"], 32, cpu(1.0, 0.02));
    assert_eq!((outcomes[0].verdict, pairs), (LimitVerdict::Held, 12));
    insta::assert_snapshot!(sentences(&outcomes), @"Held: CPU per op −0.5 % [−2.2 %, +1.1 %]: `cpu_per_op<+3%` is kept (12 pairs)");
}

#[test]
fn what_cannot_be_told_says_how_many_pairs_would() {
    let (outcomes, pairs) = judged(&["cpu_per_op<+1%"], 16, cpu(1.01, 0.1));
    assert_eq!((outcomes[0].verdict, pairs), (LimitVerdict::CannotTell, 16));
    insta::assert_snapshot!(sentences(&outcomes), @"CannotTell: CPU per op +0.4 % [−4.8 %, +4.5 %]: cannot tell whether `cpu_per_op<+1%` is kept (16 pairs; about 1091 pairs would tell)");
}

#[test]
fn a_change_may_be_asked_for() {
    let asked = ["cpu_per_op<-10%"];
    assert_eq!(judged(&asked, 32, cpu(0.8, 0.02)).0[0].verdict, LimitVerdict::Held);
    assert_eq!(judged(&asked, 32, cpu(1.0, 0.02)).0[0].verdict, LimitVerdict::Broken);
    let capacity =
        |ratio: f64| move |plan: &Plan| fixture::trials(plan, &[("capacity", &[1e4, 1e4 * ratio])], 0.3, 0.02);
    assert_eq!(judged(&["capacity>-5%"], 32, capacity(1.0)).0[0].verdict, LimitVerdict::Held);
    let (outcomes, _) = judged(&["capacity>-5%"], 32, capacity(0.9));
    insta::assert_snapshot!(sentences(&outcomes), @"Broken: capacity −10.5 % [−11.9 %, −9 %]: `capacity>-5%` is broken (12 pairs)");
}

#[test]
fn absolute_limits_look_at_the_candidate_alone() {
    let memory = |plan: &Plan| fixture::trials(plan, &[("rss.max", &[1e8, 2e8])], 0.1, 0.02);
    let (outcomes, _) = judged(&["rss.max<300MB", "rss.max>1MB"], 12, memory);
    insta::assert_snapshot!(sentences(&outcomes), @r"
    Held: peak memory 188 MiB [179 MiB, 196 MiB]: `rss.max<300MB` is kept (12 trials)
    Held: peak memory 188 MiB [179 MiB, 196 MiB]: `rss.max>1MB` is kept (12 trials)
    ");
    let (outcomes, pairs) = judged(&["rss.max<150MB"], 32, memory);
    assert_eq!((outcomes[0].verdict, pairs), (LimitVerdict::Broken, 12));
    insta::assert_snapshot!(sentences(&outcomes), @"Broken: peak memory 188 MiB [178 MiB, 199 MiB]: `rss.max<150MB` is broken (12 trials)");
}

fn failing(base: u64, new: u64) -> impl Fn(&Plan) -> Vec<TrialRecord> {
    move |plan| {
        let mut trials = fixture::trials(plan, &[("cpu_per_op", &[2e-5, 2e-5])], 0.3, 0.02);
        for trial in &mut trials {
            let errors = if trial.variant == "base" { base } else { new };
            trial.operations[0].errors = errors;
            #[allow(clippy::cast_precision_loss)]
            trial.metrics.insert("errors".to_owned(), errors as f64);
            #[allow(clippy::cast_precision_loss)]
            trial.metrics.insert("error_rate".to_owned(), errors as f64 / 2_500.0);
        }
        trials
    }
}

#[test]
fn error_rates_have_exact_bounds() {
    let all = ["error_rate<=0.1%", "error_rate<+20%", "errors<=0"];
    let verdicts =
        |base, new| -> Vec<_> { all.iter().map(|text| judged(&[text], 12, failing(base, new)).0[0].verdict).collect() };
    use LimitVerdict::{Broken, CannotTell, Held};
    assert_eq!(verdicts(0, 0), [Held, Held, Held]);
    assert_eq!(verdicts(2, 2), [CannotTell, CannotTell, Broken]);
    assert_eq!(verdicts(0, 20), [Broken, Broken, Broken]);
    let (outcomes, _) = judged(&all[..2], 12, failing(1, 10));
    insta::assert_snapshot!(sentences(&outcomes), @r"
    Broken: error rate 0.4 % [0.332 %, 0.478 %]: `error_rate<=0.1%` is broken (120 of 30000 operations)
    Broken: error rate 10× [5.5×, 20×]: `error_rate<+20%` is broken (120 of 30000 operations against 12 of 30000)
    ");
}

#[test]
fn no_errors_in_few_operations_are_no_proof() {
    let (outcomes, _) = judged(&["error_rate<=0.001%"], 12, failing(0, 0));
    assert_eq!(outcomes[0].verdict, LimitVerdict::CannotTell);
    insta::assert_snapshot!(sentences(&outcomes), @"CannotTell: error rate 0 % [0 %, 0.012 %]: cannot tell whether `error_rate<=0.001%` is kept (0 of 30000 operations; bursts rarer than one a run are not ruled out): none was seen, and these are too few operations to show a part as small as that");
}

/// A load without an open loop: no operation failed, and none could.
#[test]
fn no_operations_give_no_verdict() {
    for text in ["error_rate<=0.1%", "error_rate<+20%", "errors<=0"] {
        let (outcomes, pairs) = judged(&[text], 12, |plan| {
            let mut trials = failing(0, 0)(plan);
            for trial in &mut trials {
                trial.operations.clear();
                trial.metrics.retain(|name, _| !name.starts_with("error"));
            }
            trials
        });
        assert_eq!((outcomes[0].verdict, pairs), (LimitVerdict::NotComparable, 1), "{text}");
        let why = outcomes[0].why.as_deref();
        assert_eq!(why, Some("no operation was sent in an open loop: there is nothing to count"), "{text}");
    }
}

#[test]
fn a_metric_that_nobody_has_ends_it_after_one_pair() {
    let (outcomes, pairs) = judged(&["cpu_per_op<+3%", "alloc.bytes_per_op<+3%"], 32, cpu(1.0, 0.02));
    assert_eq!((outcomes[1].verdict, pairs), (LimitVerdict::NotComparable, 1));
    insta::assert_snapshot!(sentences(&outcomes), @r"
    CannotTell: CPU per op −0.2 %: cannot tell whether `cpu_per_op<+3%` is kept (1 pair): the gate ended as another limit was decided
    NotComparable: heap bytes per op: `alloc.bytes_per_op<+3%` must not be judged, no trial has a value of alloc.bytes_per_op that is not zero
    ");
}

#[test]
fn trials_whose_driver_could_not_keep_up_say_nothing_of_latency() {
    let limited = |plan: &Plan| {
        let mut trials =
            fixture::trials(plan, &[("latency.p99", &[0.01, 0.01]), ("cpu_per_op", &[2e-5, 2e-5])], 0.1, 0.01);
        for trial in &mut trials {
            trial.driver.limited = Some("too slow".to_owned());
        }
        trials
    };
    let (outcomes, pairs) = judged(&["latency.p99<+10%", "latency.p99<50ms", "cpu_per_op<+3%"], 12, limited);
    assert_eq!(pairs, 12);
    insta::assert_snapshot!(sentences(&outcomes), @r"
    CannotTell: p99 latency: cannot tell whether `latency.p99<+10%` is kept (12 pairs): the load driver could not keep up in 12 of 12 trials of `base`, which voids its latencies
    CannotTell: p99 latency: cannot tell whether `latency.p99<50ms` is kept (12 trials): the load driver could not keep up in 12 of 12 trials
    Held: CPU per op +0.2 % [−0.4 %, +0.8 %]: `cpu_per_op<+3%` is kept (12 pairs)
    ");
}

#[test]
fn false_alarms_stay_below_the_error_rate_over_a_family() {
    let fresh = Judge::new(
        &limits(&["cpu_per_op<+0.1%", "capacity>-0.1%"]),
        "base",
        &["new".to_owned()],
        16,
        stats::GATE_ALPHA,
    );
    let fresh = fresh.unwrap();
    let mut alarms = 0;
    for seed in 0..200_u64 {
        let plan = Plan { seed: seed * 7_919 + 1, ..fixture::plan(&["base", "new"], 16) };
        let mut judge = fresh.clone();
        for trial in fixture::trials(&plan, &[("cpu_per_op", &[2e-5, 2e-5]), ("capacity", &[1e4, 1e4])], 0.3, 0.1) {
            judge.hear(trial);
        }
        alarms += usize::from(judge.decided.contains(&Some(LimitVerdict::Broken)));
    }
    // One-sided by direction, so half of .01 is expected: 1 of 200; more than 6 would come up once in ten thousand times.
    assert!(alarms <= 6, "{alarms} of 200");
}
