//! What piles up: tasks, memory. Each threshold and each exclusion.

use super::*;
use crate::run::{ThreadsHead, ThreadsRecord, TraceTask, WaitCause, WaitPlace};

/// Tasks of one type, spawned and ended, and where those that are left wait.
fn left(spawned: u64, finished: u64, polls: u64, cause: TraceCause) -> Trace {
    let mut trace = trace();
    let name = "app::follow".to_owned();
    trace.kinds.push(TraceKind {
        name: name.clone(),
        spawned,
        finished,
        alive: spawned - finished,
        polls,
        spawned_at: Some(site(TraceCause::Other, &[("app::subscribe", 52)])),
        ..TraceKind::default()
    });
    let waits_at = Some(site(cause, &[("app::follow", 60)]));
    trace.tasks = vec![TraceTask { kind: name, waits_at, idle_now_s: Some(0.1), ..TraceTask::default() }];
    trace
}

#[test]
fn tasks_that_are_left_are_told_from_those_in_flight_and_from_a_few() {
    let of = |spawned, finished| {
        let trace = left(spawned, finished, spawned, TraceCause::Notify);
        found(&joined(&trace, felt(0.000_3, 0.000_1)))
    };
    let grown = [is("task-growth", "app::subscribe", 52)];
    assert_eq!(of(1000, 0), grown);
    assert_eq!(of(1000, 510), [], "half of them end");
    assert_eq!(of(99, 0), [], "one for ten operations");
    let mut few = left(19, 0, 19, TraceCause::Notify);
    few.waits[0].count = 100;
    let seldom = Joined { traced: Some((100, 0.004)), ..joined(&few, felt(0.000_3, 0.000_1)) };
    assert_eq!(found(&seldom), [], "fewer than twenty");
}

#[test]
fn a_crowd_that_keeps_others_from_being_polled_is_growth() {
    let mut trace = left(0, 0, 9000, TraceCause::Timer);
    let crowd = trace.kinds.iter_mut().find(|kind| kind.name == "app::follow").unwrap();
    crowd.alive = 15_000;
    trace.kinds.push(TraceKind { name: "[not polled]".into(), spawned: 1000, alive: 20_000, ..TraceKind::default() });
    let seen = |trace: &Trace| found(&Joined { concurrency: 16, ..joined(trace, felt(0.000_3, 0.000_1)) });
    assert_eq!(seen(&trace), [is("task-growth", "app::subscribe", 52)]);
    let crowd = trace.kinds.iter().position(|kind| kind.name == "app::follow").unwrap();
    let mut few = trace.clone();
    few.kinds[crowd].alive = 900;
    assert_eq!(seen(&few), [], "some for each client");
    let mut others = trace.clone();
    others.kinds.last_mut().unwrap().alive = 1000;
    assert_eq!(seen(&others), [], "who is not polled may be of another type");
    others.kinds[crowd].spawned = 20;
    assert_eq!(seen(&others), [is("task-growth", "app::subscribe", 52)], "some of them came meanwhile");
    let mut ends = trace.clone();
    ends.kinds[crowd].finished = 1;
    assert_eq!(seen(&ends), [], "they end");
    let mut started = trace.clone();
    started.kinds.last_mut().unwrap().spawned = 9;
    assert_eq!(seen(&started), [], "they were there from the beginning");

    // Who spawned those that nobody polled: connections, as the source says, and who else names the type was seen at work.
    let at = trace.kinds.iter().position(|kind| kind.name == "app::follow").unwrap();
    let site = site(TraceCause::Other, &[("app::run", 70)]);
    trace.kinds.last_mut().unwrap().spawned_at = Some(site.clone());
    trace.kinds[at].spawned_at = None;
    let mut loops = Loops::default();
    loops.read(
        "src/main.rs",
        "async fn follow() {}\nfn open() {\n    spawn(follow());\n}\nfn run() {\n    spawn(serve());\n}\n",
    );
    let row = CpuRow { path: vec![frame("app::open", 3)], ..CpuRow::default() };
    let cpu = CpuTable { total_s: 1.0, rows: vec![row], named: 1.0, ..CpuTable::default() };
    let of = |cpu, loops: Option<&Loops>| {
        let joined = joined(&trace, felt(0.000_3, 0.000_1));
        found(&Joined { concurrency: 16, cpu, loops, ..joined })
    };
    assert_eq!(of(Some(&cpu), Some(&loops)), [is("task-growth", "app::open", 3)]);
    assert_eq!(of(None, Some(&loops)), [is("task-growth", "app::open", 3)], "nobody else calls it");
    let mut two = loops.clone();
    two.read("src/more.rs", "fn reopen() {\n    spawn(follow());\n}\n");
    assert_eq!(of(None, Some(&two)), [is("task-growth", "app::follow", 0)], "two do, and neither was seen");
    assert_eq!(of(Some(&cpu), None), [is("task-growth", "app::run", 70)]);
    let mut loops = Loops::default();
    loops.read("src/main.rs", "async fn follow() {}\nfn run() {\n    spawn(follow());\n}\n");
    assert_eq!(of(Some(&cpu), Some(&loops)), [is("task-growth", "app::run", 70)]);
}

