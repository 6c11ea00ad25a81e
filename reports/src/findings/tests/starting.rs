//! Threads that operations start.

use super::*;
use crate::run::{KernelHead, KernelRecord, ThreadsHead, ThreadsRecord, WaitPlace};

#[test]
fn threads_that_operations_start_are_repeated_work() {
    let trace = trace();
    let row = |function: &str, call: &str| CpuRow {
        function: function.into(),
        file: "app.rs".into(),
        line: 27,
        total_s: 0.1,
        calls: [(call.to_owned(), 0.05)].into(),
        ..CpuRow::default()
    };
    let rows = vec![row("app::serve", "epoll_wait"), row("app::detach", "clone3")];
    let cpu = CpuTable { total_s: 0.2, rows, named: 1.0, ..CpuTable::default() };
    let of = |threads: u64, mean_s| {
        let head = ThreadsHead { threads, ..ThreadsHead::default() };
        let threads = ThreadsRecord { head, ..ThreadsRecord::default() };
        let kernel = KernelRecord { head: KernelHead { operations: 1000, ..KernelHead::default() }, ..<_>::default() };
        let joined = joined(&trace, felt(mean_s, 0.000_1));
        found(&Joined { threads: Some(&threads), kernel: Some(&kernel), cpu: Some(&cpu), ..joined })
    };
    assert_eq!(of(60_000, 0.005), [is("repeated-work", "app::detach", 27)]);
    assert_eq!(of(1016, 0.000_3), [], "one for each connection, and those of a pool");
    assert_eq!(of(3000, 0.01), [], "which is nothing to what an operation takes");
}

#[test]
fn processes_that_operations_start_are_repeated_work() {
    let of = |starts: u64, waited_s| {
        let (describe, serve) = (("app::describe", 50), ("app::serve", 120));
        let clone = in_poll(TraceEndKind::Blocked, "clone3", &[describe, serve], starts, 0.2);
        let reads = in_poll(TraceEndKind::Blocked, "poll", &[describe, serve], 2000, waited_s);
        let own = clone.site.as_ref().map(|site| site.own.clone()).unwrap_or_default();
        let place = WaitPlace { within: "clone3".into(), own, waits: starts, ..WaitPlace::default() };
        let threads = ThreadsRecord { kept: vec![clone, reads], places: vec![place], ..ThreadsRecord::default() };
        let kernel = KernelRecord { head: KernelHead { operations: 1000, ..KernelHead::default() }, ..<_>::default() };
        found(&Joined { threads: Some(&threads), kernel: Some(&kernel), ..driven(felt(0.003, 0.000_1)) })
    };
    assert_eq!(of(2000, 2.0), [is("repeated-work", "app::describe", 50)]);
    assert_eq!(of(100, 2.0), [], "one for ten operations");
    assert_eq!(of(2000, 0.01), [], "which is nothing to what an operation takes");
}

#[test]
fn many_small_tasks_of_an_operation_are_repeated_work() {
    let of = |spawned: u64, busy_s| {
        let mut trace = trace();
        let spawned_at = Some(site(TraceCause::Other, &[("app::each_apart", 7)]));
        let name = "app::each_apart".to_owned();
        let (finished, polls) = (spawned, spawned);
        trace.kinds.push(TraceKind { name, spawned, finished, polls, busy_s, spawned_at, ..TraceKind::default() });
        found(&joined(&trace, felt(0.005, 0.000_1)))
    };
    assert_eq!(of(2_000_000, 2.0), [is("repeated-work", "app::each_apart", 7)]);
    assert_eq!(of(2_000_000, 40.0), [], "each does enough to be worth it");
    assert_eq!(of(40_000, 0.04), [], "forty for each operation");
    assert_eq!(of(200_000, 0.2), [], "which is little to what an operation takes");
}

