//! Programs that want more CPUs than there are, for their work or for nothing.

use super::cost::spent;
use super::*;

/// Threads that want CPUs, on two of them, and how much of the CPU time one place has.
fn wanting(busy: f64, waiting: f64, part: f64, excess_s: f64) -> Vec<(String, String, u32)> {
    spinning(busy, waiting, part, excess_s, 0.02)
}

/// The same of a program that needs so much CPU for an operation while all clients ask at once, seconds.
fn spinning(busy: f64, waiting: f64, part: f64, excess_s: f64, per_op: f64) -> Vec<(String, String, u32)> {
    let metrics = metrics(&[("cpu_per_op", per_op)]);
    let trace = trace();
    let kernel = kernel(|at| KernelSample {
        cpu_s: Some(busy * at),
        run_queue_s: Some(waiting * at),
        ..KernelSample::default()
    });
    let mut cpu = spent(&[], 0.0);
    cpu.total_s = 1.0 / part;
    found(&Joined {
        cpu: Some(&cpu),
        kernel: Some(&kernel),
        metrics: Some(&metrics),
        traced: Some((1000, 0.000_3 + excess_s)),
        ..joined(&trace, felt(0.000_3, excess_s))
    })
}

#[test]
fn a_program_crowds_itself_out_where_it_wants_more_than_there_is() {
    assert_eq!(wanting(2.0, 1.5, 0.6, 0.003), [is("runnable-not-scheduled", "app::build", 15)]);
    assert_eq!(wanting(1.0, 1.5, 0.6, 0.003), [], "its neighbours have the CPUs");
    assert_eq!(wanting(2.2, 0.9, 0.6, 0.003), [], "not one waits");
    assert_eq!(wanting(2.0, 1.5, 0.3, 0.003), [], "no place has most of it");
    assert_eq!(wanting(2.0, 1.5, 0.6, 0.2), [], "a thirteenth of the excess");
}

#[test]
fn who_looks_for_work_all_the_time_has_the_cpus_for_nothing() {
    let spins = [is("runnable-not-scheduled", "app::build", 15)];
    assert_eq!(spinning(2.0, 1.5, 0.6, 0.2, 0.000_1), spins, "200 times the CPU of an operation");
    assert_eq!(spinning(2.0, 1.5, 0.6, 0.2, 0.004), [], "five times");
    assert_eq!(spinning(1.0, 0.1, 0.6, 0.2, 0.000_1), [], "nobody waits for a CPU");
}

#[test]
fn threads_of_one_kind_that_take_the_cpus_are_named_by_who_began_them() {
    let of = |thread: &str, began: &str| {
        let row = |function: &str, line, total_s| CpuRow {
            thread: thread.into(),
            path: vec![frame(function, line), frame(began, 80)],
            total_s,
            function: function.into(),
            ..CpuRow::default()
        };
        let rows = vec![row("app::replay", 31, 0.3), row("app::merge", 44, 0.25), row("app::spread", 9, 0.25)];
        let cpu = CpuTable { rows, total_s: 1.0, named: 1.0, ..CpuTable::default() };
        let kernel = kernel(|at| KernelSample {
            cpu_s: Some(1.0 * at),
            run_queue_s: Some(20.0 * at),
            ..KernelSample::default()
        });
        let reads = in_poll(TraceEndKind::Blocked, "recvfrom", &[("app::talk", 12)], 1000, 4.0);
        let threads = crate::run::ThreadsRecord { kept: vec![reads], ..crate::run::ThreadsRecord::default() };
        let named = metrics(&[("cpu_per_op", 0.004)]);
        let driven = threaded(&threads, felt(0.000_3, 0.02));
        found(&Joined { cpu: Some(&cpu), kernel: Some(&kernel), metrics: Some(&named), ..driven })
    };
    assert_eq!(of("peer-", "app::enlist"), [is("runnable-not-scheduled", "app::enlist", 80)]);
    let is_crowd = |found: Vec<(String, String, u32)>| found.iter().any(|one| one.0 == "runnable-not-scheduled");
    assert!(!is_crowd(of("front", "app::talk")), "what operations compute is theirs");
    assert!(!is_crowd(of("tokio-rt-worker", "app::enlist")), "workers poll whatever there is");
}
