//! Jobs behind those of others, wake-ups that a timeout stands in for, and queues for want of CPUs.

use super::*;
use crate::run::ThreadsRecord;

const OTHERS: &str = "app::warm";

/// Operations whose short jobs wait for a thread of the blocking pool on which jobs of another kind sleep.
fn pool(jobs: u64, each_s: f64, own_s: f64) -> Trace {
    let mut trace = trace();
    let (waiter, keeper) = ([("app::parse", 70), ("app::serve", 9)], [("app::pause", 110), (OTHERS, 93)]);
    let join = site(TraceCause::Join, &waiter);
    trace.waits.push(wait(SERVER, join.clone(), 1000, 16.0, 0.06));
    let kind = |name: &str, polls: u64, each_s| TraceKind {
        name: name.into(),
        blocking: true,
        polls,
        busy_s: polls as f64 * each_s,
        ..TraceKind::default()
    };
    trace.kinds.extend([kind(OTHERS, jobs, each_s), kind("app::parse", 1000, own_s)]);
    let kept = in_poll(TraceEndKind::Blocked, "clock_nanosleep", &keeper, jobs, jobs as f64 * each_s);
    trace.polls = vec![TracePolls { blocking: true, kind: OTHERS.into(), ..kept }];
    let first = TraceLink {
        kind: SERVER.into(),
        step: TraceStep::Waited,
        length_s: 0.06,
        site: Some(join),
        ..TraceLink::default()
    };
    let end = TraceEnd { kind: TraceEndKind::Thread, site: trace.polls[0].site.clone(), ..TraceEnd::default() };
    trace.cases = vec![TraceCase {
        what: TraceWhat::Wait,
        kind: SERVER.into(),
        length_s: 0.06,
        links: vec![first],
        end,
        ..<_>::default()
    }];
    trace
}

#[test]
fn a_pool_that_others_fill_is_held_against_what_their_jobs_do_there() {
    let of = |trace: &Trace| found(&joined(trace, felt(0.000_3, 0.012)));
    let pause = [is("waiting-on-owner", "app::pause", 110)];
    assert_eq!(of(&pool(600, 0.06, 0.000_02)), pause);
    assert_eq!(of(&pool(300, 0.012, 0.000_02)), pause, "shorter than the wait, and too few to be what it is for");
    assert_eq!(of(&pool(600, 0.06, 0.012)), [], "its own job takes most of it");
    assert_eq!(of(&pool(1000, 0.015, 0.000_02)), [], "it may wait for that very job");
    let mut short = pool(600, 0.06, 0.000_02);
    short.waits[1].total_s = 0.2;
    assert_eq!(of(&short), [], "0.2 ms each");
    let mut workers = pool(600, 0.06, 0.000_02);
    workers.polls[0].blocking = false;
    workers.polls[0].kind = "app::beside".into();
    assert!(of(&workers).iter().all(|(rule, ..)| rule != "waiting-on-owner"), "no thread of the pool is kept");
}

#[test]
fn who_waits_behind_the_jobs_of_others_is_served_by_nobody_in_turn() {
    let (trace, levels) = (pool(600, 0.06, 0.000_02), levels());
    let metrics = [("capacity".to_owned(), MetricValue { value: 1000.0, unit: String::new() })].into();
    let of = |trace| found(&Joined { levels: &levels, metrics: Some(&metrics), ..joined(trace, felt(0.000_3, 0.012)) });
    assert_eq!(of(&trace), [is("waiting-on-owner", "app::pause", 110)]);
    let alone = pool(600, 0.06, 0.012);
    assert_eq!(of(&alone)[0].0, "throughput-pinned", "its own jobs are what everybody waits for");
}

/// Waits at one place: those that somebody ends, and those that the timeout beside them does.
fn timed(told: (u64, f64), timeout: (u64, f64, f64)) -> Trace {
    let mut trace = trace();
    let at = |cause| TraceSite { beside_others: true, ..site(cause, &[("app::fresh", 115), ("app::serve", 9)]) };
    trace.waits.push(wait(SERVER, at(TraceCause::Notify), told.0, told.0 as f64 * 0.003, told.1));
    trace.waits.push(wait(SERVER, at(TraceCause::Timer), timeout.0, timeout.1, timeout.2));
    trace
}

