//! Locks, servers in turn, timers and answers that do not come: each threshold and each exclusion.

use super::*;
use crate::run::{ThreadsRecord, WaitPlace};

/// A convoy behind a lock with so many waits of so much in all.
fn lock(count: u64, total_s: f64) -> Trace {
    let call = site(TraceCause::Timer, &[("app::introspect", 33), ("app::authorise", 43), ("app::run", 20)]);
    let mut trace = convoy(SERVER, call);
    (trace.waits[1].count, trace.waits[1].total_s) = (count, total_s);
    trace
}

#[test]
fn few_and_short_waits_for_a_lock_are_what_it_is_for() {
    let of = |trace: &Trace, felt| found(&joined(trace, felt)).len();
    assert_eq!(of(&lock(900, 0.31), felt(0.003_6, 0.000_3)), 1);
    assert_eq!(of(&lock(900, 0.29), felt(0.003_6, 0.000_3)), 0, "0.29 ms each is no convoy");
    assert_eq!(of(&lock(110, 4.0), felt(0.000_3, 0.005)), 1);
    assert_eq!(of(&lock(90, 4.0), felt(0.000_3, 0.005)), 0, "nine of ten do not wait: a limit does its work");
    assert_eq!(of(&lock(900, 0.5), felt(0.000_3, 0.005)), 0, "an eighth of the excess");
}

#[test]
fn locks_of_tasks_that_answer_nobody_are_their_own_matter() {
    let mut trace = lock(900, 4.0);
    trace.waits[1].kind = "app::beside".into();
    assert_eq!(found(&joined(&trace, felt(0.000_3, 0.005))), []);
}

/// The same under full load alone.
fn pinned(trace: &mut Trace) {
    let waits = vec![TraceWait { total_s: 40.0, ..trace.waits.remove(1) }];
    trace.saturated = Some(Box::new(TraceSaturated {
        wall_s: 5.0,
        waits,
        cases: std::mem::take(&mut trace.cases),
        ..TraceSaturated::default()
    }));
}

#[test]
fn a_lock_that_pins_throughput_counts_where_the_cpus_are_idle() {
    let mut trace = lock(900, 40.0);
    pinned(&mut trace);
    let levels = levels();
    let of = |cpu_per_op, kernel: Option<&KernelRecord>| {
        let metrics = metrics(&[("capacity", 210.0), ("cpu_per_op", cpu_per_op)]);
        let joined = Joined { levels: &levels, metrics: Some(&metrics), kernel, ..joined(&trace, felt(0.004, 5e-5)) };
        found(&joined)
    };
    let convoy = [is("waiting-on-owner", "app::authorise", 43)];
    assert_eq!(of(0.001, None), convoy);
    let mut limit = trace.clone();
    let sleeps = site(TraceCause::Timer, &[("app::authorise", 41), ("app::run", 20)]);
    let slept = TraceWait { site: Some(sleeps), total_s: 4.5, ..trace.waits[0].clone() };
    limit.saturated.as_mut().expect("a phase").waits.push(slept);
    let capacity = metrics(&[("capacity", 210.0), ("cpu_per_op", 0.001)]);
    let limit = Joined { levels: &levels, metrics: Some(&capacity), ..joined(&limit, felt(0.004, 5e-5)) };
    assert_eq!(found(&limit), [], "who takes it sleeps with it, and nobody felt that");
    assert_eq!(of(0.007, None), [], "its CPUs are busy: that is why throughput does not rise");
    let waiting =
        |part: f64| kernel(|at| KernelSample { cpu_s: Some(0.0), run_queue_s: Some(part * at), ..<_>::default() });
    assert_eq!(of(0.001, Some(&waiting(0.5))), convoy);
    assert_eq!(of(0.001, Some(&waiting(1.9))), [], "its neighbours have the CPUs that it would use");
    let mut few = lock(90, 40.0);
    pinned(&mut few);
    let metrics = metrics(&[("capacity", 210.0), ("cpu_per_op", 0.001)]);
    let few = Joined { levels: &levels, metrics: Some(&metrics), ..joined(&few, felt(0.004, 5e-5)) };
    assert_eq!(found(&few), [], "one operation of eleven comes there, however long it waits");
}

