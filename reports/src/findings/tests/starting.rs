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
    let cpu = CpuTable { total_s: 0.2, rows, named: 1.0 };
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