#[test]
fn who_asks_one_that_does_not_answer_waits_for_its_timeout() {
    let of = |count: u64, longest_s, cause, deep: &[(&str, u32)]| {
        let mut trace = trace();
        let ask = [("app::ask", 73), ("app::serve", 9)];
        let timer = TraceSite { beside_others: true, ..site(TraceCause::Timer, &ask) };
        trace.waits.push(wait(SERVER, timer, count, count as f64 * 0.07, longest_s));
        trace.waits.push(wait(SERVER, site(cause, deep), 1300, 6.0, 0.3));
        found(&joined(&trace, felt(0.005, 0.024)))
    };
    let deep = [("app::exchange", 52), ("app::ask", 73), ("app::serve", 9)];
    let socket = TraceCause::Socket;
    assert_eq!(of(330, 0.08, socket, &deep), [is("latency-pinned", "app::ask", 73)]);
    assert_eq!(of(330, 0.2, socket, &deep), [], "no constant");
    assert_eq!(of(40, 0.08, socket, &deep), [], "now and then");
    assert_eq!(of(330, 0.08, TraceCause::Channel, &deep), [], "nobody is asked over the network");
    assert_eq!(of(330, 0.08, socket, &deep[2..]), [], "the next request");
}

#[test]
fn who_is_told_at_once_or_never_has_lost_a_wake_up() {
    let of = |trace: &Trace| found(&joined(trace, felt(0.006, 0.06)));
    let fresh = [is("latency-pinned", "app::fresh", 115)];
    assert_eq!(of(&timed((650, 0.008), (350, 63.0, 0.19))), fresh);
    assert_eq!(of(&timed((650, 0.15), (350, 63.0, 0.19))), [], "some are told late: an event comes when it comes");
    assert_eq!(of(&timed((2, 0.008), (350, 63.0, 0.19))), [], "hardly anybody is told");
    assert_eq!(of(&timed((650, 0.008), (350, 63.0, 0.5))), [], "no constant");
    assert_eq!(of(&timed((950, 0.008), (50, 9.0, 0.19))), [], "an eighth of the latency");
}

#[test]
fn a_queue_for_want_of_cpus_is_no_server_in_turn() {
    let trace = behind_a_task(1000);
    let level = |concurrency, throughput| LevelSummary { concurrency, throughput, p50: Some(0.005), ..<_>::default() };
    let levels = [level(1, 200.0), level(16, 210.0)];
    let of = |cpu_per_op| {
        let named = [("capacity", 210.0), ("cpu_per_op", cpu_per_op)];
        let metrics = named.map(|(name, value)| (name.to_owned(), MetricValue { value, unit: String::new() })).into();
        found(&Joined { levels: &levels, metrics: Some(&metrics), ..joined(&trace, felt(0.005, 0.010)) })
    };
    assert_eq!(of(0.001), [is("throughput-pinned", "app::clerk", 37)]);
    assert_eq!(of(0.008), []);
}

#[test]
fn an_upstream_within_the_program_takes_its_time_for_each_question() {
    let of = |asked: u64| {
        let mut trace = trace();
        let upstream = "app::upstream";
        trace.waits.push(wait(upstream, site(TraceCause::Socket, &[("app::upstream", 40)]), asked, 9.0, 0.1));
        trace.waits.push(wait(upstream, site(TraceCause::Timer, &[("app::upstream", 41)]), 2000, 18.0, 0.012));
        let job =
            TraceKind { name: "app::job".into(), spawned: 1000, finished: 1000, polls: 2000, ..TraceKind::default() };
        trace.kinds.push(job);
        found(&joined(&trace, felt(0.02, 0.000_1)))
    };
    assert_eq!(of(2000), [], "each operation asks twice");
    assert_eq!(of(1000), [is("latency-pinned", "app::upstream", 41)], "asked once it sleeps twice");
}

