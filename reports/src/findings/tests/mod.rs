//! Rules on tables made by hand: each mechanism on a program that has it, and on its healthy twin.

use std::collections::BTreeMap;

use offered::{SCENARIO, is_offered};

use super::*;
use crate::run::{
    Breach, BreachRow, BreachWindow, KernelHead, KernelRecord, KernelSample, LevelSummary, MetricValue, Trace,
    TraceCase, TraceCause, TraceEnd, TraceEndKind, TraceFrame, TraceHead, TraceHolder, TraceKind, TraceLink,
    TracePolls, TraceSaturated, TraceSite, TraceStep, TraceWait, TraceWhat,
};

mod attached;
mod behind;
mod cost;
mod crowded;
mod decided;
mod given;
mod goroutines;
mod growth;
mod keepers;
mod offered;
mod polls;
mod rounds;
mod standing;
mod starting;
mod timed_out;
mod unusable;
mod waits;

const SERVER: &str = "app::serve";

fn frame(function: &str, line: u32) -> TraceFrame {
    TraceFrame { function: function.into(), file: "src/main.rs".into(), line }
}

/// A place by its functions, innermost first.
fn site(cause: TraceCause, own: &[(&str, u32)]) -> TraceSite {
    let own: Vec<TraceFrame> = own.iter().map(|(function, line)| frame(function, *line)).collect();
    let first = own.first().cloned().unwrap_or_default();
    TraceSite { cause, function: first.function, file: first.file, line: first.line, own, ..TraceSite::default() }
}

fn wait(kind: &str, site: TraceSite, count: u64, total_s: f64, longest_s: f64) -> TraceWait {
    TraceWait { kind: kind.into(), site: Some(site), count, total_s, longest_s }
}

fn in_poll(doing: TraceEndKind, call: &str, own: &[(&str, u32)], polls: u64, total_s: f64) -> TracePolls {
    TracePolls {
        kind: SERVER.into(),
        doing,
        site: Some(TraceSite { call: call.into(), ..site(TraceCause::Other, own) }),
        polls,
        total_s,
        longest_s: 1.2 * total_s / polls as f64,
        ..TracePolls::default()
    }
}

/// 1,000 operations in 10 s, answered by tasks that wait for the network.
fn trace() -> Trace {
    Trace {
        head: TraceHead { wall_s: 12.0, since_s: 2.0, ..TraceHead::default() },
        kinds: vec![TraceKind { name: SERVER.into(), spawned: 16, finished: 16, polls: 2000, ..TraceKind::default() }],
        waits: vec![wait(SERVER, site(TraceCause::Socket, &[("app::serve", 9)]), 1000, 90.0, 0.2)],
        ..Trace::default()
    }
}

fn felt(base_s: f64, excess_s: f64) -> Felt {
    Felt {
        operations: 1000,
        mean_s: base_s + excess_s,
        p50_s: base_s,
        p99_s: base_s + 8.0 * excess_s,
        max_s: base_s + 12.0 * excess_s,
        base_s,
        alone_s: base_s,
        excess_s,
        doubtful: false,
    }
}

fn joined(trace: &Trace, felt: Felt) -> Joined<'_> {
    Joined { trace: Some(trace), traced: Some((1000, 0.004)), ..driven(felt) }
}

/// A program without tasks, and what its threads or goroutines waited for in 1000 operations.
fn threaded(threads: &crate::run::ThreadsRecord, felt: Felt) -> Joined<'_> {
    Joined { threads: Some(threads), waited: Some(1000), ..driven(felt) }
}

/// A program of which nothing was recorded.
fn driven(felt: Felt) -> Joined<'static> {
    Joined {
        variant: "default",
        run: "20260102-030405-app-abcd",
        command: SCENARIO.into(),
        felt: Some(felt),
        failed: Failed { scheduled: 1000, ..Failed::default() },
        timeout_s: 2.0,
        concurrency: 16,
        rate: 100.0,
        cpus: 2.0,
        traced_saturated: 1000,
        ..Joined::default()
    }
}