#[test]
fn tasks_that_nobody_polled_yet_are_no_growth() {
    let mut trace = trace();
    let kind = TraceKind { name: "[not polled]".into(), spawned: 15_000, alive: 15_000, ..TraceKind::default() };
    trace.kinds.push(kind);
    assert_eq!(found(&joined(&trace, felt(0.005, 0.000_1))), []);
}

#[test]
fn many_small_jobs_of_an_operation_are_repeated_work() {
    let of = |jobs: u64, busy_s| {
        let mut trace = trace();
        let kind =
            TraceKind { name: "blocking app::digest".into(), blocking: true, finished: jobs, ..TraceKind::default() };
        trace.kinds.push(TraceKind { polls: jobs, busy_s, ..kind });
        trace.waits.push(wait(
            SERVER,
            site(TraceCause::Join, &[("app::digest", 59), ("app::check", 76)]),
            jobs,
            4.0,
            0.01,
        ));
        found(&joined(&trace, felt(0.013, 0.000_1)))
    };
    assert_eq!(of(400_000, 1.8), [is("repeated-work", "app::digest", 59)]);
    assert_eq!(of(400_000, 90.0), [], "they work for longer than it takes to start them");
    assert_eq!(of(4_000, 0.02), [], "a few");
}

/// Threads that serve connections and ask somebody so many times for each of 1000 operations, and who writes.
fn asking(times: u64, writer: &[(&str, u32)]) -> Vec<(String, String, u32)> {
    let stack = |own: &[(&str, u32)]| own.iter().map(|(function, line)| frame(function, *line)).collect::<Vec<_>>();
    let place = |own: &[(&str, u32)], waits: u64, total_s| WaitPlace {
        function: own[0].0.into(),
        file: "src/main.rs".into(),
        line: own[0].1,
        within: "recvfrom".into(),
        thread: "app".into(),
        own: stack(own),
        waits,
        total_s,
        longest_s: 0.01,
        ..WaitPlace::default()
    };
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let asks = place(
        &[("app::get", 45), ("app::lines", 93), ("app::connection", 48), ("app::serve", 39)],
        1000 * times,
        2.0 * times as f64,
    );
    let next = place(&[("app::read", 10), ("app::connection", 47), ("app::serve", 39)], 1000, 150.0);
    let threads = ThreadsRecord { places: vec![next, asks], ..ThreadsRecord::default() };
    let (head, path) = (KernelHead { operations: 1000, ..KernelHead::default() }, stack(writer));
    let kernel = KernelRecord { head, ..KernelRecord::default() };
    let calls = [("sendto".to_owned(), 0.05)].into();
    let function = writer[0].0.into();
    let rows = vec![CpuRow { function, total_s: 0.1, calls, path, ..CpuRow::default() }];
    let cpu = CpuTable { total_s: 0.1, rows, named: 1.0, ..CpuTable::default() };
    let mut loops = Loops::default();
    let source: String = (1..=100)
        .map(|line| match line {
            40 => "fn get() {\n",
            44 | 92 => "loop {\n",
            50 | 95 => "}\n",
            52 | 97 => "}\n",
            90 => "fn lines() {\n",
            _ => "go();\n",
        })
        .collect();
    loops.read("src/main.rs", &source);
    let none = trace();
    found(&Joined {
        threads: Some(&threads),
        kernel: Some(&kernel),
        cpu: Some(&cpu),
        loops: Some(&loops),
        trace: None,
        traced: None,
        ..joined(&none, felt(0.028, 0.000_1))
    })
}

#[test]
fn questions_of_a_thread_that_are_asked_one_after_the_other_are_round_trips() {
    // What reads an answer goes round for its parts; who writes question after question goes round for those.
    let asks: &[(&str, u32)] = &[("app::get", 41), ("app::lines", 93), ("app::connection", 48)];
    assert_eq!(asking(14, asks), [is("repeated-work", "app::lines", 93)]);
    assert_eq!(asking(2, asks), [], "a few are how protocols work");
    // Nobody writes within it: it is one answer, in parts.
    assert_eq!(asking(14, &[("app::respond", 27), ("app::connection", 50)]), []);
}
