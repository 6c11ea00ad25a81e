//! Long polls, blocked polls and crowds of short ones: each threshold and each exclusion.

use super::*;
use crate::run::{ThreadsRecord, TraceInstead};

const HASH: &[(&str, u32)] = &[("app::hash", 41), ("app::login", 30)];

fn with(polls: Vec<TracePolls>) -> Trace {
    Trace { polls, ..trace() }
}

fn rules(trace: &Trace, felt: Felt) -> Vec<String> {
    found(&joined(trace, felt)).into_iter().map(|(rule, ..)| rule).collect()
}

#[test]
fn polls_count_from_a_millisecond_on_the_cpu_or_blocked() {
    for (doing, call, rule) in
        [(TraceEndKind::Cpu, "", "long-poll-cpu"), (TraceEndKind::Blocked, "fsync", "poll-blocked")]
    {
        let of = |total_s| rules(&with(vec![in_poll(doing, call, HASH, 400, total_s)]), felt(0.003_6, 0.000_3));
        assert_eq!(of(0.36), [""; 0], "400 of 0.9 ms");
        assert_eq!(of(0.44), [rule], "400 of 1.1 ms");
    }
}

#[test]
fn work_of_every_operation_is_no_stall_below_two_and_a_half_milliseconds() {
    let of = |total_s| rules(&with(vec![in_poll(TraceEndKind::Cpu, "", HASH, 1000, total_s)]), felt(0.000_5, 0.001));
    assert_eq!(of(2.4), [""; 0], "2.4 ms each, a quarter of the excess");
    assert_eq!(of(2.6), ["long-poll-cpu"]);
}

#[test]
fn a_busy_machine_that_draws_short_polls_out_is_no_fault_of_theirs() {
    let of = |polls, each| {
        let row = in_poll(TraceEndKind::Cpu, "", HASH, polls, polls as f64 * each);
        rules(&with(vec![row]), felt(0.000_3, 0.000_3))
    };
    assert_eq!(of(100, 0.001_2), [""; 0], "0.12 ms an operation, of an excess of 0.3");
    assert_eq!(of(200, 0.001_2), ["long-poll-cpu"]);
    assert_eq!(of(40, 0.003), ["long-poll-cpu"], "nobody draws out so much");
}

#[test]
fn a_single_poll_may_be_anything() {
    let once = |doing, longest_s| {
        let poll = in_poll(doing, if doing == TraceEndKind::Cpu { "" } else { "fsync" }, HASH, 1, longest_s);
        rules(&with(vec![TracePolls { longest_s, ..poll }]), felt(0.003_8, 0.000_2))
    };
    assert_eq!(once(TraceEndKind::Cpu, 0.019), [""; 0]);
    assert_eq!(once(TraceEndKind::Cpu, 0.03), ["long-poll-cpu"]);
    assert_eq!(once(TraceEndKind::Blocked, 0.2), [""; 0]);
    let twice = in_poll(TraceEndKind::Blocked, "fsync", HASH, 2, 0.4);
    assert_eq!(rules(&with(vec![twice]), felt(0.003_8, 0.000_2)), ["poll-blocked"]);
}

#[test]
fn what_explains_little_of_the_excess_is_no_cause() {
    let of = |doing, call| rules(&with(vec![in_poll(doing, call, HASH, 20, 0.2)]), felt(0.000_3, 0.003));
    assert_eq!(of(TraceEndKind::Cpu, ""), [""; 0], "20 of 10 ms: a tenth");
    assert_eq!(of(TraceEndKind::Blocked, "fsync"), [""; 0]);
}

#[test]
fn a_poll_that_the_kernel_spends_is_not_held_against_its_computing() {
    let trace = with(vec![in_poll(TraceEndKind::Cpu, "", HASH, 50, 1.0)]);
    let of = |kernel_s: f64| {
        let calls = [("read".to_owned(), kernel_s)].into();
        let row = CpuRow { function: "app::hash".into(), total_s: 1.0, calls, ..CpuRow::default() };
        let cpu = CpuTable { total_s: 1.0, rows: vec![row], named: 1.0, ..CpuTable::default() };
        found(&Joined { cpu: Some(&cpu), ..joined(&trace, felt(0.000_3, 0.003)) })
    };
    assert_eq!(of(0.4), [is("long-poll-cpu", "app::hash", 41)]);
    assert_eq!(of(0.6), []);
}