#[test]
fn who_waits_for_tasks_of_its_own_waits_for_no_server() {
    let levels = levels();
    let of = |cause, spawned| {
        let mut trace = behind_a_task(1000);
        trace.cases.clear();
        trace.waits[1].site.as_mut().expect("a place").cause = cause;
        let kind =
            TraceKind { name: "app::part".into(), spawned, finished: spawned, polls: 4000, ..TraceKind::default() };
        trace.kinds.push(kind);
        let metrics = [("capacity".to_owned(), MetricValue { value: 210.0, unit: String::new() })].into();
        found(&Joined { levels: &levels, metrics: Some(&metrics), ..joined(&trace, felt(0.005, 0.010)) })
    };
    assert_eq!(of(TraceCause::Join, 2000), []);
    assert_eq!(of(TraceCause::Join, 20), [is("throughput-pinned", "app::pay", 27)]);
    assert_eq!(of(TraceCause::Channel, 2000), [is("throughput-pinned", "app::pay", 27)], "somebody else answers");
}

#[test]
fn few_clients_that_wait_for_what_was_asked_before_say_nothing_of_a_ladder() {
    let trace = behind_a_task(1000);
    let metrics = [("capacity".to_owned(), MetricValue { value: 210.0, unit: "ops/s".into() })].into();
    let of = |levels: &[LevelSummary]| {
        found(&Joined { levels, metrics: Some(&metrics), ..joined(&trace, felt(0.005, 0.010)) })
    };
    let level = |concurrency, throughput, p50_s| LevelSummary {
        concurrency,
        throughput,
        p50: Some(p50_s),
        ..LevelSummary::default()
    };
    let after = [level(1, 0.0, 2.0), level(2, 15.0, 0.025), level(4, 205.0, 0.019), level(16, 210.0, 0.076)];
    assert_eq!(of(&after), [is("throughput-pinned", "app::clerk", 37)]);
    // One of eight operations takes far longer: few clients are in flight by that, and one that did so once says nothing.
    let few = |p99| LevelSummary { p99: Some(p99), ..level(1, 186.0, 0.002) };
    let lowest = |p99| {
        let levels = [few(p99), level(16, 306.0, 0.052)];
        crate::findings::harm::ends_of_ladder(&levels).map(|(low, _)| low.concurrency)
    };
    assert_eq!([lowest(0.028), lowest(0.3)], [Some(1), Some(16)]);
    // Sixty thousand a second are no queue.
    assert_eq!(of(&[level(1, 13_000.0, 0.000_07), level(16, 60_000.0, 0.000_26)]), []);
}

#[test]
fn who_sleeps_longer_the_more_ask_keeps_to_a_limit_of_its_own() {
    let levels = levels();
    let of = |levels: &[LevelSummary], each_s: f64, count: u64| {
        let mut trace = trace();
        let turn = site(TraceCause::Timer, &[("app::turn", 45), ("app::tile", 64)]);
        trace.waits.push(wait(SERVER, turn, count, each_s * count as f64, each_s));
        let metrics = [("capacity".to_owned(), MetricValue { value: 210.0, unit: String::new() })].into();
        found(&Joined { levels, metrics: Some(&metrics), ..joined(&trace, felt(0.001, 0.03)) })
    };
    assert_eq!(of(&levels, 0.02, 1000), [is("throttled", "app::turn", 45)]);
    let throttled = |found: Vec<_>| found.iter().any(|(rule, ..): &(String, String, u32)| rule == "throttled");
    assert!(!throttled(of(&levels, 0.001_5, 1000)), "as long as it takes alone");
    assert!(!throttled(of(&levels, 0.02, 100)), "few operations");
    assert!(!throttled(of(&levels[..1], 0.02, 1000)), "more clients may get more");
}

