//! The open loop over a network.

use std::sync::atomic::{AtomicBool, Ordering};

use scenarios::spec::Arrivals;

use super::client::Client;
use crate::load::agenda::Agenda;
use crate::load::clock::{Clock, MonotonicClock, thread_cpu_s};
use crate::load::pacer::STOP_CHECK_NS;
use crate::load::schedule::Schedule;
use crate::load::slots::{Ending, Slots};
use crate::load::{LoadError, OpenSpec};

/// From the last connection to the first operation.
const LEAD_NS: u64 = 2_000_000;

/// Schedule and slots of a phase: laid out before any connection is made.
pub(super) struct Laid {
    pub(super) schedule: Schedule,
    pub(super) slots: Slots,
}

impl Laid {
    pub(super) fn out(schedule: Schedule) -> Self {
        Self { slots: Slots::new(schedule.len()), schedule }
    }
}

/// A schedule that was driven.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Driven {
    pub(super) started_ns: u64,
    pub(super) ended_ns: u64,
    pub(super) cpu_s: f64,
    pub(super) reconnects: u64,
    pub(super) interrupted: bool,
}

/// When a phase begins whose connections were made just now.
pub(super) fn soon_ns(spec: &OpenSpec) -> u64 {
    MonotonicClock.now_ns() + if spec.arrivals == Arrivals::Closed { 0 } else { LEAD_NS }
}

/// Drives the schedule with a client whose connections are made, from the time that `start` gives; where it gives none,
/// the phase counts as interrupted.
pub(super) fn drive(
    mut client: impl Client,
    spec: &OpenSpec,
    Laid { schedule, slots }: &Laid,
    start: impl FnOnce() -> Option<u64>,
    stop: &AtomicBool,
) -> Result<Driven, LoadError> {
    let Some(started_ns) = start() else { return Ok(Driven { interrupted: true, ..Driven::default() }) };
    let timeout_ns = u64::try_from(spec.timeout.as_nanos()).unwrap_or(u64::MAX / 4);
    let closed = spec.arrivals == Arrivals::Closed;
    let before_s = thread_cpu_s();
    let mut agenda = Agenda::new(schedule, slots, started_ns, timeout_ns, closed);
    let mut now_ns = MonotonicClock.now_ns();
    let interrupted = loop {
        while client.has_idle()
            && let Some(sequence) = agenda.front(now_ns)
        {
            let deadline_ns = agenda.deadline_ns(sequence, now_ns);
            agenda.sent(client.start(sequence as u64, agenda.operation(sequence), deadline_ns));
            now_ns = MonotonicClock.now_ns();
        }
        agenda.notice(now_ns, spec.max_in_flight.saturating_sub(client.busy()));
        let (refusals, why) = client.refusals();
        for _ in 0..refusals {
            if agenda.front(now_ns).is_some() {
                agenda.give_up(now_ns, Ending::Error(why));
            }
        }
        for over in client.completions() {
            let sequence = usize::try_from(over.sequence).expect("made from a usize");
            slots.at(sequence).finish(over.finished_ns, over.ending);
        }
        agenda.expire(now_ns, Ending::TimedOut);
        if agenda.is_done() && client.busy() == 0 {
            break false;
        }
        if stop.load(Ordering::Relaxed) {
            break true;
        }
        // A connection that has become free meanwhile serves what waits without waiting itself.
        let ready = client.has_idle() && agenda.waiting() > 0;
        let mut until_ns = if ready { 0 } else { now_ns + STOP_CHECK_NS };
        for moment_ns in [agenda.next_due_ns(), agenda.next_expiry_ns()].into_iter().flatten() {
            until_ns = until_ns.min(moment_ns);
        }
        client.step(until_ns)?;
        now_ns = MonotonicClock.now_ns();
    };
    Ok(Driven {
        started_ns,
        ended_ns: MonotonicClock.now_ns(),
        cpu_s: thread_cpu_s() - before_s,
        reconnects: client.reconnects(),
        interrupted,
    })
}