#[test]
fn what_was_taken_from_a_poll_while_it_computed_is_part_of_how_long_it_lasted() {
    let hog = in_poll(TraceEndKind::Cpu, "", HASH, 50, 0.055);
    let taken = in_poll(TraceEndKind::Preempted, "", HASH, 50, 0.55);
    assert_eq!(rules(&with(vec![hog.clone()]), felt(0.003, 0.001)), [""; 0]);
    assert_eq!(rules(&with(vec![hog, taken]), felt(0.003, 0.001)), ["long-poll-cpu"]);
}

#[test]
fn polls_without_a_place_are_of_those_with_one_but_not_without_end() {
    let seen = in_poll(TraceEndKind::Cpu, "", HASH, 25, 0.5);
    let unseen = TracePolls { site: None, ..in_poll(TraceEndKind::Cpu, "", HASH, 300, 6.0) };
    let trace = with(vec![seen, unseen]);
    let told = &explain(&[joined(&trace, felt(0.000_3, 0.02))]).findings[0].evidence[0];
    assert!(told.starts_with("100 polls of app::serve"), "four times 25, though twelve times as many lack one: {told}");
}

#[test]
fn blocking_for_most_of_every_operation_is_a_fault_without_excess() {
    let of = |total_s| {
        rules(&with(vec![in_poll(TraceEndKind::Blocked, "clock_nanosleep", HASH, 1000, total_s)]), felt(0.003_8, 5e-5))
    };
    assert_eq!(of(3.5), ["poll-blocked"]);
    assert_eq!(of(1.05), [""; 0], "1 ms of 4");
}

#[test]
fn waits_for_a_lock_and_jobs_of_the_blocking_pool_are_no_blocked_polls() {
    let lock = in_poll(TraceEndKind::Blocked, "futex", HASH, 50, 1.0);
    assert_eq!(rules(&with(vec![lock]), felt(0.000_3, 0.003)), [""; 0]);
    let job = TracePolls { blocking: true, ..in_poll(TraceEndKind::Blocked, "fsync", HASH, 50, 1.0) };
    assert_eq!(rules(&with(vec![job]), felt(0.000_3, 0.003)), [""; 0]);
}

#[test]
fn a_flood_of_tasks_is_told_by_how_long_they_wait_for_each_other() {
    let of = |change: fn(&mut Trace)| {
        let mut trace = trace();
        let spawned_at = |own: &[(&str, u32)]| Some(site(TraceCause::Join, own));
        let short = TraceKind { polls: 7200, busy_s: 1.2, ..TraceKind::default() };
        let refresh = TraceKind { name: "app::refresh".into(), spawned: 7200, finished: 7200, ..short };
        trace.kinds.push(TraceKind {
            spawned_at: spawned_at(&[("app::refresh", 83), ("app::keep_fresh", 94)]),
            schedule_latency_s: 760.0,
            ..refresh
        });
        let part =
            TraceKind { name: "app::part".into(), spawned: 1000, finished: 1000, polls: 1000, ..TraceKind::default() };
        trace.kinds.push(TraceKind { spawned_at: spawned_at(&[("app::page", 31), (SERVER, 12)]), ..part });
        let instead = |kind: &str, total_s| TraceInstead {
            kind: kind.into(),
            instead: "app::refresh".into(),
            count: 60,
            total_s,
        };
        trace.instead = vec![instead(SERVER, 0.4), instead("app::part", 0.9), instead("app::refresh", 300.0)];
        change(&mut trace);
        found(&joined(&trace, felt(0.000_3, 0.003)))
    };
    assert_eq!(of(|_| {}), [is("ready-not-polled", "app::refresh", 83)]);
    assert_eq!(of(|trace| trace.kinds[1].schedule_latency_s = 6.0), [], "hardly any is ready beside it");
    assert_eq!(of(|trace| trace.kinds[1].polls = 72_000), [], "they go on for long");
    assert_eq!(of(|trace| trace.instead[1].kind = "app::beside".into()), [], "nobody's operation waits for those");
    let of_one = |trace: &mut Trace| trace.kinds[1].spawned_at = Some(site(TraceCause::Join, &[(SERVER, 12)]));
    assert_eq!(of(of_one), [], "what operations are made of");
}

