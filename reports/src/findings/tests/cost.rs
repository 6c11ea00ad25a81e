//! What operations cost: system calls, wakes, attempts, allocations, CPUs and quotas. Each threshold and each exclusion.

use super::*;

/// A profile of one second in one function.
pub(super) fn spent(calls: &[(&str, f64)], allocator_s: f64) -> CpuTable {
    let row = CpuRow {
        function: "app::build".into(),
        file: "src/main.rs".into(),
        line: 15,
        thread: "worker".into(),
        total_s: 1.0,
        calls: calls.iter().map(|(call, seconds)| ((*call).to_owned(), *seconds)).collect(),
        allocator_s,
        ..CpuRow::default()
    };
    CpuTable { total_s: 1.0, rows: vec![row], named: 1.0, ..CpuTable::default() }
}

#[test]
fn allocators_and_faults_count_where_they_are_a_third_of_much_cpu_and_many() {
    let trace = trace();
    let of = |churn, faults, per_op| {
        let metrics = metrics(&[("faults.minor_per_op", faults), ("cpu_per_op", per_op)]);
        let cpu = spent(&[("page fault", churn / 2.0)], churn / 2.0);
        found(&Joined { cpu: Some(&cpu), metrics: Some(&metrics), ..joined(&trace, felt(0.001, 0.000_1)) })
    };
    assert_eq!(of(0.4, 500.0, 0.002), [is("allocator-churn", "app::build", 15)]);
    assert_eq!(
        of(0.7, 3.0, 0.002),
        [is("allocator-churn", "app::build", 15)],
        "pages stay, and most of the CPU is memory's"
    );
    assert_eq!(of(0.28, 500.0, 0.002), []);
    assert_eq!(of(0.4, 90.0, 0.002), [], "pages are kept");
    assert_eq!(of(0.4, 500.0, 0.000_2), [], "0.2 ms is nobody's trouble");
}

#[test]
fn system_calls_are_many_from_sixty_where_they_are_a_third_of_the_cpu() {
    let trace = trace();
    let of = |count: u64, share| {
        let kernel = kernel(|_| KernelSample { syscalls: Some(1000 * count), ..KernelSample::default() });
        let cpu = spent(&[("write", share)], 0.0);
        found(&Joined { cpu: Some(&cpu), kernel: Some(&kernel), ..joined(&trace, felt(0.001, 0.000_1)) })
    };
    assert_eq!(of(70, 0.4), [is("repeated-work", "app::build", 15)]);
    assert_eq!(of(50, 0.4), []);
    assert_eq!(of(70, 0.25), []);
}

#[test]
fn calls_that_nobody_counted_are_told_by_their_cpu() {
    let trace = trace();
    let of = |share, per_op, call| {
        let metrics = metrics(&[("cpu_per_op", per_op)]);
        let cpu = spent(&[(call, share)], 0.0);
        found(&Joined { cpu: Some(&cpu), metrics: Some(&metrics), ..joined(&trace, felt(0.001, 0.000_1)) })
    };
    assert_eq!(of(0.6, 0.000_5, "sendto"), [is("repeated-work", "app::build", 15)]);
    assert_eq!(of(0.45, 0.001, "sendto"), []);
    assert_eq!(of(0.6, 0.000_4, "sendto"), [], "0.24 ms may be a few");
    assert_eq!(of(0.6, 0.000_5, "epoll_wait"), [], "waiting for events moves no bytes");
}

/// Waiters that every operation wakes so often.
fn herd(each: u64, resource: &str) -> Trace {
    let mut trace = trace();
    let kind = "app::consume".to_owned();
    let (polls, wakes) = (1000 * each, 1000 * each);
    trace.kinds.push(TraceKind { name: kind.clone(), alive: 300, polls, wakes, busy_s: 1.0, ..TraceKind::default() });
    let cause = if resource.contains("broadcast") { TraceCause::Channel } else { TraceCause::Notify };
    let waits_at = TraceSite { resource: resource.into(), ..site(cause, &[("app::take", 74)]) };
    trace.waits.push(wait(&kind, waits_at, polls, 9.0, 0.1));
    trace
}

