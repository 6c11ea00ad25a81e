//! The table. Minimum effects come from what the paired design could show on a hostile two-core host (design 06 §10).

use super::Better::{Higher, Lower, Neither};
use super::{Better, Metric};

/// Name for programs and words for people.
type Called = (&'static str, &'static str);

const fn base((name, words): Called, unit: &'static str, better: Better, effect: f64, about: &'static str) -> Metric {
    Metric { name, words, unit, better, minimum_effect: effect, latency: false, quantile: None, compared: false, about }
}

const fn compared(metric: Metric) -> Metric {
    Metric { compared: true, ..metric }
}

/// A time that depends on when operations were sent.
const fn timed(called: Called, about: &'static str) -> Metric {
    Metric { latency: true, ..base(called, "s", Lower, 0.10, about) }
}

/// The same, at a quantile that needs operations beyond it.
const fn tail(called: Called, quantile: f64, about: &'static str) -> Metric {
    Metric { quantile: Some(quantile), ..timed(called, about) }
}

/// Every metric that a run can hold.
pub const METRICS: &[Metric] = &[
    compared(timed(("latency.p50", "p50 latency"), "median latency from the intended time")),
    tail(("latency.p90", "p90 latency"), 0.90, "latency from the intended time that 90 % stay below"),
    compared(tail(("latency.p99", "p99 latency"), 0.99, "latency from the intended time that 99 % stay below")),
    tail(("latency.p99_9", "p99.9 latency"), 0.999, "latency from the intended time that 99.9 % stay below"),
    timed(("latency.max", "worst latency"), "worst latency from the intended time"),
    timed(("latency.mean", "mean latency"), "mean latency from the intended time"),
    timed(("service_time.p50", "p50 service time"), "median time from sending"),
    tail(("service_time.p90", "p90 service time"), 0.90, "time from sending that 90 % stay below"),
    tail(("service_time.p99", "p99 service time"), 0.99, "time from sending that 99 % stay below"),
    tail(("service_time.p99_9", "p99.9 service time"), 0.999, "time from sending that 99.9 % stay below"),
    timed(("service_time.max", "worst service time"), "worst time from sending"),
    timed(("service_time.mean", "mean service time"), "mean time from sending"),
    // At a fixed asked rate throughput says whether the subject kept up, not how fast it is: that is `capacity`.
    Metric {
        latency: true,
        ..base(
            ("throughput", "throughput"),
            "ops/s",
            Higher,
            0.05,
            "operations answered per second of the open-loop phase",
        )
    },
    compared(base(
        ("capacity", "capacity"),
        "ops/s",
        Higher,
        0.05,
        "operations per second at full concurrency (saturated phase)",
    )),
    compared(base(
        ("cpu_per_op", "CPU per op"),
        "s/op",
        Lower,
        0.03,
        "process CPU per operation, without the driver thread (saturated phase)",
    )),
    base(("errors", "errors"), "ops", Lower, 0.10, "operations answered wrongly or refused"),
    base(("timeouts", "timeouts"), "ops", Lower, 0.10, "operations not answered within the timeout"),
    base(("unanswered", "unanswered"), "ops", Lower, 0.10, "operations never answered"),
    compared(base(
        ("error_rate", "error rate"),
        "1",
        Lower,
        0.10,
        "errors, timeouts and unanswered as a part of all operations",
    )),
    base(("rss.mean", "mean memory"), "B", Lower, 0.05, "mean resident memory"),
    compared(base(("rss.max", "peak memory"), "B", Lower, 0.05, "peak resident memory")),
    base(("rss.end", "memory at the end"), "B", Lower, 0.05, "resident memory when the load ended"),
    base(("allocated.max", "peak heap"), "B", Lower, 0.05, "most bytes allocated and not yet freed"),
    base(
        ("memory_limit.close", "close to the limit"),
        "1",
        Neither,
        0.10,
        "part of the trial close to the memory limit",
    ),
    base(
        ("memory_limit.over", "over the limit"),
        "1",
        Lower,
        0.10,
        "part of the trial above the memory limit with nothing to give back",
    ),
    base(
        ("memory_limit.paused", "limit paused"),
        "1",
        Lower,
        0.10,
        "part of the trial in which the memory limit's CPU budget was spent",
    ),
    base(
        ("memory_limit.purges", "purges"),
        "1",
        Neither,
        0.10,
        "times that the memory limit had freed pages given back",
    ),
    base(
        ("memory_limit.given_back", "memory given back"),
        "B",
        Neither,
        0.10,
        "bytes that the memory limit had given back, summed",
    ),
    base(("memory_limit.cpu", "limit's CPU"), "s", Lower, 0.10, "CPU time of the memory limit's controller"),
    base(
        ("memory_limit.fault_cpu", "limit's fault CPU"),
        "s",
        Lower,
        0.10,
        "CPU time of page faults while close to the memory limit, by their number",
    ),
    compared(base(("alloc.bytes_per_op", "heap bytes per op"), "B/op", Lower, 0.01, "bytes allocated per operation")),
    compared(base(("alloc.count_per_op", "allocations per op"), "1/op", Lower, 0.01, "allocations per operation")),
    base(
        ("faults.minor_per_op", "minor faults per op"),
        "1/op",
        Lower,
        0.10,
        "page faults per operation that needed no disk",
    ),
    base(
        ("faults.major_per_op", "major faults per op"),
        "1/op",
        Lower,
        0.10,
        "page faults per operation that waited for a disk",
    ),
    base(
        ("ctx_switches.voluntary_per_op", "waits per op"),
        "1/op",
        Lower,
        0.10,
        "times a thread gave up its core, per operation",
    ),
    base(
        ("ctx_switches.involuntary_per_op", "preemptions per op"),
        "1/op",
        Lower,
        0.10,
        "times a thread lost its core, per operation",
    ),
    base(
        ("syscalls.count_per_op", "system calls per op"),
        "1/op",
        Lower,
        0.01,
        "system calls per operation, of all threads (evidence of wait)",
    ),
    base(
        ("polls.count_per_op", "polls per op"),
        "1/op",
        Lower,
        0.01,
        "polls of tasks per operation (evidence of tasks, of a program that is not ours trace)",
    ),
    base(
        ("tasks.spawned_per_op", "spawns per op"),
        "1/op",
        Lower,
        0.01,
        "tasks spawned per operation (evidence of tasks, of a program that is not ours trace)",
    ),
    base(
        ("polls.long_per_kop", "long polls"),
        "1/kop",
        Lower,
        0.10,
        "polls over 1 ms per 1,000 operations (evidence of tasks, of a program that is not ours trace)",
    ),
    base(
        ("polls.blocked_per_kop", "blocked polls"),
        "1/kop",
        Lower,
        0.10,
        "polls in which the thread blocked, per 1,000 operations",
    ),
    base(
        ("waits.long_per_kop", "long waits"),
        "1/kop",
        Lower,
        0.10,
        "waits of over 1 ms for a wake-up, per 1,000 operations",
    ),
    base(
        ("schedule_delay.p99", "p99 wake-up delay"),
        "s",
        Lower,
        0.10,
        "time from wake-up to poll that 99 % stay below",
    ),
    base(("runqueue.delay", "run-queue delay"), "s", Lower, 0.10, "time that runnable threads waited for a core"),
    base(("driver.lag.p50", "p50 driver lag"), "s", Neither, 0.10, "median lateness of the load driver"),
    base(("driver.lag.p99", "p99 driver lag"), "s", Neither, 0.10, "lateness of the load driver that 99 % stay below"),
    base(("driver.cpu", "driver CPU"), "s", Neither, 0.10, "CPU time of the driver thread"),
];
