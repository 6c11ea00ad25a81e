//! All connections of a phase: sends requests, reads answers, watches timeouts, connects anew.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::HttpTarget;
use super::connection::{Connection, Job, Sent, State};
use super::request::Template;
use super::waiter::Waiter;
use crate::load::LoadError;
use crate::load::clock::{Clock, MonotonicClock};
use crate::load::pacer::{Pacing, STOP_CHECK_NS};
use crate::load::seeded::call_seed;
use crate::load::slots::{Ending, Failure};
use crate::load::spec::Operation;

/// How long connections may take before a phase.
const CONNECT_NS: u64 = 5_000_000_000;
const INPUT: usize = 64 * 1024;

/// A request that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Completion {
    pub(super) job: Job,
    pub(super) finished_ns: u64,
    pub(super) ending: Ending,
}

/// The client.
pub(super) struct Engine<'a> {
    target: &'a HttpTarget,
    templates: Vec<Template>,
    seed: u64,
    waiter: Waiter,
    connections: Vec<Connection>,
    idle: VecDeque<usize>,
    busy: usize,
    established: usize,
    /// No request times out before.
    next_deadline_ns: u64,
    /// No connection is tried again before.
    next_retry_ns: u64,
    completions: Vec<Completion>,
    input: Box<[u8]>,
    body: Vec<u8>,
    refusals: u64,
    last_refusal: Option<io::Error>,
    reconnects: u64,
}

impl<'a> Engine<'a> {
    /// Compiles the requests and makes every connection that can be made; stops early where `stop` is set.
    pub(super) fn connect(
        target: &'a HttpTarget,
        operations: &[Operation],
        connections: usize,
        seed: u64,
        pacing: Pacing,
        stop: &AtomicBool,
    ) -> Result<Self, LoadError> {
        let templates = operations.iter().map(|o| Template::compile(o, &target.host)).collect::<Result<_, _>>()?;
        let mut engine = Self {
            target,
            templates,
            seed,
            waiter: Waiter::new(pacing).map_err(LoadError::io("making its epoll instance"))?,
            connections: (0..connections).map(|_| Connection::new()).collect(),
            idle: VecDeque::with_capacity(connections),
            busy: 0,
            established: 0,
            next_deadline_ns: u64::MAX,
            next_retry_ns: u64::MAX,
            completions: Vec::with_capacity(connections),
            input: vec![0; INPUT].into_boxed_slice(),
            body: Vec::with_capacity(1024),
            refusals: 0,
            last_refusal: None,
            reconnects: 0,
        };
        let started_ns = MonotonicClock.now_ns();
        for index in 0..connections {
            engine.open(index, started_ns);
        }
        let mut now_ns = started_ns;
        let stopped = || stop.load(Ordering::Relaxed);
        while engine.connections.iter().any(|c| c.state == State::Connecting)
            && now_ns < started_ns + CONNECT_NS
            && !stopped()
        {
            engine.step(now_ns + STOP_CHECK_NS)?;
            now_ns = MonotonicClock.now_ns();
        }
        if engine.established == 0 && !stopped() {
            let source = engine.last_refusal.take().unwrap_or_else(|| io::ErrorKind::TimedOut.into());
            return Err(LoadError::Unreachable { target: target.address.to_string(), source });
        }
        (engine.refusals, engine.reconnects) = (0, 0);
        Ok(engine)
    }

    /// A connection is free.
    pub(super) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Requests in flight.
    pub(super) fn busy(&self) -> usize {
        self.busy
    }

