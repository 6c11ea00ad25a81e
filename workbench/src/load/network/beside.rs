//! The open loop of a mix, beside background load where there is any: a thread and connections for each.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use super::Endpoint;
use super::engine::Engine;
use super::http2::Multiplexer;
use super::negotiate;
use super::open::{self, Driven, Laid, soon_ns};
use crate::load::driver_thread::{self, Seat};
use crate::load::pacer::Pacing;
use crate::load::seeded::mixed;
use crate::load::tally::Finished;
use crate::load::{LoadError, OpenSpec, PhaseOutcome};
use scenarios::spec::Protocol;

/// Where the random numbers of background requests begin.
const CALLS: u64 = 0x6361_6c73;

/// Drives all that the spec asks for, and counts it.
pub(super) fn drive(endpoint: &Endpoint, spec: &OpenSpec, stop: &AtomicBool) -> Result<PhaseOutcome, LoadError> {
    let mix = Laid::out(spec.mix());
    let Some(background) = spec.background(mix.schedule.duration_ns).map(Laid::out) else {
        let connections = Connections { count: spec.concurrency, seed: spec.seed };
        let (driven, seat) = driver_thread::run(&spec.placement, |seat| {
            let driven = connections.drive(endpoint, spec, &mix, seat.pacing, || Some(soon_ns(spec)), stop)?;
            Ok((driven, seat.clone()))
        })?;
        return Ok(tally(spec, &mix, driven, &seat));
    };
    let ((driven, seat), beside) = together(endpoint, spec, &mix, &background, stop)?;
    let (schedule, from_background) = mix.schedule.beside(&background.schedule);
    let slots = mix.slots.beside(background.slots, &from_background);
    let driven = Driven {
        started_ns: driven.started_ns,
        ended_ns: driven.ended_ns.max(beside.ended_ns),
        cpu_s: driven.cpu_s + beside.cpu_s,
        reconnects: driven.reconnects + beside.reconnects,
        interrupted: driven.interrupted || beside.interrupted,
    };
    Ok(tally(spec, &Laid { schedule, slots }, driven, &seat))
}

/// Both begin at one time, once the connections of both are made.
fn together(
    endpoint: &Endpoint,
    spec: &OpenSpec,
    mix: &Laid,
    background: &Laid,
    stop: &AtomicBool,
) -> Result<((Driven, Seat), Driven), LoadError> {
    let (tell_ready, ready) = mpsc::channel();
    let (tell_start, start) = mpsc::channel();
    std::thread::scope(|scope| {
        let beside = scope.spawn(move || {
            let connections = Connections { count: spec.background_connections(), seed: mixed(spec.seed, CALLS) };
            driver_thread::run(&spec.placement, move |_| {
                // Where the mix fails there is nobody to say when.
                let begin = move || {
                    tell_ready.send(()).ok()?;
                    start.recv().ok()
                };
                // Two that spin on one CPU would be in each other's way.
                connections.drive(endpoint, spec, background, Pacing::Sleep, begin, stop)
            })
        });
        let connections = Connections { count: spec.concurrency, seed: spec.seed };
        let measured = driver_thread::run(&spec.placement, move |seat| {
            let begin = move || {
                ready.recv().ok()?;
                let at_ns = soon_ns(spec);
                tell_start.send(at_ns).ok()?;
                Some(at_ns)
            };
            let driven = connections.drive(endpoint, spec, mix, seat.pacing, begin, stop)?;
            Ok((driven, seat.clone()))
        });
        let beside = beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((measured?, beside?))
    })
}

/// Connections of one of the two.
#[derive(Debug, Clone, Copy)]
struct Connections {
    count: usize,
    /// Of the random numbers in its messages.
    seed: u64,
}

impl Connections {
    fn drive(
        self,
        endpoint: &Endpoint,
        spec: &OpenSpec,
        laid: &Laid,
        pacing: Pacing,
        start: impl FnOnce() -> Option<u64>,
        stop: &AtomicBool,
    ) -> Result<Driven, LoadError> {
        let endpoint = &negotiate::settled(endpoint, stop)?;
        if endpoint.protocol == Protocol::Http2 {
            let client = Multiplexer::connect(endpoint, &spec.operations, self.count, self.seed, pacing, stop)?;
            return open::drive(client, spec, laid, start, stop);
        }
        let client = Engine::connect(endpoint, &spec.operations, self.count, self.seed, pacing, stop)?;
        open::drive(client, spec, laid, start, stop)
    }
}

fn tally(spec: &OpenSpec, laid: &Laid, driven: Driven, seat: &Seat) -> PhaseOutcome {
    let Driven { started_ns, ended_ns, cpu_s, reconnects, interrupted } = driven;
    let finished = Finished {
        spec,
        schedule: &laid.schedule,
        slots: &laid.slots,
        seat,
        started_ns,
        ended_ns,
        cpu_s,
        reconnects,
        interrupted,
        messages: &[],
    };
    finished.tally()
}