/// Thirty of 1,000 operations late, in ten windows that are 3 % of the time.
fn breach(rows: Vec<BreachRow>) -> Breach {
    let window = BreachWindow { length_s: 0.03, late: 3, worst_s: 0.025, ..BreachWindow::default() };
    Breach {
        limit_s: 0.005,
        operations: 1000,
        late: 30,
        phase_s: 10.0,
        windows: vec![window; 10],
        window_count: 10,
        within_s: 0.3,
        period_s: 0.001,
        rows,
        ..Breach::default()
    }
}

/// Slug, function and line of what was found, by rank.
fn found(joined: &Joined<'_>) -> Vec<(String, String, u32)> {
    let findings = explain(std::slice::from_ref(joined)).findings;
    for finding in &findings {
        assert!(is_offered(&finding.next), "{}: `{}`", finding.rule, finding.next);
    }
    let told = findings.into_iter().map(|finding| {
        let culprit = finding.culprit.unwrap_or_default();
        (finding.rule, culprit.function, culprit.line)
    });
    told.collect()
}

fn is(rule: &str, function: &str, line: u32) -> (String, String, u32) {
    (rule.into(), function.into(), line)
}

#[test]
fn a_healthy_program_has_no_finding_and_is_told_what_was_ruled_out() {
    let trace = trace();
    let explained = explain(&[joined(&trace, felt(0.001, 0.000_5))]);
    assert_eq!(explained.findings, []);
    assert_eq!(explained.undecided, []);
    assert!(explained.ruled_out.iter().any(|one| one.rule == "long-poll-cpu"), "{:?}", explained.ruled_out);
    let unused: Vec<&str> = explained.unused.iter().map(|one| one.evidence.as_str()).collect();
    assert_eq!(unused, ["binary", "wait", "levels", "cpu"]);
}

#[test]
fn latencies_of_a_driver_that_was_late_are_said_to_be_of_little_use() {
    let trace = trace();
    let late = Felt { doubtful: true, ..felt(0.001, 0.000_5) };
    let explained = explain(&[joined(&trace, late)]);
    let unused = explained.unused.iter().find(|one| one.evidence == "latency").unwrap();
    assert!(unused.because.contains("the load driver could not keep up"), "{unused:?}");
    assert_eq!(unused.rules, ["rare-stall"]);
}

#[test]
fn a_poll_that_computes_is_named_by_the_innermost_function_of_the_program() {
    let mut trace = trace();
    trace.polls = vec![in_poll(TraceEndKind::Cpu, "", &[("app::hash", 41), ("app::login", 30)], 50, 1.0)];
    let slow = joined(&trace, felt(0.000_3, 0.003));
    assert_eq!(found(&slow), [is("long-poll-cpu", "app::hash", 41)]);
    let finding = &explain(&[slow]).findings[0];
    assert_eq!((finding.rank, finding.proof.as_str()), (1, "trace"));
    assert!((finding.share - 0.66).abs() < 0.02, "50 polls of 20 ms in 10 s: 1 ms for others and 1 ms of their own");
    // The same polls, of which nobody feels anything.
    assert_eq!(found(&joined(&trace, felt(0.000_3, 0.000_01))), []);
    // As many polls, each short.
    trace.polls[0].total_s = 0.02;
    assert_eq!(found(&joined(&trace, felt(0.000_3, 0.003))), []);
}

#[test]
fn jobs_of_the_blocking_pool_may_take_as_long_as_they_like() {
    let mut trace = trace();
    let job = in_poll(TraceEndKind::Cpu, "", &[("app::hash", 41)], 50, 1.0);
    trace.polls = vec![TracePolls { blocking: true, kind: "blocking app::hash".into(), ..job }];
    assert_eq!(found(&joined(&trace, felt(0.000_3, 0.003))), []);
}

