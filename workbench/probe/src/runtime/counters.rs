//! Counters that a runtime keeps about itself.

use tokio::runtime::Handle;

/// A runtime's own counters at one moment. The optional ones need a build with `--cfg tokio_unstable`.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RuntimeCounters {
    /// Worker threads (`GOMAXPROCS` of a Go program).
    pub workers: u64,
    /// Workers that are parked now (`idleprocs` of Go's schedtrace).
    pub idle_workers: u64,
    /// Tasks spawned and not finished.
    pub alive_tasks: u64,
    /// Tasks waiting in the queue that all workers share.
    pub global_queue_depth: u64,
    /// Seconds that workers spent not parked, summed, since the runtime began.
    pub busy_s: f64,
    /// Times a worker parked, summed, since the runtime began.
    pub parks: u64,
    /// Tasks waiting in the workers' own queues, summed.
    pub local_queue_depth: Option<u64>,
    /// Threads for blocking jobs.
    pub blocking_threads: Option<u64>,
    /// Those that are idle.
    pub idle_blocking_threads: Option<u64>,
    /// Blocking jobs that wait for a thread.
    pub blocking_queue_depth: Option<u64>,
    /// Polls, summed, since the runtime began.
    pub polls: Option<u64>,
}

impl RuntimeCounters {
    /// Reads them. Takes no lock of the runtime's; figures of different workers are not of one instant.
    pub fn sample(handle: &Handle) -> Self {
        let metrics = handle.metrics();
        let workers = metrics.num_workers();
        let counters = Self {
            workers: workers as u64,
            // Odd while parked (tokio: `worker_park_unpark_count`).
            idle_workers: (0..workers).filter(|&w| metrics.worker_park_unpark_count(w) % 2 == 1).count() as u64,
            alive_tasks: metrics.num_alive_tasks() as u64,
            global_queue_depth: metrics.global_queue_depth() as u64,
            busy_s: (0..workers).map(|w| metrics.worker_total_busy_duration(w).as_secs_f64()).sum(),
            parks: (0..workers).map(|w| metrics.worker_park_count(w)).sum(),
            ..Self::default()
        };
        #[cfg(tokio_unstable)]
        let counters = Self {
            local_queue_depth: Some((0..workers).map(|w| metrics.worker_local_queue_depth(w) as u64).sum()),
            blocking_threads: Some(metrics.num_blocking_threads() as u64),
            idle_blocking_threads: Some(metrics.num_idle_blocking_threads() as u64),
            blocking_queue_depth: Some(metrics.blocking_queue_depth() as u64),
            polls: Some((0..workers).map(|w| metrics.worker_poll_count(w)).sum()),
            ..counters
        };
        counters
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, build};
    use super::*;

    #[test]
    fn waiting_tasks_are_alive_and_workers_are_counted() {
        let runtime = build(&Settings { worker_threads: Some(3), ..Settings::default() }).unwrap();
        let waiting: Vec<_> = (0..5).map(|_| runtime.spawn(std::future::pending::<()>())).collect();
        let counters = RuntimeCounters::sample(runtime.handle());
        assert_eq!((counters.workers, counters.alive_tasks), (3, 5));
        assert_eq!(counters.blocking_threads.is_some(), cfg!(tokio_unstable));
        for task in waiting {
            task.abort();
            assert!(runtime.block_on(task).is_err());
        }
        // A task may be joined a moment before it leaves the runtime's list.
        while RuntimeCounters::sample(runtime.handle()).alive_tasks > 0 {
            std::thread::yield_now();
        }
    }
}