#[test]
fn a_herd_is_many_wakes_of_those_who_find_nothing() {
    let of = |trace: &Trace| found(&joined(trace, felt(0.001, 0.000_1)));
    assert_eq!(of(&herd(30, "tokio::sync::Notify::notified")), [is("repeated-work", "app::take", 74)]);
    assert_eq!(of(&herd(20, "tokio::sync::Notify::notified")), []);
    assert_eq!(of(&herd(30, "tokio::sync::broadcast::Receiver::recv")), [], "each listener gets what was sent");
    let mut loops = Loops::default();
    let source = |bell| {
        format!(
            "{}async fn take() {{\n    let bell = Arc::new({bell});\n    bell.notified().await;\n}}\n",
            "\n".repeat(71)
        )
    };
    loops.read("src/main.rs", &source("Notify::new()"));
    let waiting = herd(30, "tokio::sync::Notify::notified");
    let its_own = Joined { loops: Some(&loops), ..joined(&waiting, felt(0.001, 0.000_1)) };
    assert_eq!(found(&its_own), [], "each waits for its own: whom it does not mean nobody wakes");
    let mut jobs = herd(30, "tokio::sync::Notify::notified");
    jobs.kinds[1].blocking = true;
    assert_eq!(of(&jobs), []);
    // Ten tasks that are woken thirty times for each operation go on with steps of their own.
    let mut steps = herd(30, "tokio::sync::oneshot::Receiver::poll");
    steps.kinds[1].alive = 10;
    assert_eq!(of(&steps), []);
}

/// Timers beside other work that ended waits of operations.
fn given_up(count: u64, total_s: f64) -> Trace {
    let mut trace = trace();
    let timer = TraceSite { beside_others: true, ..site(TraceCause::Timer, &[("app::insist", 42)]) };
    trace.waits.push(wait(SERVER, timer, count, total_s, 0.01));
    trace
}

#[test]
fn attempts_are_told_from_a_timeout_and_from_a_heartbeat() {
    let of = |trace: &Trace| found(&joined(trace, felt(0.02, 0.000_1)));
    assert_eq!(of(&given_up(2000, 10.0)), [is("repeated-work", "app::insist", 42)]);
    assert_eq!(of(&given_up(1600, 10.0)), [], "most operations give up once at most");
    assert_eq!(of(&given_up(2000, 5.0)), [], "a quarter of the latency");
    let mut other = given_up(2000, 10.0);
    other.waits[1].kind = "app::beside".into();
    assert_eq!(of(&other), [], "a task that answers nobody");
    let mut heartbeat = given_up(2000, 10.0);
    let few = TraceWait { count: 200, ..heartbeat.waits[1].clone() };
    heartbeat.saturated = Some(Box::new(TraceSaturated { wall_s: 2.0, waits: vec![few], ..<_>::default() }));
    assert_eq!(of(&heartbeat), [], "under full load it beats no faster");
}

#[test]
fn work_of_every_operation_is_repeated_where_it_builds_what_could_have_stayed() {
    let of = |each_s: f64, allocator_s, of_all: f64, base_s| {
        let trace = Trace {
            polls: vec![in_poll(TraceEndKind::Cpu, "", &[("app::build", 15)], 1000, 1000.0 * each_s)],
            ..trace()
        };
        let mut cpu = spent(&[], allocator_s);
        cpu.total_s = 1.0 / of_all;
        found(&Joined { cpu: Some(&cpu), ..joined(&trace, felt(base_s, 0.000_1)) })
    };
    let built = [is("repeated-work", "app::build", 15)];
    assert_eq!(of(0.000_6, 0.3, 0.8, 0.001), built);
    assert_eq!(of(0.000_6, 0.1, 0.8, 0.001), [], "work without allocations may be what the operation is for");
    assert_eq!(of(0.000_3, 0.3, 0.8, 0.000_9), [], "0.3 ms");
    assert_eq!(of(0.000_6, 0.3, 0.8, 0.003), [], "a fifth of the latency");
    assert_eq!(of(0.000_6, 0.3, 0.4, 0.001), [], "less than half of the CPU");
}

#[test]
fn a_quota_counts_where_it_stopped_the_process_for_long_and_again_and_again() {
    let trace = trace();
    let of = |part: f64, periods: u64| {
        let kernel = kernel(|at| KernelSample {
            throttled: Some((at / 10.0 * periods as f64) as u64),
            throttled_s: Some(part * at),
            ..KernelSample::default()
        });
        found(&Joined { kernel: Some(&kernel), ..joined(&trace, felt(0.000_3, 0.000_1)) })
    };
    assert_eq!(of(0.1, 30), [is("throttled", "", 0)]);
    assert_eq!(of(0.01, 30), [], "a hundredth of the time");
    assert_eq!(of(0.1, 2), [], "twice");
}

