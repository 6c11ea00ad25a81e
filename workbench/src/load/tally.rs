//! From slots to counts, histograms and a timeline, after the phase.

use reports::run::TimelinePoint;
use scenarios::spec::Arrivals;

use super::driver_thread::Seat;
use super::histogram::{self, Encoded};
use super::outcome::{DriverReport, EachOperation, Interval, OpOutcome, PhaseOutcome};
use super::schedule::Schedule;
use super::slots::{Ending, Slot, Slots};
use super::spec::OpenSpec;

const INTERVAL_NS: u64 = 1_000_000_000;
/// Points that a timeline should have; their length stays between a tenth of a second and a second.
const POINTS: u64 = 100;

/// Operations kept one by one.
const MOST_EACH: usize = 1 << 16;
/// Lag of the driver up to this is no reason to leave an operation out.
const LAG_NS: u64 = 100_000;

/// An open-loop phase that is over.
#[derive(Debug)]
pub(super) struct Finished<'a> {
    pub(super) spec: &'a OpenSpec,
    pub(super) schedule: &'a Schedule,
    pub(super) slots: &'a Slots,
    pub(super) seat: &'a Seat,
    pub(super) started_ns: u64,
    pub(super) ended_ns: u64,
    pub(super) cpu_s: f64,
    pub(super) reconnects: u64,
    pub(super) interrupted: bool,
    /// Messages of in-process errors.
    pub(super) messages: &'a [String],
}

/// What one operation counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    Answered,
    Error,
    Timeout,
    Unanswered,
}

/// One operation, judged.
#[derive(Debug, Clone, Copy)]
struct Judged<'a> {
    slot: &'a Slot,
    operation: usize,
    /// Since the phase began.
    intended_ns: u64,
    counts: Counts,
    /// From the intended time; for what was never answered, its age.
    age_ns: u64,
}