#[test]
fn tasks_that_sleep_for_the_first_time_may_end_when_their_time_comes() {
    let asleep = left(1000, 0, 1000, TraceCause::Timer);
    let explained =
        explain(&[Joined { command: "shop.toml --variant default".into(), ..joined(&asleep, felt(0.000_3, 0.000_1)) }]);
    assert_eq!(explained.findings, []);
    let undecided = &explained.undecided[0];
    assert_eq!(undecided.rules, ["task-growth"]);
    assert!(undecided.sentence.contains("app::follow (src/main.rs:60)"), "{}", undecided.sentence);
    assert_eq!(undecided.experiment, "workbench run --evidence wait,trace --duration 60s shop.toml --variant default");
    let kernel = kernel(|at| KernelSample { resident: Some((5e6 + 2e6 * at) as u64), ..KernelSample::default() });
    let grown = Joined { kernel: Some(&kernel), ..joined(&asleep, felt(0.000_3, 0.000_1)) };
    assert_eq!(found(&grown)[0], is("task-growth", "app::subscribe", 52), "memory grows with them");
    // A loop that ticks never ends.
    let ticking = left(1000, 0, 9000, TraceCause::Timer);
    assert_eq!(found(&joined(&ticking, felt(0.000_3, 0.000_1))), [is("task-growth", "app::subscribe", 52)]);
}

#[test]
fn jobs_of_the_blocking_pool_are_no_tasks_that_grow() {
    let mut trace = left(1000, 0, 1000, TraceCause::Notify);
    trace.kinds[1].blocking = true;
    assert_eq!(found(&joined(&trace, felt(0.000_3, 0.000_1))), []);
}

