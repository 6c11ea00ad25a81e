//! What a phase yielded. Serialisable: in-process phases run in the child and travel over a pipe.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use reports::run::{DriverRecord, TimelinePoint};
use serde::{Deserialize, Serialize};

use super::histogram::{self, Encoded};
use super::limit::{driver_limited, lag_limit};

/// An open-loop phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseOutcome {
    /// `CLOCK_MONOTONIC` at the begin of the phase, nanoseconds; joins the timeline with samples taken elsewhere.
    pub started_ns: u64,
    /// Seconds from then to the end of the schedule or the last answer, whichever is later.
    pub elapsed_s: f64,
    /// Per operation kind, in the order of the mix.
    pub operations: Vec<OpOutcome>,
    /// Up to 100 points of 0.1 s to 1 s (longer phases have more of them), by intended time.
    pub timeline: Vec<TimelinePoint>,
    /// Latencies of every second and operation kind, by intended time, for the `.hlog`.
    pub intervals: Vec<Interval>,
    /// The driver about itself.
    pub driver: DriverReport,
    /// Stopped before its end: not to be measured by.
    pub interrupted: bool,
    /// Measured operations one by one, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<EachOperation>,
}

/// Measured operations one by one, in the order of their intended times. Of very many, the slowest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EachOperation {
    /// Intended times, nanoseconds since the phase began.
    pub at_ns: Vec<u64>,
    /// From then to the answer, nanoseconds; of those that were never answered, their age at the end.
    pub took_ns: Vec<u64>,
    /// How many there were.
    pub total: u64,
    /// Left out: the driver itself was late with them, so that they say little about the subject.
    pub late_driver: u64,
}

/// One operation kind of an open-loop phase. `scheduled = answered + errors + timeouts + unanswered`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpOutcome {
    /// Name in the mix.
    pub name: String,
    /// Whether `latency.*` covers it.
    pub measured: bool,
    /// In the schedule.
    pub scheduled: u64,
    /// Handed over by the driver: to a connection, or to the queue of those that wait for one.
    pub sent: u64,
    /// Of these, not at once: every connection was busy, or `max_in_flight` was reached.
    pub waited: u64,
    /// Answered correctly within the timeout.
    pub answered: u64,
    /// Answered wrongly, refused or cut off.
    pub errors: u64,
    /// Not answered within the timeout, counted from the intended time; late answers included.
    pub timeouts: u64,
    /// Never sent, or still in flight when the phase ended.
    pub unanswered: u64,
    /// Of the unanswered, not sent since `max_in_flight` was reached.
    pub shed: u64,
    /// Errors by what went wrong (`status 503`, `connection reset`, …).
    pub error_kinds: BTreeMap<String, u64>,
    /// From the intended time, nanoseconds: answers, and everything that waited in vain at its age (no less than the
    /// timeout).
    #[serde(with = "histogram::text")]
    pub latency: Histogram<u64>,
    /// The same from the moment of sending.
    #[serde(with = "histogram::text")]
    pub service_time: Histogram<u64>,
    /// Errors, from the intended time.
    #[serde(with = "histogram::text")]
    pub error_latency: Histogram<u64>,
}

/// Latencies of one operation kind within one interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Start, seconds since the phase began.
    pub at_s: f64,
    /// Length, seconds.
    pub length_s: f64,
    /// Name in the mix.
    pub operation: String,
    /// From the intended time, nanoseconds.
    pub latency: Encoded,
}

/// The driver about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriverReport {
    /// `dedicated` or `shared`.
    pub placement: String,
    /// `hybrid` or `sleep`.
    pub pacing: String,
    /// What the thread obtained from the scheduler.
    pub priority: String,
    /// CPU seconds of the driver thread.
    pub cpu_s: f64,
    /// Operations the schedule asked for.
    pub asked: u64,
    /// Operations handed over.
    pub sent: u64,
    /// Connections made anew during the phase.
    pub reconnects: u64,
    /// From the intended time to the moment the driver took the operation up, nanoseconds. Waiting for a free
    /// connection is not in it: that is the subject's doing, and part of the latency.
    #[serde(with = "histogram::text")]
    pub lag: Histogram<u64>,
}

