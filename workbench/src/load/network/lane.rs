//! One lane: a connection that serves one request at a time, or the room for one.

use super::answer::Answer;
use super::wire::{Progress, Wire};
use crate::load::slots::Failure;

/// First pause before a connection that brought no answer is tried again.
const BACKOFF_NS: u64 = 1_000_000;

/// A connection, made or to be made.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) wire: Option<Wire>,
    /// Tells the socket's events from those of its predecessors.
    pub(super) generation: u32,
    pub(super) state: State,
    /// The message that is being sent.
    pub(super) message: Vec<u8>,
    written: usize,
    pub(super) answer: Answer,
    /// An answer has come over this socket.
    pub(super) proven: bool,
    /// Somebody waits until the socket takes more.
    pub(super) watched: bool,
    backoff_ns: u64,
}

/// What a lane is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not connected until then.
    Down { retry_ns: u64 },
    /// Waits for the other side, with the request that it is connected for, if it is for one.
    Connecting(Option<Job>),
    /// Connected, and agreeing on TLS.
    Greeting(Option<Job>),
    /// Free; without a connection where each request has its own.
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

impl State {
    /// The request that the lane is busy with, in whatever way.
    pub(super) fn job(self) -> Option<Job> {
        match self {
            Self::Connecting(job) | Self::Greeting(job) => job,
            Self::Busy(job) => Some(job),
            Self::Down { .. } | Self::Idle => None,
        }
    }
}

impl Lane {
    pub(super) fn new(answer: Answer) -> Self {
        Self {
            wire: None,
            generation: 0,
            state: State::Down { retry_ns: 0 },
            message: Vec::with_capacity(1024),
            written: 0,
            answer,
            proven: false,
            watched: false,
            backoff_ns: BACKOFF_NS,
        }
    }

    /// Closes the socket. What still comes for it is not for its successor.
    pub(super) fn close(&mut self) {
        self.wire = None;
        self.watched = false;
        self.generation = self.generation.wrapping_add(1);
        self.state = State::Down { retry_ns: 0 };
    }

    /// When to try again: at once where this socket brought answers, otherwise after a pause that doubles up to `most_ns`.
    pub(super) fn pause(&mut self, now_ns: u64, most_ns: u64) {
        let pause_ns = if self.proven { 0 } else { self.backoff_ns };
        self.backoff_ns = if self.proven { BACKOFF_NS } else { (self.backoff_ns * 2).min(most_ns) };
        self.state = State::Down { retry_ns: now_ns + pause_ns };
    }

    /// Sends the message in the buffer from its begin.
    pub(super) fn begin(&mut self, job: Job) -> Result<Progress, Failure> {
        self.answer.begin();
        self.written = 0;
        self.state = State::Busy(job);
        self.send()
    }

    /// Sends what is left of it.
    pub(super) fn send(&mut self) -> Result<Progress, Failure> {
        let wire = self.wire.as_mut().ok_or(Failure::Closed)?;
        while self.written < self.message.len() {
            match wire.write(&self.message[self.written..])? {
                0 => return Ok(Progress::Blocked),
                length => self.written += length,
            }
        }
        wire.flush()
    }

    /// Reads into `input`; `None` where nothing has come, 0 at the end.
    pub(super) fn receive(&mut self, input: &mut [u8]) -> Result<Option<usize>, Failure> {
        self.wire.as_mut().ok_or(Failure::Closed)?.read(input)
    }
}