#[test]
fn tasks_that_wake_together_are_told_by_who_says_when() {
    let of = |busy_s: f64, latency_s: f64, source: &str| {
        let mut trace = trace();
        let meters = TraceKind { name: "app::attend".into(), alive: 960, polls: 4800, busy_s, ..TraceKind::default() };
        trace.kinds.push(TraceKind { schedule_latency_s: latency_s, ..meters });
        let tick = site(TraceCause::Timer, &[("app::attend", 7)]);
        trace.waits.push(wait("app::attend", tick, 4800, 4000.0, 1.0));
        let instead = TraceInstead { kind: SERVER.into(), instead: "app::attend".into(), count: 60, total_s: 2.5 };
        trace.instead = vec![instead];
        let mut loops = Loops::default();
        loops.read("src/main.rs", source);
        found(&Joined { loops: Some(&loops), ..joined(&trace, felt(0.000_3, 0.003)) })
    };
    let source = "fn first_round(id: u32) -> Instant {\n    opened() + PERIOD\n}\nasync fn attend(id: u32) {\n    let mut round = interval_at(first_round(id), PERIOD);\n    loop {\n        round.tick().await;\n    }\n}\n";
    assert_eq!(of(1.5, 398.0, source), [is("ready-not-polled", "app::first_round", 1)]);
    let now = source.replace("interval_at(first_round(id), PERIOD)", "interval(PERIOD)");
    assert_eq!(of(1.5, 398.0, &now), [is("ready-not-polled", "app::attend", 7)], "whoever began them did");
    assert_eq!(of(1.5, 30.0, source), [], "each is ready at a time of its own");
    assert_eq!(of(7.0, 398.0, source), [], "a long poll each");
}

/// Tasks of `app::spin` that are polled while those that answer are ready.
fn crowd(polls: u64, busy_s: f64, total_s: f64) -> Trace {
    let mut trace = trace();
    let spin = site(TraceCause::Yield, &[("app::spin", 77)]);
    trace.kinds.push(TraceKind { name: "app::spin".into(), spawned: 1, polls, busy_s, ..TraceKind::default() });
    trace.waits.push(wait("app::spin", spin, polls, 0.1, 0.001));
    trace.instead = vec![TraceInstead { kind: SERVER.into(), instead: "app::spin".into(), count: 900, total_s }];
    trace
}

#[test]
fn a_crowd_of_short_polls_is_told_from_long_ones_from_few_and_from_harmless_ones() {
    let slow = || felt(0.000_3, 0.003);
    let of = |trace: &Trace| found(&joined(trace, slow()));
    assert_eq!(of(&crowd(100_000, 5.0, 2.0)), [is("ready-not-polled", "app::spin", 77)]);
    assert_eq!(of(&crowd(4_000, 5.0, 2.0)), [], "polls of 1.25 ms have a rule of their own");
    assert_eq!(of(&crowd(100_000, 2.9, 2.0)), [], "not a third of a worker");
    assert_eq!(of(&crowd(100_000, 5.0, 0.4)), [], "an eighth of the excess");
    let mut spawned = crowd(100_000, 5.0, 2.0);
    spawned.waits.pop();
    spawned.kinds[1].spawned_at = Some(site(TraceCause::Other, &[("app::rescore_all", 104)]));
    assert_eq!(of(&spawned), [is("ready-not-polled", "app::rescore_all", 104)], "tasks that never wait");
    let mut own = crowd(100_000, 5.0, 2.0);
    own.instead[0].kind = "app::beside".into();
    assert_eq!(of(&own), [], "nobody waits for those that were ready");
    own.instead[0].kind = "app::spin".into();
    assert_eq!(of(&own), [], "they wait for themselves");
}

#[test]
fn without_a_measurement_a_wait_of_a_millisecond_counts_in_full() {
    let polls = |total_s| with(vec![in_poll(TraceEndKind::Blocked, "fsync", HASH, 50, total_s)]);
    let (slow, quick) = (polls(1.0), polls(0.1));
    let of = |trace| found(&Joined { attached: true, felt: None, traced: None, ..joined(trace, felt(0.0, 0.0)) });
    assert_eq!(of(&slow), [is("poll-blocked", "app::hash", 41)]);
    assert_eq!(of(&quick), [], "50 of 2 ms in 10 s keep nobody");
}