#[test]
fn memory_grows_where_it_is_much_for_each_operation_and_in_every_part_of_the_time() {
    let trace = trace();
    let of = |resident: &dyn Fn(f64) -> f64, rate| {
        let kernel = kernel(|at| KernelSample { resident: Some(resident(at) as u64), ..KernelSample::default() });
        found(&Joined { kernel: Some(&kernel), rate, ..joined(&trace, felt(0.000_3, 0.000_1)) }).len()
    };
    assert_eq!(of(&|at| 5e6 + 5e5 * at, 100.0), 1);
    assert_eq!(of(&|at| 5e6 + 3.5e5 * at, 100.0), 0, "less than 3 MB in all");
    assert_eq!(of(&|at| 5e6 + 5e5 * at, 600.0), 0, "less than a kilobyte for each operation");
    assert_eq!(of(&|at| 5e6 + 2e6 * at.min(8.0), 100.0), 0, "it came to rest");
    assert_eq!(of(&|at| 5e6 + if at > 7.0 { 2e7 } else { 0.0 }, 100.0), 0, "one step");
    let rests = |at: f64| 2e6 * (at - 2.0).clamp(0.0, 8.2);
    assert_eq!(of(&|at| 5e6 + 2e7 * at.min(2.0) + rests(at), 50.0), 1, "it rests for a while, and grew before");
    assert_eq!(of(&|at| 4.5e7 + rests(at), 50.0), 0, "it came to rest");
    let collected = |grows: f64, go| {
        let kernel =
            kernel(|at| KernelSample { resident: Some((5e6 + grows * at.min(2.0)) as u64), ..KernelSample::default() });
        let build = Build { go, ..Build::default() };
        let seen =
            Joined { kernel: Some(&kernel), build: Some(&build), rate: 50.0, ..joined(&trace, felt(0.000_3, 0.000_1)) };
        assert_eq!(found(&seen), [], "it came to rest");
        explain(&[seen]).undecided.len()
    };
    assert_eq!(collected(6e7, true), 1, "a collector that had so much to do rests for long");
    assert_eq!([collected(4e7, true), collected(6e7, false)], [0, 0]);
}

#[test]
fn growth_of_a_process_that_nobody_drove_is_told_by_the_second() {
    let trace = trace();
    let kernel = kernel(|at| KernelSample { resident: Some((5e6 + 2e6 * at) as u64), ..KernelSample::default() });
    let attached = Joined { attached: true, felt: None, rate: 0.0, ..joined(&trace, felt(0.0, 0.0)) };
    let finding = explain(&[Joined { kernel: Some(&kernel), ..attached }]).findings.remove(0);
    assert_eq!(finding.title, "memory grows by 2000.0 kB a second");
}

/// A function that runs seldom, and operations are late while it does.
pub(super) fn stalling(function: &str, line: u32) -> BreachRow {
    BreachRow {
        function: function.into(),
        file: "src/main.rs".into(),
        line,
        own: true,
        within: 200,
        outside: 4,
        within_leaf: 190,
        windows: 10,
        within_share: 0.8,
        outside_share: 0.001,
        low: Some(2.0),
        ..BreachRow::default()
    }
}

#[test]
fn a_rare_stall_is_rare_has_windows_and_fills_them() {
    let trace = trace();
    let row = stalling("app::compact", 70);
    let breach = breach(vec![row.clone()]);
    let of = |breach: Breach, excess| found(&Joined { breach: Some(&breach), ..joined(&trace, felt(0.000_3, excess)) });
    let stall = [is("rare-stall", "app::compact", 70)];
    assert_eq!(of(breach.clone(), 0.000_5), stall);
    let with = |row: BreachRow| Breach { rows: vec![row], ..breach.clone() };
    assert_eq!(of(Breach { within_s: 2.1, ..breach.clone() }, 0.000_5), [], "a fifth of the time is not seldom");
    assert_eq!(of(Breach { window_count: 2, ..breach.clone() }, 0.000_5), [], "twice may be anything");
    assert_eq!(of(with(BreachRow { within_share: 0.25, ..row.clone() }), 0.000_5), [], "others fill the windows");
    let few = |windows, within_share| with(BreachRow { windows, within_share, ..row.clone() });
    assert_eq!(of(few(4, 0.8), 0.000_5), [], "it is in fewer than half of them");
    let of_many = |outside| Breach { window_count: 20, ..with(BreachRow { windows: 6, outside, ..row.clone() }) };
    assert_eq!(of(of_many(4), 0.000_5), stall, "or has most of their samples");
    assert_eq!(of(of_many(90), 0.000_5), [], "and runs as well while nobody is late");
    let outside = |outside| with(BreachRow { outside, ..row.clone() });
    assert_eq!(of(outside(290), 0.000_5), stall, "nobody came as it began");
    assert_eq!(of(outside(310), 0.000_5), [], "it runs more outside");
    assert_eq!(of(Breach { phase_s: 2.0, ..outside(201) }, 0.000_5), [], "and as often");
    assert_eq!(of(with(BreachRow { low: Some(0.9), ..row.clone() }), 0.000_5), [], "it may be chance");
    assert_eq!(of(with(BreachRow { own: false, ..row }), 0.000_5), [], "no code of the program");
    assert_eq!(of(breach.clone(), 0.004), [], "a thirteenth of the excess");
    let came = |late| Breach { operations: 2000, within_s: 0.3, late, ..breach.clone() };
    assert_eq!(of(came(25), 0.000_2), stall, "60 came in ten windows, and a quarter of them waited");
    assert_eq!(of(came(24), 0.000_2), [], "who does it is late itself, and hardly anybody else");
}

