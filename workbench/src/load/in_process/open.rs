//! The open loop: operations are handed over when they are due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use scenarios::spec::Arrivals;
use scenarios::workload::{Call, InProcess, OperationError};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::clients::{Clients, Course};
use super::panics;
use super::perform::{Guarded, Messages};
use crate::load::agenda::Agenda;
use crate::load::clock::{Clock, MonotonicClock, thread_cpu_s};
use crate::load::driver_thread::{self, Seat};
use crate::load::pacer::Pacer;
use crate::load::schedule::Schedule;
use crate::load::seeded::call_seed;
use crate::load::slots::{Ending, Failure, Slots};
use crate::load::tally::Finished;
use crate::load::{LoadError, OpenSpec, PhaseOutcome};

/// Operations taken from the hand-off at once.
const BATCH: usize = 256;
/// From laying everything out to the first operation.
const LEAD_NS: u64 = 1_000_000;
/// How often a full hand-off is tried again.
const RETRY_NS: u64 = 100_000;

/// Shared by the driver and the tasks.
struct Phase {
    workload: Arc<Guarded>,
    seed: u64,
    schedule: Schedule,
    slots: Slots,
    finished: AtomicUsize,
    /// Next operation of a closed loop.
    next: AtomicUsize,
    over: AtomicBool,
    messages: Messages,
}

/// Drives a schedule, then waits for what is in flight, up to the timeout after the last operation was due.
///
/// With `max_in_flight` operations in flight the next ones wait, their intended time kept; those that cannot be handed
/// over within the timeout are unanswered (`shed`).
///
/// # Errors
/// An operation panicked, the runtime was shut down, or the driver thread could not be started.
pub fn drive_open(
    runtime: &Handle,
    workload: Arc<dyn InProcess>,
    spec: &OpenSpec,
    stop: &AtomicBool,
) -> Result<PhaseOutcome, LoadError> {
    let schedule = spec.schedule();
    let phase = Arc::new(Phase {
        workload: Arc::new(Guarded::new(workload)),
        seed: spec.seed,
        slots: Slots::new(schedule.len()),
        schedule,
        finished: AtomicUsize::new(0),
        next: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        messages: Messages::default(),
    });
    driver_thread::run(&spec.placement, |seat| {
        let (started_ns, interrupted) = match spec.arrivals {
            Arrivals::Closed => by_clients(runtime, &phase, spec, stop)?,
            Arrivals::Poisson | Arrivals::Constant => by_schedule(runtime, &phase, spec, seat, stop)?,
        };
        panics::wait_until_told();
        phase.workload.check(&spec.operations)?;
        let finished = Finished {
            spec,
            schedule: &phase.schedule,
            slots: &phase.slots,
            seat,
            started_ns,
            ended_ns: MonotonicClock.now_ns(),
            cpu_s: thread_cpu_s(),
            reconnects: 0,
            interrupted,
            messages: &phase.messages.list(),
        };
        Ok(finished.tally())
    })
}

/// Returns when it began, and whether it was stopped.
fn by_schedule(
    runtime: &Handle,
    phase: &Arc<Phase>,
    spec: &OpenSpec,
    seat: &Seat,
    stop: &AtomicBool,
) -> Result<(u64, bool), LoadError> {
    let (handoff, taken) = mpsc::channel(spec.max_in_flight);
    runtime.spawn(dispatch(taken, Arc::clone(phase)));
    let started_ns = MonotonicClock.now_ns() + LEAD_NS;
    let mut agenda = Agenda::new(&phase.schedule, &phase.slots, started_ns, timeout_ns(spec), false);
    let pacer = Pacer::new(&MonotonicClock, seat.pacing);
    let mut handed = 0;
    let mut now = MonotonicClock.now_ns();
    loop {
        let room = || spec.max_in_flight.saturating_sub(handed - phase.finished.load(Ordering::Relaxed));
        hand_over(&mut agenda, &handoff, room(), &mut handed)?;
        agenda.notice(now, usize::MAX);
        agenda.expire(now, Ending::Shed);
        phase.workload.check(&spec.operations)?;
        if agenda.is_done() {
            break;
        }
        if stop.load(Ordering::Relaxed) {
            return Ok((started_ns, true));
        }
        let due = agenda.next_due_ns().unwrap_or(u64::MAX);
        now = pacer.wait_until(if agenda.waiting() > 0 { due.min(now + RETRY_NS) } else { due });
    }
    drop(handoff);
    let last_due = phase.schedule.offsets_ns.last().map_or(started_ns, |offset| started_ns + offset);
    let deadline_ns = last_due.saturating_add(timeout_ns(spec));
    drain(phase, spec, handed, deadline_ns, stop).map(|interrupted| (started_ns, interrupted))
}