#[test]
fn work_is_of_the_function_that_spends_much_of_it_itself_and_not_of_what_it_calls_for_each_part() {
    let of = |copying_s: f64| {
        let entry =
            in_poll(TraceEndKind::Cpu, "", &[("app::Entry::clone", 16), ("app::all", 27), ("app::quote", 37)], 20, 0.4);
        let map = in_poll(TraceEndKind::Cpu, "", &[("app::all", 27), ("app::quote", 37)], 20, copying_s);
        let trace = with(vec![entry, map]);
        let findings = explain(&[joined(&trace, felt(0.000_3, 0.003))]).findings;
        let first = findings.into_iter().next().expect("a finding");
        (first.culprit.expect("a place").function, first.evidence[0].split(' ').next().unwrap_or_default().to_owned())
    };
    assert_eq!(of(0.6), ("app::all".into(), "20".into()), "the same twenty polls");
    assert_eq!(of(0.05), ("app::all".into(), "20".into()), "it is at work between the calls, on the line of the call");
    assert_eq!(of(0.000_1), ("app::Entry::clone".into(), "20".into()), "the caller does nothing but call");
}

#[test]
fn places_of_one_function_are_one_work_of_as_many_polls_as_were_long() {
    let mut trace = with(vec![
        in_poll(TraceEndKind::Cpu, "", &[("app::hash", 41), ("app::login", 30)], 300, 0.6),
        in_poll(TraceEndKind::Cpu, "", &[("app::hash", 44), ("app::login", 30)], 250, 0.5),
    ]);
    trace.kinds[0].long_polls = 550;
    let of = |trace: &Trace| rules(trace, felt(0.000_3, 0.000_8));
    assert_eq!(of(&trace), [""; 0], "2 ms of every second operation is its own work");
    trace.polls.pop();
    assert_eq!(of(&trace), ["long-poll-cpu"], "three of ten stall the others");
}

#[test]
fn a_poll_that_waits_to_be_told_by_a_thread_blocks_whatever_that_thread_does() {
    let mut told = in_poll(TraceEndKind::Blocked, "futex", &[("app::wait_for", 34), ("app::drop", 71)], 100, 1.4);
    let engine = TraceSite { call: "clock_nanosleep".into(), ..site(TraceCause::Other, &[("app::engine", 45)]) };
    told.holders = vec![TraceHolder { doing: TraceEndKind::Blocked, site: engine, total_s: 1.3 }];
    let mut of = |cause| {
        told.site.as_mut().expect("a place").cause = cause;
        found(&joined(&with(vec![told.clone()]), felt(0.000_3, 0.003)))
    };
    for cause in [TraceCause::Notify, TraceCause::Join] {
        assert_eq!(of(cause), [is("poll-blocked", "app::drop", 71)]);
    }
    for cause in [TraceCause::Lock, TraceCause::Other] {
        assert_eq!(of(cause), [is("waiting-on-owner", "app::engine", 45)], "it has what is waited for");
    }
}

#[test]
fn who_computes_under_a_lock_that_others_wait_for_is_held_to_account_where_it_was_taken() {
    let trace = with(vec![in_poll(TraceEndKind::Cpu, "", &[("app::pack", 3), ("app::keep", 7)], 40, 2.0)]);
    let mut loops = Loops::default();
    let source = "\
fn pack(raw: &[u8]) -> Vec<u8> {
    let mut out = Encoder::new();
    out.write_all(raw)
}
fn keep(shelf: &Mutex<Shelf>) {
    let mut shelf = shelf.lock().unwrap();
    shelf.store(pack(&shelf.raw));
}
";
    loops.read("src/main.rs", source);
    let of = |waited_s: f64| {
        let mut row = in_poll(TraceEndKind::Blocked, "futex", &[("app::keep", 6)], 40, waited_s);
        let own = site(TraceCause::Other, &[("app::pack", 3), ("app::keep", 7)]);
        row.holders = vec![TraceHolder { doing: TraceEndKind::Cpu, site: own, total_s: waited_s }];
        let threads = ThreadsRecord { kept: vec![row], ..ThreadsRecord::default() };
        let joined = Joined { threads: Some(&threads), loops: Some(&loops), ..joined(&trace, felt(0.003, 0.002)) };
        found(&joined)
    };
    assert_eq!(of(1.9)[0], is("long-poll-cpu", "app::keep", 7));
    assert_eq!(of(0.05)[0], is("long-poll-cpu", "app::pack", 3), "hardly anybody waits");
}