#[test]
fn the_attempt_that_lost_is_left_though_the_other_ends() {
    let of = |idle_s, looked_at| {
        let mut trace = left(1000, 600, 2000, TraceCause::Notify);
        trace.head.wall_s = 5.0;
        let task = TraceTask { idle_now_s: Some(idle_s), ..trace.tasks[0].clone() };
        trace.tasks = vec![task; looked_at];
        found(&joined(&trace, felt(0.000_3, 0.000_1)))
    };
    assert_eq!(of(2.0, 8), [is("task-growth", "app::subscribe", 52)]);
    assert_eq!(of(0.1, 8), [], "in flight");
    assert_eq!(of(2.0, 3), [], "too few were looked at");
}

#[test]
fn tasks_that_do_not_end_are_held_against_who_spawns_them() {
    let mut trace = trace();
    let spawned_at = Some(site(TraceCause::Other, &[("app::subscribe", 52)]));
    let leak = TraceKind {
        name: "app::follow".into(),
        spawned: 990,
        finished: 3,
        alive: 987,
        polls: 990,
        spawned_at,
        ..TraceKind::default()
    };
    trace.kinds.push(leak.clone());
    assert_eq!(found(&joined(&trace, felt(0.000_3, 0.000_1))), [is("task-growth", "app::subscribe", 52)]);
    trace.kinds[1] = TraceKind { finished: 985, ..leak };
    assert_eq!(found(&joined(&trace, felt(0.000_3, 0.000_1))), []);
}

/// A program of threads: its number of threads at every half second of the open loop, and where those stand that wait longest.
fn of_threads(threads: impl Fn(u64) -> Option<u64>, waits: u64, each_s: f64) -> Vec<(String, String, u32)> {
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let sample = |n: u64| KernelSample { at_s: 0.5 * n as f64, threads: threads(n), ..KernelSample::default() };
    let head = KernelHead { wall_s: 10.0, operations: 1000, ..KernelHead::default() };
    let kernel = KernelRecord { head, samples: (0..21).map(sample).collect() };
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let sleeps = in_poll(TraceEndKind::Blocked, "clock_nanosleep", &[("app::arm", 47)], waits, waits as f64 * each_s);
    let reads = in_poll(TraceEndKind::Blocked, "recvfrom", &[("app::read", 9), ("app::serve", 4)], 1000, 150.0);
    let record = ThreadsRecord {
        head: ThreadsHead { wall_s: 10.0, threads: 1020, ..ThreadsHead::default() },
        kept_open: vec![sleeps, reads],
        ..ThreadsRecord::default()
    };
    found(&Joined { kernel: Some(&kernel), ..threaded(&record, felt(0.5, 0.000_1)) })
}