impl Finished<'_> {
    /// Counts it all.
    pub(super) fn tally(&self) -> PhaseOutcome {
        let judged: Vec<Judged<'_>> = (0..self.schedule.len()).map(|sequence| self.judge(sequence)).collect();
        let operations = (0..self.spec.operations.len()).map(|o| self.operation(o, &judged)).collect();
        let mut lag = histogram::new();
        for one in judged.iter().filter(|one| !self.is_background(one)) {
            if let Some(handed) = one.slot.handed_ns() {
                lag.saturating_record(handed.saturating_sub(self.started_ns + one.intended_ns));
            }
        }
        let last_answer =
            judged.iter().filter(|j| j.counts == Counts::Answered).map(|j| j.intended_ns + j.age_ns).max();
        PhaseOutcome {
            started_ns: self.started_ns,
            elapsed_s: seconds(last_answer.unwrap_or(0).max(self.length_ns())),
            operations,
            timeline: self.timeline(&judged),
            intervals: self.intervals(&judged),
            driver: DriverReport {
                placement: self.seat.placement.to_owned(),
                pacing: self.seat.pacing.name().to_owned(),
                priority: self.seat.priority.to_string(),
                cpu_s: self.cpu_s,
                asked: judged.len() as u64,
                sent: judged.iter().filter(|j| was_sent(j.slot)).count() as u64,
                reconnects: self.reconnects,
                lag,
            },
            interrupted: self.interrupted,
            each: self.spec.each.then(|| self.each(&judged)),
        }
    }

    /// Measured operations that are the subject's doing.
    fn each(&self, judged: &[Judged<'_>]) -> EachOperation {
        let counted = |one: &&Judged<'_>| {
            self.spec.operations[one.operation].measured && one.counts != Counts::Error && self.came_due(one)
        };
        let all: Vec<&Judged<'_>> = judged.iter().filter(counted).collect();
        let is_late = |one: &&Judged<'_>| self.lag_ns(one).saturating_mul(2) > one.age_ns && self.lag_ns(one) > LAG_NS;
        let mut kept: Vec<(u64, u64)> =
            all.iter().filter(|one| !is_late(one)).map(|one| (one.intended_ns, one.age_ns)).collect();
        let late_driver = (all.len() - kept.len()) as u64;
        if kept.len() > MOST_EACH {
            kept.select_nth_unstable_by_key(MOST_EACH, |(_, age)| std::cmp::Reverse(*age));
            kept.truncate(MOST_EACH);
        }
        kept.sort_unstable();
        let (at_ns, took_ns) = kept.into_iter().unzip();
        EachOperation { at_ns, took_ns, total: all.len() as u64, late_driver }
    }

    fn is_closed(&self) -> bool {
        self.spec.arrivals == Arrivals::Closed
    }

    /// Length of the phase proper, without the drain.
    fn length_ns(&self) -> u64 {
        match self.is_closed() || self.interrupted {
            true => self.ended_ns.saturating_sub(self.started_ns),
            false => self.schedule.duration_ns,
        }
    }

    fn judge(&self, sequence: usize) -> Judged<'_> {
        let slot = self.slots.at(sequence);
        let intended_ns = match self.is_closed() {
            true => slot.handed_ns().map_or(0, |handed| handed.saturating_sub(self.started_ns)),
            false => self.schedule.offsets_ns[sequence],
        };
        let timeout_ns = self.timeout_ns();
        let age = |at_ns: u64| at_ns.saturating_sub(self.started_ns + intended_ns);
        let (counts, age_ns) = match slot.ending() {
            Some((at, Ending::Answered)) if age(at) <= timeout_ns => (Counts::Answered, age(at)),
            Some((at, Ending::Error(_))) if age(at) <= timeout_ns => (Counts::Error, age(at)),
            Some((at, Ending::Answered | Ending::Error(_) | Ending::TimedOut)) => {
                (Counts::Timeout, age(at).max(timeout_ns))
            }
            Some((_, Ending::Shed)) | None => (Counts::Unanswered, age(self.ended_ns).max(timeout_ns)),
        };
        Judged { slot, operation: usize::from(self.schedule.operations[sequence]), intended_ns, counts, age_ns }
    }

    fn timeout_ns(&self) -> u64 {
        u64::try_from(self.spec.timeout.as_nanos()).unwrap_or(u64::MAX)
    }

    /// An interrupted phase never meant the operations after its end to wait.
    fn came_due(&self, one: &Judged<'_>) -> bool {
        one.slot.handed_ns().is_some() || self.started_ns + one.intended_ns <= self.ended_ns && !self.is_closed()
    }

    fn operation(&self, index: usize, judged: &[Judged<'_>]) -> OpOutcome {
        let operation = &self.spec.operations[index];
        let mut outcome = OpOutcome {
            name: operation.name.clone(),
            measured: operation.measured,
            scheduled: 0,
            sent: 0,
            waited: 0,
            answered: 0,
            errors: 0,
            timeouts: 0,
            unanswered: 0,
            shed: 0,
            error_kinds: Default::default(),
            latency: histogram::new(),
            service_time: histogram::new(),
            error_latency: histogram::new(),
        };
        for one in judged.iter().filter(|j| j.operation == index) {
            outcome.scheduled += 1;
            outcome.sent += u64::from(was_sent(one.slot));
            outcome.waited += u64::from(one.slot.waited());
            match one.counts {
                Counts::Answered => outcome.answered += 1,
                Counts::Timeout => outcome.timeouts += 1,
                Counts::Unanswered => {
                    outcome.unanswered += 1;
                    outcome.shed += u64::from(matches!(one.slot.ending(), Some((_, Ending::Shed))));
                }
                Counts::Error => {
                    outcome.errors += 1;
                    if let Some((_, Ending::Error(failure))) = one.slot.ending() {
                        *outcome.error_kinds.entry(failure.label(self.messages)).or_default() += 1;
                    }
                    outcome.error_latency.saturating_record(one.age_ns);
                    continue;
                }
            }
            if !self.came_due(one) {
                continue;
            }
            outcome.latency.saturating_record(one.age_ns);
            if let Some(sent) = one.slot.sent_ns() {
                let waited = sent.saturating_sub(self.started_ns + one.intended_ns);
                outcome.service_time.saturating_record(one.age_ns.saturating_sub(waited));
            }
        }
        outcome
    }

    fn timeline(&self, judged: &[Judged<'_>]) -> Vec<TimelinePoint> {
        let length_ns = self.length_ns().max(1);
        let step_ns = (length_ns / POINTS).clamp(100_000_000, 1_000_000_000);
        let mut points = Vec::new();
        let mut latency = histogram::new();
        let mut rest = judged;
        for start in (0..length_ns).step_by(usize::try_from(step_ns).unwrap_or(usize::MAX)) {
            let last = start + step_ns >= length_ns;
            // Poisson arrivals may fall on the very end.
            let inside = rest.partition_point(|j| last || j.intended_ns < start + step_ns);
            let (here, later) = rest.split_at(inside);
            rest = later;
            latency.clear();
            for one in here.iter().filter(|j| j.counts != Counts::Error && self.came_due(j)) {
                if self.spec.operations[one.operation].measured {
                    latency.saturating_record(one.age_ns);
                }
            }
            let at = |quantile| (!latency.is_empty()).then(|| seconds(latency.value_at_quantile(quantile)));
            let answered = here.iter().filter(|j| j.counts == Counts::Answered).count() as u64;
            points.push(TimelinePoint {
                at_s: seconds(start),
                intended: here.len() as u64,
                answered,
                failed: here.len() as u64 - answered,
                p50: at(0.5),
                p99: at(0.99),
                max: at(1.0),
                lag_max: seconds(here.iter().map(|j| self.lag_ns(j)).max().unwrap_or(0)),
                rss_bytes: None,
            });
        }
        points
    }

    /// Background load is sent by a thread of its own, whose lag is nobody's latency.
    fn is_background(&self, one: &Judged<'_>) -> bool {
        self.spec.operations[one.operation].rate.is_some()
    }

    fn lag_ns(&self, one: &Judged<'_>) -> u64 {
        one.slot
            .handed_ns()
            .filter(|_| !self.is_background(one))
            .map_or(0, |handed| handed.saturating_sub(self.started_ns + one.intended_ns))
    }

    fn intervals(&self, judged: &[Judged<'_>]) -> Vec<Interval> {
        let mut intervals = Vec::new();
        let mut latency = histogram::new();
        for here in judged.chunk_by(|a, b| a.intended_ns / INTERVAL_NS == b.intended_ns / INTERVAL_NS) {
            let start_ns = here[0].intended_ns / INTERVAL_NS * INTERVAL_NS;
            for (index, operation) in self.spec.operations.iter().enumerate() {
                latency.clear();
                for one in here.iter().filter(|j| j.operation == index && j.counts != Counts::Error) {
                    if self.came_due(one) {
                        latency.saturating_record(one.age_ns);
                    }
                }
                if !latency.is_empty() {
                    intervals.push(Interval {
                        at_s: seconds(start_ns),
                        length_s: seconds(INTERVAL_NS.min(self.length_ns().saturating_sub(start_ns))),
                        operation: operation.name.clone(),
                        latency: Encoded::new(&latency),
                    });
                }
            }
        }
        intervals
    }
}

/// Handed over: to the wire or to the queue for it.
fn was_sent(slot: &Slot) -> bool {
    slot.handed_ns().is_some() && !matches!(slot.ending(), Some((_, Ending::Shed)))
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of a trial are below 2^52")]
fn seconds(ns: u64) -> f64 {
    ns as f64 * 1e-9
}

#[cfg(test)]
mod tests;
