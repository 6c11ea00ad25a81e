//! A fixed number of clients: tasks that take the next operation as soon as the last one is answered.

use std::sync::Arc;
use std::time::Duration;

use scenarios::workload::{Call, OperationError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::perform::Guarded;
use crate::load::clock::{Clock, MonotonicClock};
use crate::load::seeded::call_seed;

/// What clients do and where it is written down.
pub(super) trait Course: Send + Sync + 'static {
    /// The next operation (sequence and kind), until it is over.
    fn next(&self) -> Option<(u64, usize)>;
    /// It is being sent.
    fn sent(&self, sequence: u64, operation: usize, now_ns: u64);
    /// It is answered.
    fn answered(&self, sequence: u64, operation: usize, sent_ns: u64, now_ns: u64, answer: Result<(), OperationError>);
}

/// Running clients.
pub(super) struct Clients(Vec<JoinHandle<()>>);

impl Clients {
    /// Starts `count` clients on the measured runtime.
    pub(super) fn start<C: Course>(
        runtime: &Handle,
        count: usize,
        seed: u64,
        workload: &Arc<Guarded>,
        course: &Arc<C>,
    ) -> Self {
        let client = || {
            let (workload, course) = (Arc::clone(workload), Arc::clone(course));
            runtime.spawn(async move {
                while let Some((sequence, operation)) = course.next() {
                    let sent_ns = MonotonicClock.now_ns();
                    course.sent(sequence, operation, sent_ns);
                    let call = Call { operation, sequence, seed: call_seed(seed, sequence) };
                    let Some(answer) = workload.perform(call).await else { return };
                    course.answered(sequence, operation, sent_ns, MonotonicClock.now_ns(), answer);
                    // An operation that never waits would keep its worker for ever.
                    tokio::task::consume_budget().await;
                }
            })
        };
        Self((0..count).map(|_| client()).collect())
    }

    /// Every client is at its end.
    pub(super) fn have_finished(&self) -> bool {
        self.0.iter().all(JoinHandle::is_finished)
    }

    /// Waits until every client is at its end, and gives up at `deadline_ns`.
    pub(super) fn wait(&self, deadline_ns: u64, mut cancelled: impl FnMut() -> bool) {
        while !self.have_finished() && MonotonicClock.now_ns() < deadline_ns && !cancelled() {
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