#[test]
fn a_poll_that_blocks_is_the_cause_of_those_who_wait_for_its_lock() {
    let mut trace = trace();
    let sync = [("app::record", 56), ("app::order", 49)];
    let mut behind = in_poll(TraceEndKind::Blocked, "futex", &[("app::order", 49)], 100, 1.0);
    let site = TraceSite { call: "fsync".into(), ..site(TraceCause::Other, &sync) };
    behind.holders = vec![TraceHolder { doing: TraceEndKind::Blocked, site, total_s: 0.9 }];
    trace.polls = vec![in_poll(TraceEndKind::Blocked, "fsync", &sync, 900, 4.5), behind];
    assert_eq!(found(&joined(&trace, felt(0.005, 0.004))), [is("poll-blocked", "app::record", 56)]);
}

#[test]
fn a_mutex_is_held_against_who_computes_under_it() {
    let mut trace = trace();
    let mut behind = in_poll(TraceEndKind::Blocked, "futex", &[("app::count", 34)], 90, 1.8);
    let site = site(TraceCause::Other, &[("app::dump", 45)]);
    behind.holders = vec![TraceHolder { doing: TraceEndKind::Cpu, site, total_s: 1.7 }];
    trace.polls = vec![behind];
    assert_eq!(found(&joined(&trace, felt(0.000_3, 0.003))), [is("waiting-on-owner", "app::dump", 45)]);
}

/// Tasks that wait for a lock whose owner sleeps at `owner`.
fn convoy(owner_kind: &str, owner: TraceSite) -> Trace {
    let mut trace = trace();
    let lock = site(TraceCause::Lock, &[("app::authorise", 38), ("app::run", 20)]);
    let link = |kind: &str, site: &TraceSite| TraceLink {
        kind: kind.into(),
        step: TraceStep::Waited,
        length_s: 0.03,
        site: Some(site.clone()),
        ..TraceLink::default()
    };
    trace.waits.push(wait(SERVER, lock.clone(), 900, 4.0, 0.03));
    trace.cases = vec![TraceCase {
        what: TraceWhat::Wait,
        kind: SERVER.into(),
        length_s: 0.03,
        links: vec![link(SERVER, &lock), link(owner_kind, &owner)],
        end: TraceEnd { kind: TraceEndKind::Timer, ..TraceEnd::default() },
        ..TraceCase::default()
    }];
    trace
}

#[test]
fn a_convoy_is_held_against_the_function_that_has_the_lock_while_it_waits() {
    let call = site(TraceCause::Timer, &[("app::introspect", 33), ("app::authorise", 43), ("app::run", 20)]);
    let trace = convoy(SERVER, call);
    assert_eq!(found(&joined(&trace, felt(0.004, 0.005))), [is("waiting-on-owner", "app::authorise", 43)]);
    // One that waits as long behind another who does tells less.
    let mut behind = trace.clone();
    let among = TraceCase { length_s: 0.031, ..behind.cases[0].clone() };
    behind.cases.insert(0, among);
    behind.cases[0].links[1].site = Some(site(TraceCause::Lock, &[("app::touch", 39), ("app::run", 21)]));
    assert_eq!(found(&joined(&behind, felt(0.004, 0.005))), [is("waiting-on-owner", "app::authorise", 43)]);
    // Nor is it to blame whom the one that has it waits for.
    let mut asks = trace.clone();
    let other = site(TraceCause::Timer, &[("app::second_site", 77), ("app::run", 22)]);
    let link = TraceLink { kind: "app::second_site".into(), site: Some(other), ..asks.cases[0].links[1].clone() };
    asks.cases[0].links.push(link);
    let at_second = [is("waiting-on-owner", "app::second_site", 77)];
    assert_eq!(found(&joined(&asks, felt(0.004, 0.005))), at_second, "whom somebody woke waited for no timer");
    asks.cases[0].links[1].site.as_mut().expect("a place").cause = TraceCause::Socket;
    assert_eq!(found(&joined(&asks, felt(0.004, 0.005))), [is("waiting-on-owner", "app::authorise", 43)]);
    // Hardly anybody waits.
    let mut rare = trace.clone();
    rare.waits[1].total_s = 0.05;
    assert_eq!(found(&joined(&rare, felt(0.004, 0.005))), []);
}