/// Hands over what is due, as long as there is room.
fn hand_over(
    agenda: &mut Agenda<'_>,
    handoff: &Sender<usize>,
    mut room: usize,
    handed: &mut usize,
) -> Result<(), LoadError> {
    while room > 0
        && let Some(sequence) = agenda.front(MonotonicClock.now_ns())
    {
        match handoff.try_reserve() {
            Ok(place) => {
                // The time before the hand-over: waking a worker takes up to 18 µs, and is part of the answer's.
                agenda.sent(MonotonicClock.now_ns());
                place.send(sequence);
                *handed += 1;
                room -= 1;
            }
            Err(TrySendError::Full(())) => break,
            Err(TrySendError::Closed(())) => return Err(LoadError::RuntimeGone),
        }
    }
    Ok(())
}

/// Waits for what was handed over; returns whether it was stopped.
fn drain(
    phase: &Phase,
    spec: &OpenSpec,
    handed: usize,
    deadline_ns: u64,
    stop: &AtomicBool,
) -> Result<bool, LoadError> {
    while phase.finished.load(Ordering::Acquire) < handed && MonotonicClock.now_ns() < deadline_ns {
        phase.workload.check(&spec.operations)?;
        if stop.load(Ordering::Relaxed) {
            return Ok(true);
        }
        MonotonicClock.sleep_until(MonotonicClock.now_ns() + RETRY_NS);
    }
    Ok(false)
}

async fn dispatch(mut taken: Receiver<usize>, phase: Arc<Phase>) {
    let mut batch = Vec::with_capacity(BATCH);
    while taken.recv_many(&mut batch, BATCH).await > 0 {
        for sequence in batch.drain(..) {
            tokio::spawn(operate(Arc::clone(&phase), sequence));
        }
    }
}

async fn operate(phase: Arc<Phase>, sequence: usize) {
    let number = sequence as u64;
    let operation = usize::from(phase.schedule.operations[sequence]);
    let call = Call { operation, sequence: number, seed: call_seed(phase.seed, number) };
    if let Some(answer) = phase.workload.perform(call).await {
        phase.finish(sequence, MonotonicClock.now_ns(), answer);
    }
}

impl Phase {
    fn finish(&self, sequence: usize, now_ns: u64, answer: Result<(), OperationError>) {
        let ending = match answer {
            Ok(()) => Ending::Answered,
            Err(error) => Ending::Error(Failure::Operation(self.messages.number(&error.0))),
        };
        self.slots.at(sequence).finish(now_ns, ending);
        self.finished.fetch_add(1, Ordering::Release);
    }
}

/// The same for closed arrivals.
fn by_clients(
    runtime: &Handle,
    phase: &Arc<Phase>,
    spec: &OpenSpec,
    stop: &AtomicBool,
) -> Result<(u64, bool), LoadError> {
    let started_ns = MonotonicClock.now_ns();
    let clients = Clients::start(runtime, spec.concurrency, spec.seed, &phase.workload, phase);
    loop {
        let finished = || phase.finished.load(Ordering::Relaxed);
        let before = finished();
        // As long as operations finish, the loop goes on; nothing within the timeout, and it is stuck.
        let patience_ns = MonotonicClock.now_ns().saturating_add(timeout_ns(spec));
        clients.wait(patience_ns, || stop.load(Ordering::Relaxed) || finished() > before);
        phase.workload.check(&spec.operations)?;
        let stopped = stop.load(Ordering::Relaxed);
        if clients.have_finished() && finished() < phase.schedule.len() && !stopped {
            // By a panic since the last look, perhaps.
            phase.workload.check(&spec.operations)?;
            return Err(LoadError::RuntimeGone);
        }
        if stopped || clients.have_finished() || finished() == before {
            phase.over.store(true, Ordering::Relaxed);
            return Ok((started_ns, stopped));
        }
    }
}

impl Course for Phase {
    fn next(&self) -> Option<(u64, usize)> {
        if self.over.load(Ordering::Relaxed) {
            return None;
        }
        let sequence = self.next.fetch_add(1, Ordering::Relaxed);
        let operation = *self.schedule.operations.get(sequence)?;
        Some((sequence as u64, usize::from(operation)))
    }

    #[allow(clippy::cast_possible_truncation, reason = "made from a usize")]
    fn sent(&self, sequence: u64, _: usize, now_ns: u64) {
        self.slots.at(sequence as usize).send(now_ns);
    }

    #[allow(clippy::cast_possible_truncation, reason = "made from a usize")]
    fn answered(&self, sequence: u64, _: usize, _: u64, now_ns: u64, answer: Result<(), OperationError>) {
        self.finish(sequence as usize, now_ns, answer);
    }
}

fn timeout_ns(spec: &OpenSpec) -> u64 {
    u64::try_from(spec.timeout.as_nanos()).unwrap_or(u64::MAX / 4)
}