    /// Kinds of the operations that are in flight.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = usize> + '_ {
        self.connections.iter().filter_map(|connection| match connection.state {
            State::Busy(job) => Some(job.operation),
            _ => None,
        })
    }

    /// Connections made anew.
    pub(super) fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// Failed attempts to connect since the last call, where no connection is left at all: each is the failure of an
    /// operation that needed one.
    pub(super) fn refusals(&mut self) -> u64 {
        let refusals = std::mem::take(&mut self.refusals);
        if self.established == 0 { refusals } else { 0 }
    }

    /// Sends an operation over a free connection, to be answered by `deadline_ns`. Returns when.
    pub(super) fn start(&mut self, sequence: u64, operation: usize, deadline_ns: u64) -> u64 {
        let index = self.idle.pop_front().expect("the caller asked `has_idle`");
        let connection = &mut self.connections[index];
        let seed = call_seed(self.seed, sequence);
        self.templates[operation].render(sequence, seed, &mut connection.request, &mut self.body);
        self.busy += 1;
        self.next_deadline_ns = self.next_deadline_ns.min(deadline_ns);
        let sent_ns = MonotonicClock.now_ns();
        let sent = connection.begin(Job { sequence, operation, sent_ns, deadline_ns });
        self.after_sending(index, sent, true);
        sent_ns
    }

    /// Waits for something to happen, until `deadline_ns`, and sees to it.
    pub(super) fn step(&mut self, deadline_ns: u64) -> Result<(), LoadError> {
        let deadline_ns = deadline_ns.min(self.next_deadline_ns).min(self.next_retry_ns);
        self.waiter.wait(deadline_ns).map_err(LoadError::io("waiting for answers"))?;
        let mut index = 0;
        while let Some(ready) = self.waiter.ready(index) {
            index += 1;
            #[allow(clippy::cast_possible_truncation, reason = "the two halves of the token")]
            let (connection, generation) = (ready.token as u32 as usize, (ready.token >> 32) as u32);
            if self.connections.get(connection).is_some_and(|c| c.generation == generation) {
                self.on_ready(connection, ready.readable, ready.writable);
            }
        }
        let now_ns = MonotonicClock.now_ns();
        if now_ns >= self.next_deadline_ns {
            self.expire(now_ns);
        }
        if now_ns >= self.next_retry_ns {
            self.retry(now_ns);
        }
        Ok(())
    }

    /// What is over since the last call.
    pub(super) fn completions(&mut self) -> std::vec::Drain<'_, Completion> {
        self.completions.drain(..)
    }

    fn on_ready(&mut self, index: usize, readable: bool, writable: bool) {
        match self.connections[index].state {
            State::Connecting if writable || readable => match self.connections[index].connected() {
                Ok(()) => {
                    self.watch(index, false);
                    self.established(index);
                }
                Err(error) => self.refused(index, error),
            },
            State::Busy(_) if writable => {
                let sent = self.connections[index].send();
                self.after_sending(index, sent, false);
            }
            _ => {}
        }
        let up = matches!(self.connections[index].state, State::Busy(_) | State::Idle);
        if readable && up {
            self.read(index);
        }
    }

    fn read(&mut self, index: usize) {
        loop {
            let connection = &mut self.connections[index];
            let received = connection.receive(&mut self.input);
            let State::Busy(job) = connection.state else {
                // Nothing was asked: a polite close, or bytes that cannot be an answer.
                if !matches!(received, Ok(None)) {
                    self.lose(index);
                }
                return;
            };
            let expected = &self.templates[job.operation].expected;
            let (complete, ending) = match received {
                Ok(None) => return,
                Ok(Some(0)) => (connection.parser.close(), Connection::cut(false)),
                Err(_) => (false, Connection::cut(true)),
                Ok(Some(length)) => match connection.parser.feed(&self.input[..length], expected) {
                    Ok(false) if length == self.input.len() => continue,
                    Ok(false) => return,
                    Ok(true) => (true, Ending::Answered),
                    Err(_) => (false, Ending::Error(Failure::Malformed)),
                },
            };
            let ending = match complete {
                false => ending,
                true if connection.parser.status() != expected.status => {
                    Ending::Error(Failure::Status(connection.parser.status()))
                }
                true if !connection.parser.body_matches(expected) => Ending::Error(Failure::Body),
                true => Ending::Answered,
            };
            connection.proven |= complete;
            let reusable = complete && connection.parser.keep_alive();
            self.finish(index, job, ending);
            if reusable {
                self.free(index)
            } else {
                self.lose(index)
            }
            return;
        }
    }

    fn finish(&mut self, index: usize, job: Job, ending: Ending) {
        self.connections[index].state = State::Idle;
        self.busy -= 1;
        self.completions.push(Completion { job, finished_ns: MonotonicClock.now_ns(), ending });
    }

    fn free(&mut self, index: usize) {
        self.connections[index].state = State::Idle;
        self.idle.push_back(index);
    }

    /// The connection is of no more use; another takes its place.
    fn lose(&mut self, index: usize) {
        self.idle.retain(|&idle| idle != index);
        self.established -= 1;
        let now_ns = MonotonicClock.now_ns();
        self.connections[index].close();
        self.connections[index].pause(now_ns);
        match self.connections[index].state {
            State::Down { retry_ns } if retry_ns > now_ns => self.next_retry_ns = self.next_retry_ns.min(retry_ns),
            _ => self.open(index, now_ns),
        }
    }

    fn open(&mut self, index: usize, now_ns: u64) {
        self.reconnects += 1;
        let opened = self.connections[index].open(self.target.address);
        match opened.and_then(|connected| self.register(index, !connected).map(|()| connected)) {
            Ok(true) => self.established(index),
            Ok(false) => {}
            Err(error) => {
                tracing::trace!(connection = index, now_ns, %error, "cannot connect");
                self.refused(index, error);
            }
        }
    }

    fn established(&mut self, index: usize) {
        self.established += 1;
        self.free(index);
    }

    fn refused(&mut self, index: usize, error: io::Error) {
        let connection = &mut self.connections[index];
        connection.close();
        connection.pause(MonotonicClock.now_ns());
        if let State::Down { retry_ns } = connection.state {
            self.next_retry_ns = self.next_retry_ns.min(retry_ns);
        }
        self.refusals += 1;
        self.last_refusal = Some(error);
    }

    fn after_sending(&mut self, index: usize, sent: Sent, first: bool) {
        match sent {
            Sent::Whole if first => {}
            Sent::Whole => self.watch(index, false),
            Sent::Part if first => self.watch(index, true),
            Sent::Part => {}
            Sent::Failed => {
                if let State::Busy(job) = self.connections[index].state {
                    self.finish(index, job, Connection::cut(true));
                    self.lose(index);
                }
            }
        }
    }

    fn token(&self, index: usize) -> u64 {
        u64::from(self.connections[index].generation) << 32 | index as u64
    }

    fn register(&self, index: usize, writable: bool) -> io::Result<()> {
        self.waiter.register(self.connections[index].socket()?, self.token(index), writable)
    }

    fn watch(&self, index: usize, writable: bool) {
        let changed = self.connections[index].socket().and_then(|s| self.waiter.change(s, self.token(index), writable));
        // The socket is open and registered; were it not, its request would time out and be counted so.
        if let Err(error) = changed {
            tracing::warn!(%error, "cannot watch a connection");
        }
    }

    /// Gives up requests whose time is over, and their connections with them.
    fn expire(&mut self, now_ns: u64) {
        self.next_deadline_ns = u64::MAX;
        for index in 0..self.connections.len() {
            match self.connections[index].state {
                State::Busy(job) if job.deadline_ns <= now_ns => {
                    self.finish(index, job, Ending::TimedOut);
                    // The server is alive, only slow: no pause.
                    self.connections[index].proven = true;
                    self.lose(index);
                }
                State::Busy(job) => self.next_deadline_ns = self.next_deadline_ns.min(job.deadline_ns),
                _ => {}
            }
        }
    }

    fn retry(&mut self, now_ns: u64) {
        self.next_retry_ns = u64::MAX;
        for index in 0..self.connections.len() {
            match self.connections[index].state {
                State::Down { retry_ns } if retry_ns <= now_ns => self.open(index, now_ns),
                State::Down { retry_ns } => self.next_retry_ns = self.next_retry_ns.min(retry_ns),
                _ => {}
            }
        }
    }
}
