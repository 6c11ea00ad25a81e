//! One connection: its socket, what it is doing, and its buffers.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt::{set_tcp_nodelay, socket_error};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, connect, send, socket_with};

use super::response::Parser;
use crate::load::slots::{Ending, Failure};

/// First and longest pause before a connection that brought no answer is tried again.
const BACKOFF_NS: (u64, u64) = (1_000_000, 100_000_000);

/// A connection, made or to be made.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Option<OwnedFd>,
    /// Tells the socket's events from those of its predecessors.
    pub(super) generation: u32,
    pub(super) state: State,
    /// The request that is being sent.
    pub(super) request: Vec<u8>,
    written: usize,
    pub(super) parser: Parser,
    /// An answer has come over this socket.
    pub(super) proven: bool,
    backoff_ns: u64,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not connected until then.
    Down { retry_ns: u64 },
    /// Waits for the other side.
    Connecting,
    /// Free.
    Idle,
    /// Serves a request.
    Busy(Job),
}

/// A request in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) sequence: u64,
    /// Index into the mix.
    pub(super) operation: usize,
    pub(super) sent_ns: u64,
    pub(super) deadline_ns: u64,
}

/// How far sending has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Whole,
    /// The socket takes no more for now.
    Part,
    Failed,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            socket: None,
            generation: 0,
            state: State::Down { retry_ns: 0 },
            request: Vec::with_capacity(1024),
            written: 0,
            parser: Parser::new(),
            proven: false,
            backoff_ns: BACKOFF_NS.0,
        }
    }

    /// Begins to connect; `true` where that is done at once.
    pub(super) fn open(&mut self, address: SocketAddr) -> io::Result<bool> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        set_tcp_nodelay(&socket, true)?;
        let connected = match connect(&socket, &address) {
            Ok(()) => true,
            Err(Errno::INPROGRESS) => false,
            Err(error) => return Err(error.into()),
        };
        self.socket = Some(socket);
        self.proven = false;
        self.state = if connected { State::Idle } else { State::Connecting };
        Ok(connected)
    }

    /// How connecting ended.
    pub(super) fn connected(&self) -> io::Result<()> {
        Ok(socket_error(self.socket()?)??)
    }

    /// Closes the socket. What still comes for it is not for its successor.
    pub(super) fn close(&mut self) {
        self.socket = None;
        self.generation = self.generation.wrapping_add(1);
        self.state = State::Down { retry_ns: 0 };
    }

    /// When to try again: at once where this socket brought answers, otherwise after a pause that doubles.
    pub(super) fn pause(&mut self, now_ns: u64) {
        let pause_ns = if self.proven { 0 } else { self.backoff_ns };
        self.backoff_ns = if self.proven { BACKOFF_NS.0 } else { (self.backoff_ns * 2).min(BACKOFF_NS.1) };
        self.state = State::Down { retry_ns: now_ns + pause_ns };
    }

    pub(super) fn socket(&self) -> io::Result<BorrowedFd<'_>> {
        self.socket.as_ref().map(OwnedFd::as_fd).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Sends the request in the buffer from its begin.
    pub(super) fn begin(&mut self, job: Job) -> Sent {
        self.parser.begin();
        self.written = 0;
        self.state = State::Busy(job);
        self.send()
    }

    /// Sends what is left of it.
    pub(super) fn send(&mut self) -> Sent {
        let Some(socket) = &self.socket else { return Sent::Failed };
        while self.written < self.request.len() {
            match send(socket, &self.request[self.written..], SendFlags::NOSIGNAL) {
                Ok(length) => self.written += length,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Sent::Part,
                Err(_) => return Sent::Failed,
            }
        }
        Sent::Whole
    }

    /// Reads into `input`; `None` where nothing has come.
    pub(super) fn receive(&self, input: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match rustix::io::read(self.socket()?, &mut *input) {
                Ok(length) => return Ok(Some(length)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// How a request without a complete answer ends when its connection does.
    pub(super) fn cut(reset: bool) -> Ending {
        Ending::Error(if reset { Failure::Reset } else { Failure::Closed })
    }
}