#[test]
fn threads_of_a_program_without_tasks_are_judged_by_their_locks() {
    let mut behind = in_poll(TraceEndKind::Blocked, "futex", &[("app::count", 34)], 90, 1.8);
    behind.holders = vec![TraceHolder {
        doing: TraceEndKind::Cpu,
        site: site(TraceCause::Other, &[("app::dump", 45)]),
        total_s: 1.7,
    }];
    let kernel = kernel(|_| KernelSample::default());
    let at = |levels: &[LevelSummary], row: TracePolls| {
        let threads = ThreadsRecord { kept: vec![row], ..ThreadsRecord::default() };
        let none = trace();
        found(&Joined {
            trace: None,
            threads: Some(&threads),
            kernel: Some(&kernel),
            levels,
            ..joined(&none, felt(0.000_3, 0.003))
        })
    };
    let of = |row| at(&[], row);
    assert_eq!(of(behind.clone()), [is("waiting-on-owner", "app::dump", 45)]);
    assert_eq!(of(TracePolls { total_s: 0.2, ..behind.clone() }), [], "0.2 ms for each operation");
    assert_eq!(of(TracePolls { holders: Vec::new(), ..behind.clone() }), [], "nobody is seen to have it");
    let mut hardly = behind.clone();
    hardly.holders[0].total_s = 0.001;
    assert_eq!(of(hardly), [], "who was hardly seen to do anything meanwhile");
    let mut spawned = in_poll(TraceEndKind::Blocked, "futex", &[("app::note", 48), ("app::run", 76)], 90, 1.8);
    let far = site(TraceCause::Other, &[("app::wind", 33), ("app::keep_all", 40), ("app::run", 71)]);
    spawned.holders = vec![TraceHolder { doing: TraceEndKind::Blocked, site: far, total_s: 1.7 }];
    assert_eq!(of(spawned.clone()), [is("waiting-on-owner", "app::keep_all", 40)], "where both began tells nothing");
    let shared = site(TraceCause::Other, &[("app::wind", 33), ("app::note", 52), ("app::run", 71)]);
    let mut taken = spawned.clone();
    taken.holders[0].site = shared;
    assert_eq!(of(taken), [is("waiting-on-owner", "app::note", 52)], "both took it there");
    spawned.site.as_mut().expect("a place").cause = TraceCause::Notify;
    assert_eq!(at(&levels(), spawned.clone()), [is("waiting-on-owner", "app::wind", 33)], "both were spawned there");
    assert_eq!(of(spawned), [], "its work is done for it");
    let site = TraceSite { call: "read".into(), ..behind.site.clone().expect("a place") };
    assert_eq!(of(TracePolls { site: Some(site), ..behind }), [], "it waits for bytes, not for a lock");
}

#[test]
fn who_tells_late_because_of_a_lock_is_late_by_that_lock() {
    let (print, work, run) = (("app::print", 25), ("app::work", 44), ("app::run", 9));
    let stands = || TraceHolder {
        doing: TraceEndKind::Blocked,
        site: TraceSite { call: "clock_nanosleep".into(), ..site(TraceCause::Other, &[print, work, run]) },
        total_s: 5.0,
    };
    let mut told = in_poll(TraceEndKind::Blocked, "futex", &[("app::sell", 91)], 1000, 9.0);
    told.site.as_mut().expect("a place").cause = TraceCause::Notify;
    told.holders = vec![stands()];
    let mut behind = in_poll(TraceEndKind::Blocked, "futex", &[work, run], 1000, 8.0);
    behind.site.as_mut().expect("a place").cause = TraceCause::Lock;
    behind.holders = vec![stands()];
    let kernel = kernel(|_| KernelSample::default());
    let (levels, none) = (levels(), trace());
    let of = |kept: Vec<TracePolls>| {
        let threads = ThreadsRecord { kept, ..ThreadsRecord::default() };
        let (trace, threads, kernel) = (None, Some(&threads), Some(&kernel));
        found(&Joined { trace, threads, kernel, levels: &levels, ..joined(&none, felt(0.009, 0.008)) })
    };
    assert_eq!(of(vec![told.clone(), behind]), [is("waiting-on-owner", "app::work", 44)]);
    assert_eq!(of(vec![told]), [is("waiting-on-owner", "app::print", 25)], "no lock is seen");
}