#[test]
fn threads_that_become_more_do_not_end() {
    let arm = [is("task-growth", "app::arm", 47)];
    assert_eq!(of_threads(|n| Some(20 + 50 * n), 1000, 4.0), arm);
    assert_eq!(of_threads(|n| Some((20 + 50 * n).min(60)), 1000, 0.002), [], "a pool that warms up");
    assert_eq!(of_threads(|_| Some(20), 1000, 0.002), []);
    // Too many to be counted again and again: none of their waits ended.
    assert_eq!(of_threads(|_| None, 1000, 4.8), arm);
    assert_eq!(of_threads(|_| None, 1000, 0.004), [], "each goes on soon");
    assert_eq!(of_threads(|_| None, 16, 8.0), [], "few");
    // Counted twice, thousands apart.
    let twice = |from, to| {
        of_threads(move |n| [(0, from), (20, to)].iter().find(|(at, _)| *at == n).map(|(_, c)| *c), 1000, 0.8)
    };
    assert_eq!(twice(6_500, 12_500), arm);
    assert_eq!(twice(30, 400), [], "a pool that warms up");
}

#[test]
fn who_waits_for_the_end_of_tasks_that_wait_for_ever_is_held_up_by_those() {
    let mut trace = left(600, 567, 1139, TraceCause::Notify);
    trace.waits.push(wait(SERVER, site(TraceCause::Join, &[("app::tile", 101)]), 600, 90.0, 2.0));
    trace.tasks[0].idle_now_s = Some(1.5);
    let failed = Failed { scheduled: 1000, timeouts: 33, unanswered: 0 };
    let of = |trace: &Trace| found(&Joined { failed, timeout_s: 2.0, ..joined(trace, felt(0.006, 0.000_1)) });
    assert_eq!(of(&trace)[0], is("never-answered", "app::follow", 60));
    trace.tasks[0].idle_now_s = Some(0.01);
    assert_eq!(of(&trace)[0], is("never-answered", "app::tile", 101), "those just began to wait");
}

#[test]
fn what_a_keeper_calls_now_and_then_comes_before_it() {
    let own = |all: &[(&str, u32)]| site(TraceCause::Lock, all);
    let row = stalling("app::archive", 77);
    let breach = breach(vec![row]);
    let of = |archives: &[(&str, u32)]| {
        let holder = TraceHolder { doing: TraceEndKind::Cpu, site: own(archives), total_s: 5.0 };
        let waits = in_poll(TraceEndKind::Blocked, "futex", &[("app::write", 99), ("app::serve", 140)], 900, 5.0);
        let waits = TracePolls {
            site: Some(TraceSite { call: "futex".into(), ..own(&[("app::write", 99), ("app::serve", 140)]) }),
            holders: vec![holder],
            ..waits
        };
        let threads =
            crate::run::ThreadsRecord { kept: vec![waits.clone()], kept_open: vec![waits], ..Default::default() };
        let threaded = threaded(&threads, felt(0.000_3, 0.000_5));
        found(&Joined { breach: Some(&breach), ..threaded })
            .into_iter()
            .map(|(rule, at, _)| (rule, at))
            .collect::<Vec<_>>()
    };
    let (stall, keeper) = (
        ("rare-stall".to_owned(), "app::archive".to_owned()),
        ("waiting-on-owner".to_owned(), "app::write".to_owned()),
    );
    assert_eq!(of(&[("app::archive", 77), ("app::write", 107), ("app::serve", 140)]), [stall.clone(), keeper.clone()]);
    assert_eq!(of(&[("app::other", 77), ("app::write", 107), ("app::serve", 140)]), [keeper, stall]);
}

/// The same with so many samples, of 250 within the windows and 4000 elsewhere.
#[allow(clippy::cast_precision_loss, reason = "samples of one test")]
fn row(function: &str, within: u64, outside: u64, within_leaf: u64) -> BreachRow {
    BreachRow {
        within,
        outside,
        within_leaf,
        within_share: within as f64 / 250.0,
        outside_share: outside as f64 / 4000.0,
        ..stalling(function, 70)
    }
}