#[test]
fn a_quota_that_is_used_up_by_all_clients_at_once_is_nobodys_fault() {
    let trace = trace();
    let mut kernel = kernel(|at| KernelSample {
        throttled: Some((at.min(2.0) * 9.0) as u64),
        throttled_s: Some(at.min(2.0)),
        ..KernelSample::default()
    });
    let of = |kernel: &KernelRecord| found(&Joined { kernel: Some(kernel), ..joined(&trace, felt(0.000_3, 0.000_1)) });
    assert_eq!(of(&kernel), []);
    kernel.head.open_at_s = None;
    assert_eq!(of(&kernel), [is("throttled", "", 0)], "nobody drove it: all the time counts");
}

#[test]
fn two_causes_that_explain_as_much_are_left_open_with_an_experiment() {
    let mut trace = trace();
    let hog = |function, total_s| in_poll(TraceEndKind::Cpu, "", &[(function, 41)], 50, total_s);
    let blocked = |total_s| in_poll(TraceEndKind::Blocked, "fsync", &[("app::store", 60)], 50, total_s);
    trace.polls = vec![hog("app::hash", 1.0), blocked(1.0)];
    let of = |trace: &Trace| {
        let joined = joined(trace, felt(0.000_3, 0.003));
        explain(&[Joined { command: "shop.toml --variant default".into(), ..joined }])
    };
    let explained = of(&trace);
    assert_eq!(explained.findings.len(), 2, "both are named");
    assert_eq!(explained.undecided.len(), 1);
    assert_eq!(explained.undecided[0].rules, ["poll-blocked", "long-poll-cpu"]);
    insta::assert_snapshot!(explained.undecided[0].sentence, @"poll-blocked in app::store (src/main.rs:60) and long-poll-cpu in app::hash (src/main.rs:41) explain about as much (67 % and 67 %), and together more than there is: one may follow from the other. Where a longer look still shows both, mend the first and look again");
    assert_eq!(
        explained.undecided[0].experiment,
        "workbench run --evidence cpu,wait,trace --duration 30s shop.toml --variant default"
    );
    trace.polls[1] = blocked(0.6);
    assert_eq!(of(&trace).undecided, [], "one explains twice as much");
}

#[test]
fn round_trips_are_many_waits_in_one_place_one_after_the_other() {
    let of = |cause, count: u64, total_s| {
        let mut trace = trace();
        trace.waits.push(wait(SERVER, site(cause, &[("app::ask", 29), ("app::page", 43)]), count, total_s, 0.01));
        found(&joined(&trace, felt(0.02, 0.000_1)))
    };
    let asked = [is("repeated-work", "app::ask", 29)];
    assert_eq!(of(TraceCause::Timer, 9000, 18.0), asked);
    assert_eq!(of(TraceCause::Socket, 9400, 18.0), asked);
    assert_eq!(of(TraceCause::Socket, 4000, 18.0), [], "four are how protocols work");
    assert_eq!(of(TraceCause::Socket, 9000, 1.0), [], "a quarter of the latency");
    assert_eq!(
        of(TraceCause::Timer, 9400, 18.0),
        [is("latency-pinned", "app::ask", 29)],
        "the number varies: it looks"
    );
    assert_eq!(of(TraceCause::Channel, 9000, 18.0), [], "somebody else has its own mechanism");
    let mut library = trace();
    let bare = TraceSite { own: Vec::new(), ..site(TraceCause::Socket, &[("hyper::read", 5)]) };
    library.waits.push(wait(SERVER, bare, 9000, 18.0, 0.01));
    assert_eq!(found(&joined(&library, felt(0.02, 0.000_1))), [], "a library reads in pieces");
}

#[test]
fn work_that_is_seen_in_several_functions_is_held_against_the_one_that_calls_them() {
    let polls = |own: &[(&str, u32)], polls, total_s| in_poll(TraceEndKind::Cpu, "", own, polls, total_s);
    let (all, quote) = (("app::all", 24), ("app::quote", 33));
    let trace = Trace {
        polls: vec![
            polls(&[("app::clone", 16), all, quote], 400, 0.6),
            polls(&[all, quote], 400, 0.6),
            polls(&[quote], 200, 0.3),
        ],
        ..trace()
    };
    let mut cpu = spent(&[], 0.4);
    cpu.rows[0].function = "app::clone".into();
    cpu.rows.push(CpuRow { function: "app::all".into(), total_s: 1.0, allocator_s: 0.3, ..CpuRow::default() });
    cpu.total_s = 2.5;
    let copied = Joined { cpu: Some(&cpu), ..joined(&trace, felt(0.002, 0.001)) };
    assert_eq!(found(&copied), [is("repeated-work", "app::all", 24)], "and no long poll: every operation has it");
}