/// A closed-loop phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClosedOutcome {
    /// Seconds from the begin to the end of the loop or the last answer, whichever is later.
    pub elapsed_s: f64,
    /// Per operation kind, in the order of the mix.
    pub operations: Vec<ClosedOperation>,
    /// CPU seconds of the driver thread.
    pub driver_cpu_s: f64,
    /// Of these, used within the measured process.
    pub driver_cpu_in_process_s: f64,
    /// Stopped before its end.
    pub interrupted: bool,
}

/// One operation kind of a closed-loop phase. Operations sent are the sum of the four counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClosedOperation {
    /// Name in the mix.
    pub name: String,
    /// Whether `latency.*` covers it.
    pub measured: bool,
    /// Answered correctly within the timeout.
    pub answered: u64,
    /// Answered wrongly, refused or cut off.
    pub errors: u64,
    /// Not answered within the timeout, counted from the time of sending.
    pub timeouts: u64,
    /// Still in flight when the phase ended.
    pub unanswered: u64,
    /// Errors by what went wrong.
    pub error_kinds: BTreeMap<String, u64>,
    /// Answers and timeouts, from the time of sending, nanoseconds.
    #[serde(with = "histogram::text")]
    pub latency: Histogram<u64>,
}

impl PhaseOutcome {
    /// Whether not one operation was answered as it should be.
    pub fn is_unanswered(&self) -> bool {
        self.operations.iter().all(|one| one.answered == 0)
    }

    /// Operations that were not.
    pub fn failed(&self) -> u64 {
        self.operations.iter().map(|one| one.errors + one.timeouts + one.unanswered).sum()
    }

    /// What went wrong most often, and how often; `None` where nothing came back that could be wrong.
    pub fn commonest_error(&self) -> Option<(&str, u64)> {
        commonest(self.operations.iter().map(|one| &one.error_kinds))
    }

    /// The driver's record for `trial.json`; `max_lag_p99` is the scenario's.
    pub fn driver_record(&self, max_lag_p99: Duration) -> DriverRecord {
        let lag = &self.driver.lag;
        DriverRecord {
            placement: self.driver.placement.clone(),
            pacing: self.driver.pacing.clone(),
            priority: self.driver.priority.clone(),
            lag_p50: seconds(lag.value_at_quantile(0.5)),
            lag_p99: seconds(lag.value_at_quantile(0.99)),
            lag_max: seconds(lag.max()),
            cpu_s: self.driver.cpu_s,
            asked: self.driver.asked,
            sent: self.driver.sent,
            lag_limit: lag_limit(self, max_lag_p99).as_secs_f64(),
            limited: driver_limited(self, max_lag_p99),
            repeated: Vec::new(),
        }
    }

    /// Latencies of all measured operations together.
    pub fn measured_latency(&self) -> Histogram<u64> {
        let mut sum = histogram::new();
        for operation in self.operations.iter().filter(|o| o.measured) {
            sum.add(&operation.latency).expect("histograms of one shape");
        }
        sum
    }
}

/// The most frequent of errors that were counted apart.
fn commonest<'k>(counts: impl Iterator<Item = &'k BTreeMap<String, u64>>) -> Option<(&'k str, u64)> {
    counts.flatten().max_by_key(|(_, count)| **count).map(|(kind, count)| (kind.as_str(), *count))
}

impl ClosedOutcome {
    /// What went wrong most often, and how often; `None` where nothing came back that could be wrong.
    pub fn commonest_error(&self) -> Option<(&str, u64)> {
        commonest(self.operations.iter().map(|one| &one.error_kinds))
    }

    /// Operations answered correctly within the timeout, all kinds.
    pub fn answered(&self) -> u64 {
        self.operations.iter().map(|o| o.answered).sum()
    }

    /// Errors, timeouts and unanswered operations, all kinds.
    pub fn failed(&self) -> u64 {
        self.operations.iter().map(|o| o.errors + o.timeouts + o.unanswered).sum()
    }
}

#[allow(clippy::cast_precision_loss, reason = "a histogram ends at 60 s")]
fn seconds(ns: u64) -> f64 {
    ns as f64 * 1e-9
}