#[test]
fn threads_of_a_pool_that_wait_for_a_request_in_the_lock_of_their_queue_are_idle() {
    let (next, work) = (("app::next", 56), ("app::work", 60));
    let holder = |call: &str, own: &[(&str, u32)], total_s| TraceHolder {
        doing: TraceEndKind::Blocked,
        site: TraceSite { call: call.into(), ..site(TraceCause::Other, own) },
        total_s,
    };
    let kernel = kernel(|_| KernelSample::default());
    let none = trace();
    let of = |holders: Vec<TraceHolder>| {
        let mut row = in_poll(TraceEndKind::Blocked, "futex", &[next, work], 700, 25.0);
        row.holders = holders;
        let threads = ThreadsRecord { kept: vec![row], ..ThreadsRecord::default() };
        let (trace, threads, kernel) = (None, Some(&threads), Some(&kernel));
        found(&Joined { trace, threads, kernel, ..joined(&none, felt(0.006, 0.005)) })
    };
    let request = |total_s| holder("recvfrom", &[("app::request", 36)], total_s);
    let stamp = |total_s| holder("clock_nanosleep", &[("app::stamp", 62)], total_s);
    assert_eq!(of(vec![request(24.3)]), []);
    assert_eq!(of(vec![request(14.0), stamp(10.0)]), [], "who has it mostly idles");
    assert_eq!(of(vec![request(12.0), stamp(12.0)]), [is("waiting-on-owner", "app::stamp", 62)]);
    let query = holder("recvfrom", &[("app::read", 50), next, work], 24.0);
    assert_eq!(of(vec![query]), [is("waiting-on-owner", "app::next", 56)], "it asks somebody while it has it");
}

/// One task that serves everybody, as the ladder shows it.
fn in_turn(trace: &Trace, levels: &[LevelSummary], felt: Felt) -> Vec<(String, String, u32)> {
    let metrics = metrics(&[("capacity", 210.0)]);
    found(&Joined { levels, metrics: Some(&metrics), ..joined(trace, felt) })
}

#[test]
fn a_server_in_turn_is_told_from_one_that_few_wait_for_and_from_one_task_for_each() {
    let clerk = [is("throughput-pinned", "app::clerk", 37)];
    let mut trace = behind_a_task(1000);
    assert_eq!(in_turn(&trace, &levels(), felt(0.005, 0.010)), clerk);
    let calm = Felt { p50_s: 0.005, mean_s: 0.005, ..felt(0.005, 0.000_1) };
    let few = Joined { rate: 20.0, levels: &levels(), ..joined(&trace, calm.clone()) };
    let can = metrics(&[("capacity", 210.0)]);
    assert_eq!(found(&Joined { metrics: Some(&can), ..few.clone() }), [], "it can do ten times as much");
    assert_eq!(found(&Joined { metrics: Some(&can), rate: 100.0, ..few }), clerk);
    trace.waits[1].count = 490;
    assert_eq!(in_turn(&trace, &levels(), felt(0.005, 0.010)), [], "half of the operations do without it");
    trace.waits[1] = TraceWait { count: 1000, total_s: 1.5, ..trace.waits[1].clone() };
    assert_eq!(in_turn(&trace, &levels(), felt(0.005, 0.010)), [], "a third of the latency");
    let mut each = behind_a_task(1000);
    each.kinds.push(TraceKind {
        name: "app::clerk".into(),
        spawned: 1000,
        finished: 1000,
        polls: 2000,
        ..TraceKind::default()
    });
    assert_eq!(in_turn(&each, &levels(), felt(0.005, 0.010)), [], "a task for each operation");
}

