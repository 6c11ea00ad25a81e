//! Figures of the tokio runtime.

use tokio::runtime::{Handle, RuntimeMetrics};

use super::figures::{Figure, Kind, Value};
use super::histogram::Histogram;
use crate::runtime::RuntimeCounters;

/// Why figures of `--cfg tokio_unstable` are missing.
const UNSTABLE: &str = "needs tokio_unstable (build with RUSTFLAGS=\"--cfg tokio_unstable\")";
/// Why all of them are missing.
const NO_RUNTIME: &str = "no tokio runtime was given to the endpoints: start them inside one, or name it";

/// What [`RuntimeCounters`] leave out: figures of one worker, and sums of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unstable {
    /// Tasks in each worker's own queue.
    pub(super) local: Vec<u64>,
    /// Tasks that workers took from each other's queues, since the runtime began.
    pub(super) steals: u64,
    /// Tasks ever spawned.
    pub(super) spawned: u64,
    /// Times a worker woke, found nothing and parked again.
    pub(super) idle_wakes: u64,
}

/// Reads them; `None` in a build without `--cfg tokio_unstable`.
#[cfg(tokio_unstable)]
#[expect(clippy::unnecessary_wraps, reason = "the other build has none")]
pub(super) fn unstable(metrics: &RuntimeMetrics) -> Option<Unstable> {
    let workers = metrics.num_workers();
    Some(Unstable {
        local: (0..workers).map(|w| metrics.worker_local_queue_depth(w) as u64).collect(),
        steals: (0..workers).map(|w| metrics.worker_steal_count(w)).sum(),
        spawned: metrics.spawned_tasks_count(),
        idle_wakes: (0..workers).map(|w| metrics.worker_noop_count(w)).sum(),
    })
}

/// Reads them; `None` in a build without `--cfg tokio_unstable`.
#[cfg(not(tokio_unstable))]
pub(super) fn unstable(_: &RuntimeMetrics) -> Option<Unstable> {
    None
}

/// How long tasks that were ready waited for a worker, over all workers.
///
/// # Errors
/// The runtime does not measure it.
#[cfg(all(tokio_unstable, target_pointer_width = "64"))]
fn latencies(metrics: &RuntimeMetrics) -> Result<Histogram, String> {
    if !metrics.schedule_latency_histogram_enabled() {
        return Err("this runtime keeps no histogram of schedule latency: Endpoints::record makes it do so, and \
                    Builder::enable_metrics_schedule_latency_histogram"
            .to_owned());
    }
    let buckets = 0..metrics.schedule_latency_histogram_num_buckets();
    let ranges = buckets.clone().map(|bucket| metrics.schedule_latency_histogram_bucket_range(bucket));
    let mut ends: Vec<f64> = ranges.map(|range| range.start.as_secs_f64()).collect();
    // tokio has the end of time in place of infinity.
    ends.push(f64::INFINITY);
    let of_all_workers = |bucket| {
        let workers = 0..metrics.num_workers();
        workers.map(|worker| metrics.schedule_latency_histogram_bucket_count(worker, bucket)).sum()
    };
    Ok(Histogram { ends, counts: buckets.map(of_all_workers).collect() })
}

/// How long tasks that were ready waited for a worker.
///
/// # Errors
/// Always: not in this build.
#[cfg(not(all(tokio_unstable, target_pointer_width = "64")))]
fn latencies(_: &RuntimeMetrics) -> Result<Histogram, String> {
    Err(UNSTABLE.to_owned())
}

