//! The closed loop: warm-up and saturation.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use scenarios::workload::{InProcess, OperationError};
use tokio::runtime::Handle;

use super::clients::{Clients, Course};
use super::panics;
use super::perform::{Guarded, Messages};
use crate::load::bucketed::Buckets;
use crate::load::clock::{Clock, MonotonicClock, thread_cpu_s};
use crate::load::pacer::{Pacer, Pacing};
use crate::load::spec::Deck;
use crate::load::{ClosedOperation, ClosedOutcome, ClosedSpec, LoadError, driver_thread};

/// Counts of one operation kind, written by every client.
struct Tallied {
    sent: AtomicU64,
    answered: AtomicU64,
    errors: AtomicU64,
    timeouts: AtomicU64,
    error_kinds: Mutex<BTreeMap<u16, u64>>,
    latency: Buckets,
}

struct Loop {
    deck: Deck,
    next: AtomicU64,
    over: AtomicBool,
    end_ns: u64,
    last_answer_ns: AtomicU64,
    timeout_ns: u64,
    tallied: Vec<Tallied>,
    messages: Messages,
}

impl Course for Loop {
    fn next(&self) -> Option<(u64, usize)> {
        if self.over.load(Ordering::Relaxed) || MonotonicClock.now_ns() >= self.end_ns {
            return None;
        }
        let sequence = self.next.fetch_add(1, Ordering::Relaxed);
        Some((sequence, self.deck.at(sequence)))
    }

    fn sent(&self, _: u64, operation: usize, _: u64) {
        self.tallied[operation].sent.fetch_add(1, Ordering::Relaxed);
    }

    fn answered(&self, _: u64, operation: usize, sent_ns: u64, now_ns: u64, answer: Result<(), OperationError>) {
        let tallied = &self.tallied[operation];
        let took_ns = now_ns.saturating_sub(sent_ns);
        match answer {
            _ if took_ns > self.timeout_ns => {
                tallied.timeouts.fetch_add(1, Ordering::Relaxed);
            }
            Ok(()) => {
                tallied.answered.fetch_add(1, Ordering::Relaxed);
                // Only a right answer prolongs the phase: one that comes too late is not waited for over HTTP either.
                if now_ns > self.end_ns {
                    self.last_answer_ns.fetch_max(now_ns, Ordering::Relaxed);
                }
            }
            Err(error) => {
                let number = self.messages.number(&error.0);
                *tallied.error_kinds.lock().unwrap_or_else(PoisonError::into_inner).entry(number).or_default() += 1;
                tallied.errors.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        tallied.latency.record(took_ns);
    }
}

/// Runs `spec.concurrency` clients for `spec.duration`, then waits for what is in flight, up to the timeout.
///
/// # Errors
/// An operation panicked, the runtime was shut down, or the driver thread could not be started.
pub fn drive_closed(
    runtime: &Handle,
    workload: Arc<dyn InProcess>,
    spec: &ClosedSpec,
    stop: &AtomicBool,
) -> Result<ClosedOutcome, LoadError> {
    drive_closed_metered(runtime, workload, spec, stop, &mut || ())
}

/// The same, with `meter` called on the driver thread right before the first operation and right after the last: what
/// laying out the phase and packing its result cost this very process is no work per operation.
///
/// # Errors
/// As [`drive_closed`].
pub fn drive_closed_metered(
    runtime: &Handle,
    workload: Arc<dyn InProcess>,
    spec: &ClosedSpec,
    stop: &AtomicBool,
    meter: &mut (dyn FnMut() + Send),
) -> Result<ClosedOutcome, LoadError> {
    let workload = Arc::new(Guarded::new(workload));
    let tallied = || Tallied {
        sent: AtomicU64::new(0),
        answered: AtomicU64::new(0),
        errors: AtomicU64::new(0),
        timeouts: AtomicU64::new(0),
        error_kinds: Mutex::default(),
        latency: Buckets::new(),
    };
    let nanoseconds = |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4);
    let timeout_ns = nanoseconds(spec.timeout);
    let (deck, tallied) = (spec.deck(), spec.operations.iter().map(|_| tallied()).collect());
    driver_thread::run(&spec.placement, |_| {
        let messages = Messages::default();
        meter();
        let before_s = thread_cpu_s();
        let started_ns = MonotonicClock.now_ns();
        let end_ns = started_ns.saturating_add(nanoseconds(spec.duration));
        let course = Arc::new(Loop {
            deck,
            next: AtomicU64::new(0),
            over: AtomicBool::new(false),
            end_ns,
            last_answer_ns: AtomicU64::new(0),
            timeout_ns,
            tallied,
            messages,
        });
        let clients = Clients::start(runtime, spec.concurrency, spec.seed, &workload, &course);
        let pacer = Pacer::new(&MonotonicClock, Pacing::Sleep);
        let interrupted = loop {
            let now = pacer.wait_until(end_ns);
            workload.check(&spec.operations)?;
            if stop.load(Ordering::Relaxed) {
                break true;
            }
            if now >= end_ns {
                break false;
            }
            if clients.have_finished() {
                // By a panic since the last look, perhaps.
                workload.check(&spec.operations)?;
                return Err(LoadError::RuntimeGone);
            }
        };
        course.over.store(true, Ordering::Relaxed);
        clients.wait(MonotonicClock.now_ns().saturating_add(timeout_ns), || stop.load(Ordering::Relaxed));
        panics::wait_until_told();
        workload.check(&spec.operations)?;
        drop(clients);
        let cpu_s = thread_cpu_s() - before_s;
        meter();
        let over_ns = if interrupted { MonotonicClock.now_ns() } else { end_ns };
        let over_ns = over_ns.max(course.last_answer_ns.load(Ordering::Relaxed));
        #[allow(clippy::cast_precision_loss, reason = "nanoseconds of a trial are below 2^52")]
        Ok(ClosedOutcome {
            elapsed_s: (over_ns - started_ns) as f64 * 1e-9,
            operations: operations(spec, &course),
            driver_cpu_s: cpu_s,
            driver_cpu_in_process_s: cpu_s,
            interrupted,
        })
    })
}

fn operations(spec: &ClosedSpec, course: &Loop) -> Vec<ClosedOperation> {
    let messages = course.messages.list();
    let operation = |(operation, tallied): (&crate::load::Operation, &Tallied)| {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (answered, errors, timeouts) = (read(&tallied.answered), read(&tallied.errors), read(&tallied.timeouts));
        let kinds = tallied.error_kinds.lock().unwrap_or_else(PoisonError::into_inner);
        ClosedOperation {
            name: operation.name.clone(),
            measured: operation.measured,
            answered,
            errors,
            timeouts,
            unanswered: read(&tallied.sent).saturating_sub(answered + errors + timeouts),
            error_kinds: kinds
                .iter()
                .map(|(&number, &count)| (crate::load::slots::Failure::Operation(number).label(&messages), count))
                .collect(),
            latency: tallied.latency.to_histogram(),
        }
    };
    spec.operations.iter().zip(&course.tallied).map(operation).collect()
}