#[test]
fn waits_between_a_tasks_own_steps_are_left_open_since_only_the_source_tells_what_they_are_for() {
    let of = |own: &[(&str, u32)], count, total_s| {
        let mut trace = trace();
        trace.waits.push(wait(SERVER, site(TraceCause::Timer, own), count, total_s, 0.01));
        let explained = explain(&[joined(&trace, felt(0.02, 0.000_1))]);
        let told = explained.undecided.into_iter().find(|one| one.rules == ["repeated-work"]).map(|one| one.sentence);
        (explained.findings.len(), told.unwrap_or_default())
    };
    let (own, called) = ([("app::tokens", 29)], [("app::ask", 29), ("app::page", 43)]);
    let (found, told) = of(&own, 9000, 18.0);
    assert!(found == 0 && told.contains("9 times in a row in app::tokens"), "{found} {told}");
    assert_eq!(of(&own, 4000, 18.0), (0, String::new()), "a few");
    assert_eq!(of(&own, 9000, 1.0), (0, String::new()), "a quarter of the latency");
    assert_eq!(of(&called, 9000, 18.0), (1, String::new()), "questions");
}

#[test]
fn memory_that_is_a_part_of_what_is_built_anew_is_no_cause_of_its_own() {
    let trace = Trace { polls: vec![in_poll(TraceEndKind::Cpu, "", &[("app::build", 15)], 1000, 0.6)], ..trace() };
    let of = |allocator_s| {
        let cpu = CpuTable {
            total_s: 1.0,
            rows: vec![CpuRow { total_s: 0.9, ..spent(&[], allocator_s).rows.remove(0) }],
            named: 1.0,
            ..CpuTable::default()
        };
        let metrics = metrics(&[("faults.minor_per_op", 150.0), ("cpu_per_op", 0.000_8)]);
        found(&Joined { cpu: Some(&cpu), metrics: Some(&metrics), ..joined(&trace, felt(0.001, 0.000_1)) })
    };
    assert_eq!(of(0.4), [is("repeated-work", "app::build", 15)]);
    assert_eq!(of(0.8), [is("allocator-churn", "app::build", 15)]);
}

#[test]
fn what_a_thread_computes_for_each_operation_is_a_cause_where_that_is_nearly_all_and_else_left_open() {
    let none = trace();
    let kernel = kernel(|_| KernelSample::default());
    let of = |per_op, base_s, trace| {
        let (metrics, cpu) = (metrics(&[("cpu_per_op", per_op)]), spent(&[], 0.0));
        let (cpu, metrics, kernel) = (Some(&cpu), Some(&metrics), Some(&kernel));
        let explained = explain(&[Joined { cpu, metrics, kernel, trace, ..joined(&none, felt(base_s, 0.000_1)) }]);
        let found = explained.findings.into_iter().map(|one| format!("{}: {}", one.rule, one.title));
        found.chain(explained.undecided.into_iter().map(|one| one.sentence)).collect::<Vec<_>>()
    };
    let told = of(0.008, 0.014, None);
    assert!(told[0].starts_with("each operation computes 8.00 ms in app::build (src/main.rs:15): 57 %"), "{told:?}");
    assert_eq!(of(0.008, 0.009, None), ["repeated-work: app::build computes 8.00 ms for every operation"]);
    assert_eq!(of(0.002, 0.003, None), [""; 0], "2 ms");
    assert_eq!(of(0.008, 0.02, None), [""; 0], "less than half of what it takes");
    assert_eq!(of(0.008, 0.009, Some(&none)), [""; 0], "of tasks the polls say it");
}

#[test]
fn what_a_task_computes_for_each_operation_without_allocating_is_left_open() {
    let of = |each_s: f64, base_s| {
        let own = [("app::fmt", 26), ("app::state_of", 112), ("app::journalled", 105)];
        let polls = vec![in_poll(TraceEndKind::Cpu, "", &own, 1000, 1000.0 * each_s)];
        let trace = Trace { polls, ..trace() };
        let (cpu, kernel) = (spent(&[], 0.0), kernel(|_| KernelSample::default()));
        let explained =
            explain(&[Joined { cpu: Some(&cpu), kernel: Some(&kernel), ..joined(&trace, felt(base_s, 0.000_1)) }]);
        assert_eq!(explained.findings, []);
        explained.undecided.into_iter().map(|one| one.sentence).collect::<Vec<_>>()
    };
    let told = of(0.000_7, 0.000_8);
    assert!(
        told[0].contains("in app::fmt (src/main.rs:26), called by app::state_of, app::journalled: 88 %"),
        "{told:?}"
    );
    assert_eq!(of(0.000_3, 0.000_4), [""; 0], "0.3 ms");
    assert_eq!(of(0.000_7, 0.002), [""; 0], "a third of what it takes");
}

