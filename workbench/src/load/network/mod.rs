//! Drives a server over loopback or a network, from one thread, by an epoll loop and clients of our own.
//!
//! HTTP/1.1 and lines have one request at a time on a connection. Operations that find none free wait in order with
//! their intended time kept. A request that times out takes its connection with it; whatever closes or breaks is
//! connected anew. Where each request has a connection of its own, connecting is part of its latency. Nothing is
//! allocated per operation once the buffers have found their size.
//!
//! HTTP/2 has up to 100 requests at a time on each of as few connections as that takes; a request that times out is
//! cancelled, and its connection stays. Where each request has a connection of its own, there are as many connections at a
//! time as there may be requests.

mod answer;
mod beside;
mod client;
mod closed;
mod endpoint;
mod engine;
mod http1;
mod http2;
mod lane;
mod lines;
mod needle;
mod negotiate;
pub mod once;
mod open;
mod pieces;
mod template;
#[cfg(test)]
mod tests;
mod tls;
mod waiter;
mod wire;

use std::sync::atomic::AtomicBool;

pub use scenarios::spec::{Connection, Protocol};

pub use self::endpoint::{Endpoint, Tls};
use self::engine::Engine;
use self::http2::Multiplexer;
use super::{ClosedOutcome, ClosedSpec, LoadError, OpenSpec, PhaseOutcome};
use crate::load::driver_thread;
use crate::load::pacer::Pacing;

/// Drives a schedule, then waits for what is in flight, up to the timeout after the last operation was due.
///
/// Operations that find no connection free wait in order; of those in flight and waiting together, everything beyond
/// `max_in_flight` is unanswered (`shed`). What waits or runs longer than the timeout has timed out.
///
/// Operations with a rate of their own go over connections of their own, driven by a second thread: however slow they are,
/// they take no connection from those that are measured.
///
/// # Errors
/// A request that cannot be sent, a server that cannot be reached at all, or a failure of the driver itself. What goes
/// wrong later is counted, not returned.
pub fn drive_open(endpoint: &Endpoint, spec: &OpenSpec, stop: &AtomicBool) -> Result<PhaseOutcome, LoadError> {
    beside::drive(endpoint, spec, stop)
}

/// Runs `spec.concurrency` clients for `spec.duration`, each sending as soon as it was answered, then waits for what is
/// in flight, up to the timeout. Where no connection is left, every failed attempt to make one counts as an error.
///
/// # Errors
/// As [`drive_open`].
pub fn drive_closed(endpoint: &Endpoint, spec: &ClosedSpec, stop: &AtomicBool) -> Result<ClosedOutcome, LoadError> {
    drive_closed_metered(endpoint, spec, stop, &mut || ())
}

/// The same, with `meter` called once all connections are made and again when the last answer is in: what making them
/// costs the server is no work per operation.
///
/// # Errors
/// As [`drive_open`].
pub fn drive_closed_metered(
    endpoint: &Endpoint,
    spec: &ClosedSpec,
    stop: &AtomicBool,
    meter: &mut (dyn FnMut() + Send),
) -> Result<ClosedOutcome, LoadError> {
    driver_thread::run(&spec.placement, move |_| {
        let endpoint = &negotiate::settled(endpoint, stop)?;
        // Sockets decide when to send, so there is nothing to be early for: it never spins.
        let (operations, streams, seed, pacing) = (&spec.operations, spec.concurrency, spec.seed, Pacing::Sleep);
        if endpoint.protocol == Protocol::Http2 {
            let client = Multiplexer::connect(endpoint, operations, streams, seed, pacing, stop)?;
            return closed::drive(client, spec, stop, meter);
        }
        let client = Engine::connect(endpoint, operations, streams, seed, pacing, stop)?;
        closed::drive(client, spec, stop, meter)
    })
}
