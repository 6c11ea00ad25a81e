//! The load driver: sends operations when they are due, and reports how late it was itself.
//!
//! Latency counts from the *intended* time of an operation, so that an operation which had to wait for its
//! predecessors shows that wait. A driver that is late itself says so (`lag`), and [`driver_limited`] voids the
//! latencies of such a trial. Nothing is left out of a count: what is scheduled is answered, an error, a timeout or
//! unanswered.
//!
//! Networked subjects are driven by [`network`] from the parent, in-process workloads by [`in_process`] from the child;
//! both from one OS thread of their own, since timers of an async runtime are late by a millisecond or two.

mod agenda;
mod bucketed;
mod clock;
mod driver_thread;
#[cfg(test)]
mod fixture;
mod histogram;
pub mod in_process;
mod intensity;
pub mod ladder;
mod limit;
pub mod network;
mod outcome;
mod pacer;
mod placement;
pub(crate) mod priority;
mod schedule;
mod seeded;
mod slots;
mod spec;
mod tally;

use std::io;

pub use self::clock::{Clock, MonotonicClock};
pub use self::histogram::Encoded;
pub use self::limit::driver_limited;
pub use self::outcome::{
    ClosedOperation, ClosedOutcome, DriverReport, EachOperation, Interval, OpOutcome, PhaseOutcome,
};
pub use self::pacer::{Pacer, Pacing};
pub use self::placement::Placement;
pub use self::priority::DriverPriority;
pub use self::schedule::Schedule;
pub use self::spec::{ClosedSpec, OpenSpec, Operation, Round, Shape};

/// Why a phase could not be driven.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// An operation of a networked mix says nothing sendable.
    #[error("operation `{operation}`: {problem}")]
    Request {
        /// Name in the mix.
        operation: String,
        /// What is wrong with its request.
        problem: String,
    },
    /// Not one connection could be made before the phase.
    #[error("cannot connect to {target}: {source}")]
    Unreachable {
        /// Address.
        target: String,
        /// What the kernel said last.
        source: io::Error,
    },
    /// TLS could not be agreed before the phase, or not even begun.
    #[error("cannot speak TLS with {target}: {problem}")]
    Tls {
        /// Address.
        target: String,
        /// Why, and what to do about it.
        problem: String,
    },
    /// HTTP/2 without TLS, which the other side does not speak.
    #[error("cannot speak HTTP/2 with {target}: {problem}; `--protocol http1` asks for no more than HTTP/1.1")]
    Protocol {
        /// Address.
        target: String,
        /// What it does instead.
        problem: String,
    },
    /// What was asked for goes with nothing that the driver can do.
    #[error("{problem}")]
    Unsupported {
        /// What, and what to do about it.
        problem: String,
    },
    /// An operation of an in-process workload panicked: the subject has failed.
    #[error("operation `{operation}` panicked: {message}")]
    Panicked {
        /// Name in the mix.
        operation: String,
        /// The panic's message.
        message: String,
    },
    /// The measured runtime was shut down in the middle of a phase.
    #[error("the measured runtime is gone")]
    RuntimeGone,
    /// The driver's own machinery failed.
    #[error("load driver: {what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
}

impl LoadError {
    fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