#[test]
fn connections_that_each_operation_opens_anew_are_held_against_who_opens_them() {
    let of = |opened: u64, asked_s| {
        let mut trace = trace();
        let (ask, bill) = (("app::ask", 57), ("app::bill", 120));
        let place = |resource: &str, own: &[(&str, u32)]| TraceSite {
            resource: resource.into(),
            ..site(TraceCause::Socket, own)
        };
        trace.waits.push(wait(SERVER, place("tokio::net::TcpStream::connect", &[ask, bill]), opened, 0.5, 0.001));
        let read = place("tokio::io::ReadExact::poll", &[("app::exchange", 42), ask, bill]);
        trace.waits.push(wait(SERVER, read, 4000, asked_s, 0.01));
        found(&joined(&trace, felt(0.02, 0.000_1)))
    };
    assert_eq!(of(9000, 15.0), [is("repeated-work", "app::ask", 57)]);
    assert_eq!(of(4000, 15.0), [], "a few connections");
    assert_eq!(of(9000, 0.3), [], "a fifth of the latency");
}

#[test]
fn who_goes_on_with_each_answer_is_no_herd() {
    let mut asks = herd(30, "tokio::net::tcp::stream::TcpStream::poll_read");
    asks.waits[1].site.as_mut().expect("a place").cause = TraceCause::Socket;
    let findings = explain(&[joined(&asks, felt(0.001, 0.000_1))]).findings;
    assert!(findings.iter().all(|finding| !finding.title.contains("wakes")), "{findings:?}");
}

#[test]
fn in_go_a_function_that_costs_more_than_most_operations_take_is_a_hog() {
    let build = Build { go: true, symbols: true, lines: true, ..Build::default() };
    let frame = |function: &str, line| TraceFrame { function: function.into(), file: "main.go".into(), line };
    let of = |base_s, served_s| {
        let row = CpuRow {
            function: "main.seal".into(),
            file: "main.go".into(),
            line: 24,
            total_s: 0.9,
            served_s,
            path: vec![frame("main.seal", 24), frame("main.handler", 57)],
            ..CpuRow::default()
        };
        let cpu = CpuTable { total_s: 1.0, rows: vec![row], named: 1.0, ..CpuTable::default() };
        let metrics = [("cpu_per_op".to_owned(), MetricValue { value: 0.003, unit: "s".into() })].into();
        let none = Trace::default();
        let joined = Joined {
            cpu: Some(&cpu),
            build: Some(&build),
            trace: None,
            metrics: Some(&metrics),
            ..joined(&none, felt(base_s, 0.006))
        };
        explain(std::slice::from_ref(&joined)).findings
    };
    let found = of(0.000_3, 0.9);
    assert_eq!(found[0].rule, "long-poll-cpu");
    assert_eq!(
        found[0].path.iter().map(|one| one.function.as_str()).collect::<Vec<_>>(),
        ["main.seal", "main.handler"]
    );
    // Each operation computes as much, or nobody's operation does.
    assert_eq!(of(0.003, 0.9), []);
    assert_eq!(of(0.000_3, 0.0), []);
}

#[test]
fn tracing_slows_many_short_polls_and_none_that_wait_for_a_thread() {
    let kernel = kernel(|at| KernelSample { cpu_s: Some(0.1 * at), ..KernelSample::default() });
    let times = |polls, busy_s, blocking| {
        let mut trace = trace();
        trace.kinds.clear();
        trace.kinds.push(TraceKind { polls, busy_s, blocking, ..TraceKind::default() });
        let joined = joined(&trace, felt(0.005, 0.001));
        let joined = Joined { kernel: Some(&kernel), rate: 100.0, traced: Some((1000, 0.005)), ..joined };
        joined.slowed_by_tracing()
    };
    // 1 ms of CPU an operation where nothing is traced.
    assert!((times(100_000, 10.0, false) - 10.0).abs() < 1e-6);
    assert!((times(100_000, 2.0, false) - 1.0).abs() < 1e-6, "no more than noise");
    assert!((times(10_000, 10.0, false) - 1.0).abs() < 1e-6, "such polls are long without it, too");
    assert!((times(100_000, 10.0, true) - 1.0).abs() < 1e-6, "jobs of the blocking pool wait");
}