#[test]
fn an_owner_of_another_type_is_named_by_the_function_that_took_the_lock() {
    let call = site(TraceCause::Timer, &[("app::send", 63), ("app::report", 70), ("app::report_often", 55)]);
    let mut trace = convoy("app::report_often", call);
    let taken = site(TraceCause::Lock, &[("app::report", 68), ("app::report_often", 55)]);
    trace.waits.push(wait("app::report_often", taken, 20, 0.1, 0.01));
    assert_eq!(found(&joined(&trace, felt(0.000_3, 0.005))), [is("waiting-on-owner", "app::report", 70)]);
}

#[test]
fn who_wakes_the_next_one_is_seen_to_let_the_lock_go() {
    let call = [("app::round_trip", 9), ("app::file", 33), ("app::pages", 65), ("app::ship", 59), ("app::often", 75)];
    let of = |woke: &[(&str, u32)]| {
        let mut trace = convoy("app::often", site(TraceCause::Timer, &call));
        trace.cases[0].links[1].woke = Some(site(TraceCause::Other, woke));
        found(&joined(&trace, felt(0.000_3, 0.005)))
    };
    assert_eq!(of(&[("app::ship", 61), ("app::often", 75)]), [is("waiting-on-owner", "app::ship", 59)]);
    let dropped = [("app::Guard::drop", 7), ("app::often", 76)];
    assert_eq!(of(&dropped), [is("waiting-on-owner", "app::often", 75)], "its own loop has it");
    assert_eq!(of(&[]), [is("waiting-on-owner", "app::file", 33)], "not seen");
}

/// Tasks that wait for the answer of one that waits for a timer `timers` times.
fn behind_a_task(timers: u64) -> Trace {
    let tick = site(TraceCause::Timer, &[("app::bank", 31), ("app::clerk", 37)]);
    let mut trace = convoy("app::clerk", tick.clone());
    let answer = site(TraceCause::Channel, &[("app::pay", 27)]);
    trace.waits[1] = wait(SERVER, answer.clone(), 1000, 15.0, 0.03);
    trace.waits.push(wait("app::clerk", tick, timers, 4.0, 0.03));
    trace.cases[0].links[0].site = Some(answer);
    trace.saturated = Some(Box::new(TraceSaturated { wall_s: 2.0, ..TraceSaturated::default() }));
    trace
}

fn levels() -> Vec<LevelSummary> {
    let level = |concurrency, throughput, p50| LevelSummary {
        concurrency,
        throughput,
        p50: Some(p50),
        ..LevelSummary::default()
    };
    vec![level(1, 200.0, 0.005), level(16, 210.0, 0.076)]
}

#[test]
fn one_task_that_serves_everybody_is_named_by_its_loop() {
    let trace = behind_a_task(1000);
    let (levels, metrics) =
        (levels(), [("capacity".to_owned(), MetricValue { value: 210.0, unit: "ops/s".into() })].into());
    let pinned = Joined { levels: &levels, metrics: Some(&metrics), ..joined(&trace, felt(0.005, 0.010)) };
    assert_eq!(found(&pinned), [is("throughput-pinned", "app::clerk", 37)]);
}

#[test]
fn a_tick_that_answers_wait_for_is_no_work_for_each_of_them() {
    let trace = behind_a_task(300);
    assert_eq!(found(&joined(&trace, felt(0.015, 0.001))), [is("latency-pinned", "app::bank", 31)]);
}

fn metrics(named: &[(&str, f64)]) -> BTreeMap<String, MetricValue> {
    named.iter().map(|(name, value)| ((*name).to_owned(), MetricValue { value: *value, unit: String::new() })).collect()
}

