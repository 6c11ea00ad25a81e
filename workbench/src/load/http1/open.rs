//! The open loop over HTTP.

use std::sync::atomic::{AtomicBool, Ordering};

use scenarios::spec::Arrivals;

use super::HttpTarget;
use super::engine::Engine;
use crate::load::agenda::Agenda;
use crate::load::clock::{Clock, MonotonicClock, thread_cpu_s};
use crate::load::driver_thread;
use crate::load::pacer::STOP_CHECK_NS;
use crate::load::slots::{Ending, Failure, Slots};
use crate::load::tally::Finished;
use crate::load::{LoadError, OpenSpec, PhaseOutcome};

/// From the last connection to the first operation.
const LEAD_NS: u64 = 2_000_000;

/// Drives a schedule, then waits for what is in flight, up to the timeout after the last operation was due.
///
/// Operations that find no connection free wait in order; of those in flight and waiting together, everything beyond
/// `max_in_flight` is unanswered (`shed`). What waits or runs longer than the timeout has timed out.
///
/// # Errors
/// A request that cannot be sent, a server that cannot be reached at all, or a failure of the driver itself. What goes
/// wrong later is counted, not returned.
pub fn drive_open(target: &HttpTarget, spec: &OpenSpec, stop: &AtomicBool) -> Result<PhaseOutcome, LoadError> {
    let schedule = spec.schedule();
    let slots = Slots::new(schedule.len());
    let timeout_ns = u64::try_from(spec.timeout.as_nanos()).unwrap_or(u64::MAX / 4);
    let closed = spec.arrivals == Arrivals::Closed;
    driver_thread::run(&spec.placement, |seat| {
        let mut engine = Engine::connect(target, &spec.operations, spec.concurrency, spec.seed, seat.pacing, stop)?;
        let before_s = thread_cpu_s();
        let started_ns = MonotonicClock.now_ns() + if closed { 0 } else { LEAD_NS };
        let mut agenda = Agenda::new(&schedule, &slots, started_ns, timeout_ns, closed);
        let mut now_ns = MonotonicClock.now_ns();
        let interrupted = loop {
            while engine.has_idle()
                && let Some(sequence) = agenda.front(now_ns)
            {
                let deadline_ns = agenda.deadline_ns(sequence, now_ns);
                agenda.sent(engine.start(sequence as u64, agenda.operation(sequence), deadline_ns));
                now_ns = MonotonicClock.now_ns();
            }
            agenda.notice(now_ns, spec.max_in_flight.saturating_sub(engine.busy()));
            for _ in 0..engine.refusals() {
                if agenda.front(now_ns).is_some() {
                    agenda.give_up(now_ns, Ending::Error(Failure::Refused));
                }
            }
            for over in engine.completions() {
                let sequence = usize::try_from(over.job.sequence).expect("made from a usize");
                slots.at(sequence).finish(over.finished_ns, over.ending);
            }
            agenda.expire(now_ns, Ending::TimedOut);
            if agenda.is_done() && engine.busy() == 0 {
                break false;
            }
            if stop.load(Ordering::Relaxed) {
                break true;
            }
            // A connection that has become free meanwhile serves what waits without waiting itself.
            let ready = engine.has_idle() && agenda.waiting() > 0;
            let mut until_ns = if ready { 0 } else { now_ns + STOP_CHECK_NS };
            for moment_ns in [agenda.next_due_ns(), agenda.next_expiry_ns()].into_iter().flatten() {
                until_ns = until_ns.min(moment_ns);
            }
            engine.step(until_ns)?;
            now_ns = MonotonicClock.now_ns();
        };
        let finished = Finished {
            spec,
            schedule: &schedule,
            slots: &slots,
            seat,
            started_ns,
            ended_ns: MonotonicClock.now_ns(),
            cpu_s: thread_cpu_s() - before_s,
            reconnects: engine.reconnects(),
            interrupted,
            messages: &[],
        };
        Ok(finished.tally())
    })
}
