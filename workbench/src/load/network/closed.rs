//! The closed loop over a network: warm-up and saturation.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use hdrhistogram::Histogram;

use super::client::{Client, Completion};
use crate::load::clock::{Clock, MonotonicClock, thread_cpu_s};
use crate::load::pacer::STOP_CHECK_NS;
use crate::load::slots::{Ending, Failure};
use crate::load::{ClosedOperation, ClosedOutcome, ClosedSpec, LoadError, histogram};

/// One operation kind.
struct Tallied {
    answered: u64,
    timeouts: u64,
    unanswered: u64,
    errors: BTreeMap<Failure, u64>,
    latency: Histogram<u64>,
}

/// Runs the loop with a client whose connections are made.
pub(super) fn drive(
    mut client: impl Client,
    spec: &ClosedSpec,
    stop: &AtomicBool,
    meter: &mut (dyn FnMut() + Send),
) -> Result<ClosedOutcome, LoadError> {
    let deck = spec.deck();
    let nanoseconds = |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4);
    let tallied =
        || Tallied { answered: 0, timeouts: 0, unanswered: 0, errors: BTreeMap::new(), latency: histogram::new() };
    let mut tallies: Vec<Tallied> = spec.operations.iter().map(|_| tallied()).collect();
    meter();
    let before_s = thread_cpu_s();
    let started_ns = MonotonicClock.now_ns();
    let end_ns = started_ns.saturating_add(nanoseconds(spec.duration));
    let mut last_answer_ns = 0;
    let mut sequence = 0;
    let mut now_ns = started_ns;
    let interrupted = loop {
        let over = now_ns >= end_ns;
        while !over && client.has_idle() {
            let deadline_ns = MonotonicClock.now_ns().saturating_add(nanoseconds(spec.timeout));
            client.start(sequence, deck.at(sequence), deadline_ns);
            sequence += 1;
        }
        let (refusals, why) = client.refusals();
        for _ in 0..if over { 0 } else { refusals } {
            *tallies[deck.at(sequence)].errors.entry(why).or_default() += 1;
            sequence += 1;
        }
        for completion in client.completions() {
            if tallies[completion.operation].count(completion) {
                last_answer_ns = completion.finished_ns;
            }
        }
        if over && client.busy() == 0 {
            break false;
        }
        if stop.load(Ordering::Relaxed) {
            break true;
        }
        let until_ns = if !over && client.has_idle() { 0 } else { now_ns + STOP_CHECK_NS };
        client.step(if over { until_ns } else { until_ns.min(end_ns) })?;
        now_ns = MonotonicClock.now_ns();
    };
    let driver_cpu_s = thread_cpu_s() - before_s;
    meter();
    for operation in client.in_flight() {
        tallies[operation].unanswered += 1;
    }
    let over_ns = if interrupted { now_ns } else { end_ns };
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of a trial are below 2^52")]
    Ok(ClosedOutcome {
        elapsed_s: (over_ns.max(last_answer_ns) - started_ns) as f64 * 1e-9,
        operations: spec.operations.iter().zip(tallies).map(|(o, tallied)| tallied.into_operation(o)).collect(),
        driver_cpu_s,
        driver_cpu_in_process_s: 0.0,
        interrupted,
    })
}

impl Tallied {
    /// Counts one request; `true` where it was rightly answered.
    fn count(&mut self, over: Completion) -> bool {
        let took_ns = over.finished_ns.saturating_sub(over.sent_ns);
        match over.ending {
            Ending::Answered => {
                self.answered += 1;
                self.latency.saturating_record(took_ns);
                return true;
            }
            Ending::TimedOut => {
                self.timeouts += 1;
                self.latency.saturating_record(took_ns);
            }
            Ending::Error(failure) => *self.errors.entry(failure).or_default() += 1,
            Ending::Shed => self.unanswered += 1,
        }
        false
    }

    fn into_operation(self, operation: &crate::load::Operation) -> ClosedOperation {
        ClosedOperation {
            name: operation.name.clone(),
            measured: operation.measured,
            answered: self.answered,
            errors: self.errors.values().sum(),
            timeouts: self.timeouts,
            unanswered: self.unanswered,
            error_kinds: self.errors.into_iter().map(|(failure, count)| (failure.label(&[]), count)).collect(),
            latency: self.latency,
        }
    }
}
