//! Threads that operations start.

use super::*;
use crate::run::{KernelHead, KernelRecord, ThreadsHead, ThreadsRecord};

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