#[test]
fn one_that_sleeps_for_everybody_keeps_a_limit_where_nobody_is_seen_to_wait_for_it() {
    let (levels, kernel) = (levels(), kernel(|_| KernelSample::default()));
    let of_many = |asleep_s: f64, waits_s: f64, sleeps: u64| {
        let sleeps = in_poll(TraceEndKind::Blocked, "clock_nanosleep", &[("app::reserve", 50)], sleeps, asleep_s);
        let reads = in_poll(TraceEndKind::Blocked, "recvfrom", &[("app::reader", 111)], 1000, 90.0);
        let around = [("app::send", 30), ("app::reader", 116), ("app::run", 9)];
        let waits = in_poll(TraceEndKind::Blocked, "futex", &around, 1000, waits_s);
        let reads = TracePolls {
            site: Some(TraceSite { call: "recvfrom".into(), ..site(TraceCause::Socket, &around[1..]) }),
            ..reads
        };
        let head = crate::run::ThreadsHead { wall_s: 10.0, ..Default::default() };
        let threads = ThreadsRecord { head, kept: vec![sleeps, reads, waits], ..ThreadsRecord::default() };
        let metrics = [("capacity".to_owned(), MetricValue { value: 120.0, unit: String::new() })].into();
        let driven = threaded(&threads, felt(0.008, 1.2));
        let seen = Joined { levels: &levels, metrics: Some(&metrics), kernel: Some(&kernel), ..driven };
        found(&seen).into_iter().filter(|(rule, ..)| rule == "throttled").collect::<Vec<_>>()
    };
    let of = |asleep_s, waits_s| of_many(asleep_s, waits_s, 1000);
    assert_eq!(of(9.5, 0.0), [is("throttled", "app::reserve", 50)]);
    assert_eq!(of_many(9.5, 0.0, 4000), [], "it sleeps whether there is something to do or not");
    assert_eq!(of(4.0, 0.0), [], "it has time left");
    assert_eq!(of(9.5, 900.0), [], "they wait for what it does");
}

#[test]
fn who_asks_somebody_for_whoever_gave_it_work_is_no_idle_thread() {
    let (read, teller, run) = (("app::read_receipt", 49), ("app::teller", 59), ("app::run", 123));
    let asks = site(TraceCause::Other, &[read, teller, run]);
    let holder =
        TraceHolder { doing: TraceEndKind::Blocked, site: TraceSite { call: "recvfrom".into(), ..asks }, total_s: 9.0 };
    let told = |own: &[(&str, u32)], count, total_s| {
        let mut row = in_poll(TraceEndKind::Blocked, "futex", own, count, total_s);
        row.site.as_mut().expect("a place").cause = TraceCause::Notify;
        row
    };
    let mut waits = told(&[("app::pay", 100), ("app::lane", 110), run], 1000, 9.0);
    waits.holders = vec![holder];
    let (kernel, levels, none) = (kernel(|_| KernelSample::default()), levels(), trace());
    let beyond = |kept: Vec<TracePolls>, excess_s| {
        let threads = ThreadsRecord { kept, ..ThreadsRecord::default() };
        let (trace, threads, kernel) = (None, Some(&threads), Some(&kernel));
        found(&Joined { trace, threads, kernel, levels: &levels, ..joined(&none, felt(0.009, excess_s)) })
    };
    let of = |kept| beyond(kept, 0.008);
    let queue = told(&[("app::teller", 57), run], 3, 0.01);
    assert_eq!(of(vec![waits.clone(), queue.clone()]), [is("waiting-on-owner", "app::read_receipt", 49)]);
    assert_eq!(of(vec![waits.clone()]), [], "it may wait for what a client asks next");
    assert_eq!(beyond(vec![waits.clone(), queue.clone()], 0.001), [], "it takes as long for one alone");
    let next =
        TraceSite { call: "recvfrom".into(), ..site(TraceCause::Other, &[("app::pay", 77), ("app::lane", 110), run]) };
    waits.holders[0].site = next;
    assert_eq!(of(vec![waits, queue]), [], "it serves another client in the same function");
}

#[test]
fn who_has_a_connection_of_a_pool_keeps_those_who_wait_for_one() {
    const SOURCE: &str = "\
impl Drop for Lease { fn drop(&mut self) {} }
fn checkout(&self) -> Lease {
    self.returned.wait()
}
fn push(pool: &Pool) {
    let store = pool.checkout();
    announce();
}
";
    let run = ("app::run", 99);
    let mut waits =
        in_poll(TraceEndKind::Blocked, "futex", &[("app::checkout", 3), ("app::counter", 50), run], 600, 9.0);
    waits.site.as_mut().expect("a place").cause = TraceCause::Notify;
    let holder = |own: &[(&str, u32)], call: &str, total_s| TraceHolder {
        doing: TraceEndKind::Blocked,
        site: TraceSite { call: call.into(), ..site(TraceCause::Other, own) },
        total_s,
    };
    waits.holders = vec![
        holder(&[("app::announce", 70), ("app::push", 7), run], "recvfrom", 7.0),
        holder(&[("app::gateway", 80)], "clock_nanosleep", 4.0),
    ];
    let mut all = Loops::default();
    all.read("src/main.rs", SOURCE);
    let (kernel, none) = (kernel(|_| KernelSample::default()), trace());
    let of = |loops| {
        let threads = ThreadsRecord { kept: vec![waits.clone()], ..ThreadsRecord::default() };
        let (trace, threads, kernel) = (None, Some(&threads), Some(&kernel));
        found(&Joined { trace, threads, kernel, loops, ..joined(&none, felt(0.001, 0.009)) })
    };
    assert_eq!(of(Some(&all)), [is("waiting-on-owner", "app::push", 7)]);
    assert_eq!(of(None), [], "its work may be done for it");
}

