//! What the loops need of a client, whatever it speaks.

use std::io;

use super::endpoint::Endpoint;
use super::once;
use crate::load::LoadError;
use crate::load::slots::{Ending, Failure};

/// A request that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Completion {
    pub(super) sequence: u64,
    /// Index into the mix.
    pub(super) operation: usize,
    pub(super) sent_ns: u64,
    pub(super) finished_ns: u64,
    pub(super) ending: Ending,
}

/// Sends requests and gathers answers. Every request started is completed, or in flight.
pub(super) trait Client {
    /// A request can be sent at once.
    fn has_idle(&self) -> bool;

    /// Requests in flight.
    fn busy(&self) -> usize;

    /// Kinds of the operations that are in flight.
    fn in_flight(&self) -> Vec<usize>;

    /// Connections made anew.
    fn reconnects(&self) -> u64;

    /// Failed attempts to connect since the last call, where no connection is left at all: each is the failure of an
    /// operation that needed one. Also why the last one failed.
    fn refusals(&mut self) -> (u64, Failure);

    /// Sends an operation, to be answered by `deadline_ns`. Returns when.
    fn start(&mut self, sequence: u64, operation: usize, deadline_ns: u64) -> u64;

    /// Waits for something to happen, until `deadline_ns`, and sees to it.
    fn step(&mut self, deadline_ns: u64) -> Result<(), LoadError>;

    /// What is over since the last call.
    fn completions(&mut self) -> std::vec::Drain<'_, Completion>;
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Unreachable {
    /// The kernel's word.
    Io(io::Error),
    /// TLS, or what is spoken on top of it, was not agreed.
    Greeting(Failure),
    /// Connected, and nothing came that would be a greeting.
    Silent,
}

impl Unreachable {
    /// What an operation counts as that needed the connection.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Failure::NoPort,
            Self::Io(error) if error.kind() == io::ErrorKind::ConnectionReset => Failure::Reset,
            Self::Io(_) => Failure::Refused,
            Self::Greeting(failure) => *failure,
            Self::Silent => Failure::Handshake,
        }
    }

    /// The error of a phase that cannot begin.
    pub(super) fn into_error(self, endpoint: &Endpoint) -> LoadError {
        let target = endpoint.address.to_string();
        match self {
            Self::Io(source) => LoadError::Unreachable { target, source },
            Self::Greeting(failure) if endpoint.tls.is_none() => {
                LoadError::Protocol { target, problem: failure.label(&[]) }
            }
            Self::Greeting(failure) => {
                // The hot path does not keep what was wrong with a certificate: another look tells.
                let looked = if failure == Failure::Certificate { once::refused(endpoint) } else { None };
                LoadError::Tls { target, problem: looked.unwrap_or_else(|| failure.label(&[])) }
            }
            Self::Silent if endpoint.tls.is_none() => {
                LoadError::Protocol { target, problem: "it says nothing within 5 s".into() }
            }
            Self::Silent => {
                let problem = "it accepts connections and says nothing within 5 s: does it speak TLS at all?".into();
                LoadError::Tls { target, problem }
            }
        }
    }
}