#[test]
fn a_queue_that_the_ladder_does_not_show_is_no_server_in_turn_where_more_clients_get_more() {
    let trace = behind_a_task(1000);
    let level = |concurrency, throughput| LevelSummary { concurrency, throughput, p50: Some(0.005), ..<_>::default() };
    let flat = [level(1, 200.0), level(16, 210.0)];
    assert_eq!(in_turn(&trace, &flat, felt(0.005, 0.010)), [is("throughput-pinned", "app::clerk", 37)]);
    assert_eq!(in_turn(&trace, &flat, felt(0.005, 0.004)), [], "nobody queues");
    let (can, far) = (metrics(&[("capacity", 210.0)]), joined(&trace, felt(0.005, 0.010)));
    assert_eq!(found(&Joined { rate: 20.0, levels: &flat, metrics: Some(&can), ..far }), [], "far");
    let group = [level(1, 200.0), level(16, 900.0)];
    assert_eq!(in_turn(&trace, &group, felt(0.005, 0.010)), [], "who answers many at once pins nothing");
}

#[test]
fn a_timer_of_a_task_for_each_operation_is_no_tick() {
    let mut trace = behind_a_task(300);
    assert_eq!(found(&joined(&trace, felt(0.015, 0.001))), [is("latency-pinned", "app::bank", 31)]);
    trace.kinds.push(TraceKind {
        name: "app::clerk".into(),
        spawned: 1000,
        finished: 1000,
        polls: 2000,
        ..TraceKind::default()
    });
    assert_eq!(found(&joined(&trace, felt(0.015, 0.001))), [], "a recording that missed two of three of them");
    // One upstream call of a constant time for each operation.
    assert_eq!(found(&joined(&behind_a_task(1000), felt(0.015, 0.001))), []);
    let mut little = behind_a_task(300);
    little.waits[1].total_s = 5.0;
    assert_eq!(found(&joined(&little, felt(0.015, 0.001))), [], "a third of the latency");
}

/// Operations that sleep so often for so long in all, with a task beside that does something for each.
fn looks(count: u64, total_s: f64) -> Trace {
    let mut trace = trace();
    trace.waits.push(wait(SERVER, site(TraceCause::Timer, &[("app::look", 52)]), count, total_s, 0.01));
    trace.kinds.push(TraceKind {
        name: "app::job".into(),
        spawned: 1000,
        finished: 1000,
        polls: 2000,
        ..<_>::default()
    });
    trace
}

#[test]
fn looking_again_and_again_is_told_from_waiting_for_a_time() {
    let of = |trace: &Trace| found(&joined(trace, felt(0.02, 0.000_1)));
    let pinned = [is("latency-pinned", "app::look", 52)];
    assert_eq!(of(&looks(2400, 15.0)), pinned);
    assert_eq!(of(&looks(2000, 15.0)), pinned, "a set number, but somebody else does the work");
    assert_eq!(of(&looks(1000, 20.0)), [], "a call of a constant time");
    assert_eq!(of(&looks(2400, 7.0)), [], "a third of the latency");
    let mut beside = looks(2400, 15.0);
    beside.kinds.pop();
    assert_eq!(of(&beside), pinned, "the number varies: it depends on something");
    beside.waits[1].count = 2000;
    assert_eq!(of(&beside), [], "two upstream calls, one after the other");
    let mut timeout = looks(2400, 15.0);
    timeout.waits[1].site.as_mut().expect("a place").beside_others = true;
    timeout.waits[1].count = 1600;
    assert_eq!(of(&timeout), [], "a branch of a select");
    let mut elsewhere = looks(2400, 15.0);
    elsewhere.waits[1].kind = "app::beside".into();
    assert_eq!(of(&elsewhere), [], "a task that answers nobody");
    let mut heartbeat = looks(2400, 15.0);
    let few = TraceWait { count: 300, ..heartbeat.waits[1].clone() };
    heartbeat.saturated = Some(Box::new(TraceSaturated { wall_s: 2.0, waits: vec![few], ..<_>::default() }));
    assert_eq!(of(&heartbeat), [], "under full load it hardly fires: it does not belong to operations");
}