#[test]
fn a_timer_that_fires_for_so_many_operations_is_no_tick() {
    let of = |busy: u64, waited_s: f64| {
        let mut trace = behind_a_task(300);
        trace.waits[1].total_s = waited_s;
        let tick = site(TraceCause::Timer, &[("app::bank", 31), ("app::clerk", 37)]);
        trace.saturated.as_mut().expect("a phase").waits = vec![wait("app::clerk", tick, busy, 1.0, 0.03)];
        found(&joined(&trace, felt(0.015, 0.001)))
    };
    let tick = [is("latency-pinned", "app::bank", 31)];
    assert_eq!(of(60, 15.0), tick, "as many in a second under full load");
    assert_eq!(of(300, 15.0), [], "as many for each operation");
    assert_eq!(of(60, 2.5), [], "who comes at any time would wait for longer");
}

#[test]
fn a_timer_that_is_set_for_several_fires_when_all_that_came_until_then_have_waited() {
    let of = |between_s: f64| {
        let mut trace = behind_a_task(138);
        let linger = |cause| {
            let own = [("app::fill", 61), ("app::clerk", 37)];
            TraceSite { beside_others: true, ..site(cause, &own) }
        };
        trace.waits[2] = wait("app::clerk", linger(TraceCause::Timer), 138, 0.5, 0.022);
        trace.waits.push(wait("app::clerk", linger(TraceCause::Channel), 842, between_s, 0.025));
        for link in trace.cases[0].links.iter_mut().skip(1) {
            // Chains do not say what else was waited for.
            link.site = Some(TraceSite { beside_others: false, ..linger(TraceCause::Timer) });
        }
        let busy = wait("app::clerk", linger(TraceCause::Timer), 138, 0.4, 0.03);
        trace.saturated.as_mut().expect("a phase").waits = vec![busy];
        found(&joined(&trace, felt(0.015, 0.001)))
    };
    assert_eq!(of(3.4), [is("latency-pinned", "app::fill", 61)]);
    assert_eq!(of(0.0), [], "answers take three times as long as it");
}

#[test]
fn who_asks_for_one_more_while_it_has_one_is_who_keeps_it() {
    let at = |line| {
        let stands = [("app::authorise", line), ("app::by_cursors", 117), ("app::run", 20)];
        let trace = convoy(SERVER, site(TraceCause::Timer, &stands));
        found(&joined(&trace, felt(0.004, 0.005)))
    };
    assert_eq!(at(38), [is("waiting-on-owner", "app::by_cursors", 117)], "it stands where the others wait");
    assert_eq!(at(39), [is("waiting-on-owner", "app::authorise", 39)], "it has it there, and waits for something else");
}

#[test]
fn several_who_end_at_twice_what_is_asked_for_pin_nothing_that_anybody_feels() {
    let trace = behind_a_task(1000);
    let level = |concurrency: u32, throughput: f64| LevelSummary {
        concurrency,
        throughput,
        p50: Some(f64::from(concurrency) / throughput),
        ..LevelSummary::default()
    };
    let of = |alone: f64, rate: f64| {
        let levels = [level(1, alone), level(16, 210.0)];
        let can = metrics(&[("capacity", 210.0)]);
        let calm = Felt { p50_s: 0.005, mean_s: 0.005, ..felt(0.005, 0.000_1) };
        found(&Joined { levels: &levels, metrics: Some(&can), rate, ..joined(&trace, calm) })
    };
    let clerk = [is("throughput-pinned", "app::clerk", 37)];
    assert_eq!(of(60.0, 100.0), [], "several get more");
    assert_eq!(of(190.0, 100.0), clerk, "one serves them all");
    assert_eq!(of(60.0, 150.0), clerk, "its end is near");
}
