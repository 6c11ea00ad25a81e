//! The open loop over a network.

use std::sync::atomic::{AtomicBool, Ordering};

use scenarios::spec::Arrivals;

use super::client::Client;
use crate::load::agenda::Agenda;
use crate::load::clock::{Clock, MonotonicClock, thread_cpu_s};
use crate::load::driver_thread::Seat;
use crate::load::pacer::STOP_CHECK_NS;
use crate::load::schedule::Schedule;
use crate::load::slots::{Ending, Slots};
use crate::load::tally::Finished;
use crate::load::{LoadError, OpenSpec, PhaseOutcome};

/// From the last connection to the first operation.
const LEAD_NS: u64 = 2_000_000;

/// Schedule and slots of a phase: laid out before any connection is made.
pub(super) fn laid_out(spec: &OpenSpec) -> (Schedule, Slots) {
    let schedule = spec.schedule();
    let slots = Slots::new(schedule.len());
    (schedule, slots)
}

/// Drives the schedule with a client whose connections are made.
pub(super) fn drive(
    mut client: impl Client,
    spec: &OpenSpec,
    (schedule, slots): (&Schedule, &Slots),
    seat: &Seat,
    stop: &AtomicBool,
) -> Result<PhaseOutcome, LoadError> {
    let timeout_ns = u64::try_from(spec.timeout.as_nanos()).unwrap_or(u64::MAX / 4);
    let closed = spec.arrivals == Arrivals::Closed;
    let before_s = thread_cpu_s();
    let started_ns = MonotonicClock.now_ns() + if closed { 0 } else { LEAD_NS };
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
    let finished = Finished {
        spec,
        schedule,
        slots,
        seat,
        started_ns,
        ended_ns: MonotonicClock.now_ns(),
        cpu_s: thread_cpu_s() - before_s,
        reconnects: client.reconnects(),
        interrupted,
        messages: &[],
    };
    Ok(finished.tally())
}