#[test]
fn a_mode_at_forty_milliseconds_is_an_acknowledgement_unless_something_waits_as_long() {
    let none = trace();
    let calls: BTreeMap<String, f64> = [("sendto".to_owned(), 0.2)].into();
    let row = CpuRow { function: "app::answer".into(), line: 12, total_s: 1.0, calls, ..CpuRow::default() };
    let cpu = CpuTable { total_s: 1.0, rows: vec![row.clone()], named: 1.0, ..CpuTable::default() };
    let of = |trace: &Trace, base_s, cpu: &CpuTable, threads: Option<&ThreadsRecord>| {
        let kernel = kernel(|at| KernelSample { cpu_s: Some(0.01 * at), ..KernelSample::default() });
        let joined = joined(trace, felt(base_s, 0.001));
        found(&Joined { cpu: Some(cpu), threads, kernel: Some(&kernel), traced: Some((1000, 0.042)), ..joined })
    };
    assert_eq!(of(&none, 0.041, &cpu, None), [is("latency-pinned", "app::answer", 12)]);
    assert_eq!(of(&none, 0.037, &cpu, None), []);
    assert_eq!(of(&none, 0.051, &cpu, None), []);
    let soon = |alone_s, p99_s| {
        let late = Felt { alone_s, p99_s, ..felt(0.0003, 0.008) };
        found(&Joined { cpu: Some(&cpu), traced: Some((1000, 0.008)), ..joined(&none, late) })
    };
    assert_eq!(
        soon(0.044, 0.055),
        [is("latency-pinned", "app::answer", 12)],
        "who comes later than that does not wait"
    );
    assert_eq!(soon(0.044, 0.02), [], "no operation takes as long");
    assert_eq!(soon(0.03, 0.055), [], "alone it takes another time");
    let mut upstream = trace();
    upstream.waits.push(wait(SERVER, site(TraceCause::Timer, &[("app::ask", 20)]), 1000, 40.0, 0.05));
    assert_eq!(of(&upstream, 0.041, &cpu, None), [], "it means to wait");
    let silent = CpuTable { rows: vec![CpuRow { calls: <_>::default(), ..row }], ..cpu.clone() };
    assert_eq!(of(&none, 0.041, &silent, None), [], "nobody writes");
    let place = WaitPlace {
        function: "app::upstream".into(),
        within: "clock_nanosleep".into(),
        thread: "upstream".into(),
        waits: 1000,
        total_s: 40.0,
        longest_s: 0.05,
        ..WaitPlace::default()
    };
    let threads = ThreadsRecord { places: vec![place], ..ThreadsRecord::default() };
    assert_eq!(of(&none, 0.041, &cpu, Some(&threads)), [], "a thread of its own sleeps as long for each");
    let busy = kernel(|at| KernelSample { cpu_s: Some(1.2 * at), ..KernelSample::default() });
    let hot = Joined { cpu: Some(&cpu), kernel: Some(&busy), ..joined(&none, felt(0.041, 0.001)) };
    assert_eq!(found(&hot), [], "it computes");
}

#[test]
fn who_watches_its_connection_too_is_held_against_where_it_otherwise_waits() {
    let stuck = |usual: &[&str]| {
        let mut trace = trace();
        let beside = TraceSite { beside_others: true, ..site(TraceCause::Socket, &[("app::serve", 37)]) };
        trace.waits[0] = wait(SERVER, beside, 1000, 90.0, 2.1);
        for function in usual {
            trace.waits.push(wait(SERVER, site(TraceCause::Other, &[(function, 40)]), 1200, 5.0, 0.006));
        }
        let failed = Failed { scheduled: 1000, timeouts: 15, unanswered: 0 };
        found(&Joined { failed, ..joined(&trace, felt(0.008, 0.03)) })
    };
    assert_eq!(stuck(&["app::poll_next"]), [is("never-answered", "app::poll_next", 40)]);
    assert_eq!(stuck(&["app::poll_next", "app::other"]), [], "it may be either");
    assert_eq!(stuck(&[]), []);
}