/// All of them, now.
pub(super) fn figures(runtime: Option<&Handle>) -> Vec<Figure> {
    let counters = runtime.map(RuntimeCounters::sample).ok_or_else(|| NO_RUNTIME.to_owned());
    let latencies = runtime
        .ok_or_else(|| NO_RUNTIME.to_owned())
        .and_then(|runtime| latencies(&runtime.metrics()))
        .map(Value::Histogram);
    let events = runtime.map(|runtime| unstable(&runtime.metrics())).ok_or_else(|| NO_RUNTIME.to_owned());
    let stable =
        |read: fn(&RuntimeCounters) -> u64| counters.as_ref().map(|c| Value::Whole(read(c))).map_err(Clone::clone);
    let optional = |read: fn(&RuntimeCounters) -> Option<u64>| match &counters {
        Ok(counters) => read(counters).map(Value::Whole).ok_or_else(|| UNSTABLE.to_owned()),
        Err(reason) => Err(reason.clone()),
    };
    let event = |read: fn(&Unstable) -> u64| match &events {
        Ok(Some(events)) => Ok(Value::Whole(read(events))),
        Ok(None) => Err(UNSTABLE.to_owned()),
        Err(reason) => Err(reason.clone()),
    };
    use Kind::{Counter, Gauge, Histogram};
    vec![
        Figure::new(Gauge, "workbench_tokio_workers", "threads", stable(|c| c.workers))
            .go("/sched/gomaxprocs:threads")
            .note("Worker threads. Blocking jobs run on threads of their own, which GOMAXPROCS has no counterpart for."),
        Figure::new(Gauge, "workbench_tokio_parked_workers", "threads", stable(|c| c.idle_workers))
            .note("Workers that are parked now (idleprocs of Go's schedtrace)."),
        Figure::new(Gauge, "workbench_tokio_alive_tasks", "tasks", stable(|c| c.alive_tasks))
            .go("/sched/goroutines:goroutines")
            .note("Tasks spawned and not finished; the future of block_on and blocking jobs are not among them."),
        Figure::new(Gauge, "workbench_tokio_unparked_workers", "threads", stable(|c| c.workers - c.idle_workers))
            .go("/sched/goroutines/running:goroutines")
            .note("Workers that are not parked: at most that many tasks run now, since workers also look for work and wait for input."),
        Figure::new(
            Gauge,
            "workbench_tokio_runnable_tasks",
            "tasks",
            optional(|c| c.local_queue_depth.map(|local| local + c.global_queue_depth)),
        )
        .go("/sched/goroutines/runnable:goroutines")
        .note("Tasks in the shared queue and in the workers' own; the task in a worker's LIFO slot is not counted."),
        Figure::new(Gauge, "workbench_tokio_global_queue_tasks", "tasks", stable(|c| c.global_queue_depth))
            .note("Tasks in the queue that all workers share (runqueue of Go's schedtrace)."),
        Figure::new(
            Counter,
            "workbench_tokio_busy_seconds_total",
            "seconds",
            counters.as_ref().map(|c| Value::Real(c.busy_s)).map_err(Clone::clone),
        )
        .note("Time that workers spent not parked, summed."),
        Figure::new(Histogram, "workbench_tokio_schedule_latency_seconds", "seconds", latencies)
            .go("/sched/latencies:seconds")
            .note("How long tasks that were ready waited for a worker, for each poll; Go's is for each time a goroutine became runnable. The sum is an estimate from the middles of buckets."),
        Figure::new(Counter, "workbench_tokio_parks_total", "parks", stable(|c| c.parks))
            .note("Times a worker parked."),
        Figure::new(Counter, "workbench_tokio_polls_total", "polls", optional(|c| c.polls))
            .note("Polls of tasks."),
        Figure::new(Counter, "workbench_tokio_steals_total", "tasks", event(|e| e.steals))
            .note("Tasks that workers took from each other's queues."),
        Figure::new(Counter, "workbench_tokio_spawned_tasks_total", "tasks", event(|e| e.spawned))
            .go("/sched/goroutines-created:goroutines")
            .note("Tasks ever spawned."),
        Figure::new(Counter, "workbench_tokio_idle_wakes_total", "wakes", event(|e| e.idle_wakes))
            .note("Times a worker woke, found nothing to do and parked again (a hint at spinningthreads of Go's schedtrace)."),
        Figure::new(
            Gauge,
            "workbench_tokio_busy_blocking_threads",
            "threads",
            optional(|c| Some(c.blocking_threads?.saturating_sub(c.idle_blocking_threads?))),
        )
        .go("/sched/goroutines/not-in-go:goroutines")
        .note("Threads that run a blocking job; Go counts goroutines in system calls and C."),
        Figure::new(Gauge, "workbench_tokio_blocking_queue_jobs", "jobs", optional(|c| c.blocking_queue_depth))
            .note("Blocking jobs that wait for a thread."),
    ]
}