fn kernel(sample: impl Fn(f64) -> KernelSample) -> KernelRecord {
    let head = KernelHead { open_at_s: Some(2.0), operations: 1000, wall_s: 12.0, ..KernelHead::default() };
    KernelRecord {
        head,
        samples: (0..120).map(|n| KernelSample { at_s: f64::from(n) / 10.0, ..sample(f64::from(n) / 10.0) }).collect(),
    }
}

#[test]
fn memory_that_never_comes_to_rest_is_told_from_a_warm_up() {
    let trace = trace();
    let of = |resident: &dyn Fn(f64) -> f64| {
        kernel(|at| KernelSample { resident: Some(resident(at) as u64), ..KernelSample::default() })
    };
    let (grows, rests) = (of(&|at| 5e6 + 2e6 * at), of(&|at| 5e6 + 2e6 * at.min(6.0)));
    let with = |kernel| Joined { kernel: Some(kernel), ..joined(&trace, felt(0.000_3, 0.000_1)) };
    assert_eq!(found(&with(&grows)), [is("unbounded-growth", "", 0)]);
    assert_eq!(found(&with(&rests)), []);
}

#[test]
fn a_quota_that_is_used_up_stands_first() {
    let mut trace = trace();
    trace.polls = vec![in_poll(TraceEndKind::Cpu, "", &[("app::hash", 41)], 50, 1.0)];
    let stopped = kernel(|at| KernelSample {
        throttled: Some((at * 8.0) as u64),
        throttled_s: Some(at / 2.0),
        ..KernelSample::default()
    });
    let rules: Vec<String> = found(&Joined { kernel: Some(&stopped), ..joined(&trace, felt(0.000_3, 0.003)) })
        .into_iter()
        .map(|(rule, ..)| rule)
        .collect();
    assert_eq!(rules, ["throttled", "long-poll-cpu"]);
}

#[test]
fn operations_that_nobody_answers_are_held_against_where_they_wait() {
    let mut trace = trace();
    trace.waits.push(wait(SERVER, site(TraceCause::Notify, &[("app::wait", 82)]), 20, 40.0, 2.0));
    let failed = Failed { scheduled: 1000, timeouts: 20, unanswered: 0 };
    let stuck = Joined { failed, ..joined(&trace, felt(0.005, 0.04)) };
    assert_eq!(found(&stuck), [is("never-answered", "app::wait", 82)]);
}

#[test]
fn a_debug_build_is_said_before_all_else() {
    let trace = trace();
    let build = Build { path: "/srv/app".into(), debug_assertions: true, symbols: true, lines: true, go: false };
    let debug = Joined { build: Some(&build), ..joined(&trace, felt(0.01, 0.01)) };
    assert_eq!(found(&debug), [is("wrong-build", "", 0)]);
    let release = Build { debug_assertions: false, ..build };
    assert_eq!(found(&Joined { build: Some(&release), ..joined(&trace, felt(0.01, 0.000_1)) }), []);
}

#[test]
fn without_evidence_an_excess_is_undecided_and_an_experiment_offered() {
    let none = Trace::default();
    let blind = Joined {
        trace: None,
        command: "--target http://127.0.0.1:1/ -- ./app".into(),
        missing: [("trace", "the program is stripped".to_owned())].into(),
        ..joined(&none, felt(0.000_3, 0.005))
    };
    let explained = explain(&[Joined { traced: None, ..blind }]);
    assert_eq!(explained.findings, []);
    assert_eq!(explained.undecided.len(), 1);
    assert!(explained.undecided[0].rules.contains(&"long-poll-cpu".to_owned()));
    assert_eq!(
        explained.undecided[0].experiment,
        "workbench run --evidence cpu,wait,trace --target http://127.0.0.1:1/ -- ./app"
    );
    let trace = explained.unused.iter().find(|one| one.evidence == "trace");
    assert_eq!(trace.map(|trace| trace.because.as_str()), Some("the program is stripped"));
}