#[test]
fn a_task_that_works_in_turn_and_ticks_beside_is_no_tick() {
    let mut trace = behind_a_task(300);
    trace.waits.push(wait("app::clerk", site(TraceCause::Timer, &[("app::accept", 36)]), 900, 3.0, 0.01));
    assert_eq!(found(&joined(&trace, felt(0.015, 0.001))), []);
    trace.waits[3].count = 400;
    assert_eq!(found(&joined(&trace, felt(0.015, 0.001))), [is("latency-pinned", "app::bank", 31)]);
}

/// A connection that went on from a wait at `last` and then answered nothing for `silence_s`.
fn silent(last: TraceSite, silence_s: f64, at_s: f64) -> crate::run::TraceTask {
    let span = |at_s, length_s, site: Option<TraceSite>| crate::run::TraceSpan {
        step: if site.is_some() { TraceStep::Waited } else { TraceStep::Polled },
        at_s,
        length_s,
        by: None,
        site,
    };
    let idle = site(TraceCause::Socket, &[("app::serve", 9)]);
    crate::run::TraceTask {
        kind: SERVER.into(),
        ended: true,
        spans: vec![
            span(at_s - 0.1, 0.09, Some(idle.clone())),
            span(at_s - 0.01, 0.01, Some(last)),
            span(at_s, 0.0, None),
            span(at_s, silence_s, Some(idle)),
        ],
        ..crate::run::TraceTask::default()
    }
}

#[test]
fn a_future_that_leaves_no_waker_is_known_by_the_wait_before_the_silence() {
    let items = || site(TraceCause::Other, &[("app::Items::poll_next", 40), ("app::collect", 64), ("app::serve", 9)]);
    let of = |tasks: Vec<crate::run::TraceTask>, timeouts| {
        let trace = Trace { tasks, ..trace() };
        found(&Joined {
            failed: Failed { scheduled: 1000, timeouts, unanswered: 0 },
            ..joined(&trace, felt(0.005, 0.04))
        })
    };
    let twice = |last: TraceSite, silence_s| vec![silent(last.clone(), silence_s, 4.0), silent(last, silence_s, 6.0)];
    let lost = [is("never-answered", "app::Items::poll_next", 40)];
    assert_eq!(of(twice(items(), 1.99), 20), lost);
    assert_eq!(of(twice(items(), 1.99), 0), [], "all were answered");
    assert_eq!(of(twice(items(), 0.5), 20), [], "idle, and asked again");
    assert_eq!(of(twice(items(), 3.0), 20), [], "idle for longer than anybody waits");
    assert_eq!(of(vec![silent(items(), 1.99, 4.0)], 20), [], "one");
    assert_eq!(of(vec![silent(items(), 1.99, 4.0), silent(items(), 1.99, 10.0)], 20), [], "one, and the end");
    let shallow = site(TraceCause::Other, &[("app::serve", 9)]);
    assert_eq!(of(twice(shallow, 1.99), 20), [], "no deeper than between operations");
    let upstream = site(TraceCause::Socket, &[("app::ask", 30), ("app::serve", 9)]);
    assert_eq!(of(twice(upstream, 1.99), 20), [], "somebody else does not answer");
}

#[test]
fn a_timeout_that_ends_the_wait_of_every_operation_sets_their_latency() {
    let of = |count, total_s, beside_others| {
        let mut trace = trace();
        let news = site(TraceCause::Timer, &[("app::newest", 24), ("app::read", 31)]);
        trace.waits.push(wait(SERVER, TraceSite { beside_others, ..news }, count, total_s, 0.05));
        found(&joined(&trace, felt(0.04, 0.000_1)))
    };
    assert_eq!(of(1000, 39.0, true), [is("latency-pinned", "app::newest", 24)]);
    assert_eq!(of(500, 19.5, true), [], "every second: what it is for comes as well");
    assert_eq!(of(1000, 12.0, true), [], "less than a third of the latency");
    assert_eq!(of(1000, 39.0, false), [], "it means to wait");
}