#[test]
fn what_runs_mainly_while_operations_are_late_is_a_rare_stall() {
    let trace = trace();
    let breach =
        breach(vec![row("app::serve", 240, 3900, 20), row("app::tick", 200, 4, 2), row("app::compact", 195, 3, 190)]);
    let slow = Joined { breach: Some(&breach), ..joined(&trace, felt(0.000_3, 0.000_5)) };
    assert_eq!(found(&slow), [is("rare-stall", "app::compact", 70)]);
    let everywhere = Breach { rows: vec![row("app::serve", 240, 3900, 20)], ..breach.clone() };
    assert_eq!(found(&Joined { breach: Some(&everywhere), ..slow.clone() }), []);
    let waits_itself = Breach { period_s: 0.000_3, ..breach.clone() };
    assert_eq!(
        found(&Joined { breach: Some(&waits_itself), ..slow.clone() }),
        [],
        "it runs for a fifth of the windows"
    );
    let often = Breach { within_s: 6.0, ..breach.clone() };
    assert_eq!(found(&Joined { breach: Some(&often), ..slow }), []);
}

#[test]
fn a_stall_is_of_who_decided_on_it_and_not_of_who_goes_round() {
    let once = breach(vec![
        row("app::checksum", 160, 0, 160),
        row("app::merge", 230, 0, 70),
        row("app::flush", 230, 0, 0),
        row("app::record", 231, 20, 1),
        row("app::serve", 240, 900, 20),
    ]);
    let of_cpus = |breach: &Breach, path: &[(&str, u32)], loops: Option<&Loops>| {
        let frame = |(function, line): &(&str, u32)| TraceFrame {
            function: (*function).into(),
            file: "src/main.rs".into(),
            line: *line,
        };
        let path: Vec<TraceFrame> = path.iter().map(frame).collect();
        let TraceFrame { function, file, line } = path[0].clone();
        let row = CpuRow { function, file, line, total_s: 1.0, served_s: 1.0, path, ..CpuRow::default() };
        let cpu = CpuTable { total_s: 1.5, rows: vec![row], named: 1.0, ..CpuTable::default() };
        let trace = trace();
        // Who is kept from its CPU does not wait.
        let own = cpu.rows[0].path.clone();
        let place = WaitPlace { cause: WaitCause::Preempted, own, waits: 900, ..WaitPlace::default() };
        let threads = ThreadsRecord { places: vec![place], ..ThreadsRecord::default() };
        let threads = Some(&threads);
        let seen =
            Joined { breach: Some(breach), cpu: Some(&cpu), loops, threads, ..joined(&trace, felt(0.000_3, 0.000_5)) };
        found(&seen)
    };
    let of_source = |path: &[(&str, u32)], loops| of_cpus(&once, path, loops);
    let of = |path: &[(&str, u32)]| of_source(path, None);
    let (checksum, merge, flush) = (("app::checksum", 9), ("app::merge", 49), ("app::flush", 89));
    let (record, serve) = (("app::record", 79), ("app::serve", 132));
    assert_eq!(of(&[checksum, merge, flush, record, serve]), [is("rare-stall", "app::flush", 89)]);
    assert_eq!(of(&[checksum, merge, record, flush, serve]), [is("rare-stall", "app::merge", 49)], "what runs always");
    assert_eq!(of(&[checksum, merge, flush]), [is("rare-stall", "app::checksum", 9)], "nobody knows who calls it");
    let mut all = Loops::default();
    all.read(
        "src/main.rs",
        "fn append() {\n    if full() {\n        merge();\n    }\n}\nfn merge() {\n    checksum();\n}\n",
    );
    let append = ("app::flush", 3);
    assert_eq!(
        of_source(&[checksum, ("app::merge", 7), append, serve], Some(&all)),
        [is("rare-stall", "app::merge", 7)]
    );
    // On two CPUs at once: nobody keeps the second from doing what the first does for all.
    let twice = Breach { period_s: 0.002, ..once.clone() };
    let path = [checksum, ("app::merge", 7), append, serve];
    assert_eq!(of_cpus(&twice, &path, Some(&all)), [is("rare-stall", "app::flush", 3)]);
}
