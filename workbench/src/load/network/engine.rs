//! All lanes of a phase: sends messages, reads answers, watches timeouts, connects anew.

mod client;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use scenarios::spec::Connection;

use super::answer::Answer;
use super::client::{Client as _, Completion, Unreachable};
use super::endpoint::Endpoint;
use super::lane::{Job, Lane, State};
use super::template::Template;
use super::tls::TlsClient;
use super::waiter::Waiter;
use super::wire::{Progress, Wire};
use crate::load::LoadError;
use crate::load::clock::{Clock, MonotonicClock};
use crate::load::pacer::{Pacing, STOP_CHECK_NS};
use crate::load::slots::{Ending, Failure};
use crate::load::spec::Operation;

/// How long connections may take before a phase.
pub(super) const CONNECT_NS: u64 = 5_000_000_000;
/// The longest pause before a connection that brought no answer is tried again.
pub(super) const BACKOFF_NS: u64 = 100_000_000;
/// The same where each request has its own: every refusal is the failure of a request, and others are waiting.
pub(super) const CLOSED_BACKOFF_NS: u64 = 1_000_000;
const INPUT: usize = 64 * 1024;

/// The client for protocols that serve one request at a time over a connection.
pub(super) struct Engine<'a> {
    endpoint: &'a Endpoint,
    tls: Option<TlsClient>,
    templates: Vec<Template>,
    seed: u64,
    waiter: Waiter,
    lanes: Vec<Lane>,
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
    last_refusal: Option<Unreachable>,
    reconnects: u64,
}

impl<'a> Engine<'a> {
    /// Compiles the messages and makes every connection that can be made; stops early where `stop` is set.
    ///
    /// Where each request has a connection of its own only one is made, to see that it can be.
    pub(super) fn connect(
        endpoint: &'a Endpoint,
        operations: &[Operation],
        lanes: usize,
        seed: u64,
        pacing: Pacing,
        stop: &AtomicBool,
    ) -> Result<Self, LoadError> {
        let templates = operations.iter().map(|o| Template::compile(o, endpoint)).collect::<Result<_, _>>()?;
        let mut engine = Self {
            endpoint,
            tls: TlsClient::new(endpoint)?,
            templates,
            seed,
            waiter: Waiter::new(pacing).map_err(LoadError::io("making its epoll instance"))?,
            lanes: (0..lanes).map(|_| Lane::new(Answer::new(endpoint.protocol))).collect(),
            idle: VecDeque::with_capacity(lanes),
            busy: 0,
            established: 0,
            next_deadline_ns: u64::MAX,
            next_retry_ns: u64::MAX,
            completions: Vec::with_capacity(lanes),
            input: vec![0; INPUT].into_boxed_slice(),
            body: Vec::with_capacity(1024),
            refusals: 0,
            last_refusal: None,
            reconnects: 0,
        };
        let now_ns = MonotonicClock.now_ns();
        let first = if engine.keeps_connections() { lanes } else { lanes.min(1) };
        for index in 0..first {
            engine.open(index, None, now_ns);
        }
        engine.await_connections(stop)?;
        if !engine.keeps_connections() {
            engine.rest_all();
        }
        (engine.refusals, engine.reconnects) = (0, 0);
        Ok(engine)
    }

    fn await_connections(&mut self, stop: &AtomicBool) -> Result<(), LoadError> {
        let stopped = || stop.load(Ordering::Relaxed);
        let mut now_ns = MonotonicClock.now_ns();
        let end_ns = now_ns + CONNECT_NS;
        let waits = |lane: &Lane| matches!(lane.state, State::Connecting(_) | State::Greeting(_));
        while self.lanes.iter().any(waits) && now_ns < end_ns && !stopped() {
            self.step(now_ns + STOP_CHECK_NS)?;
            now_ns = MonotonicClock.now_ns();
        }
        if self.established > 0 || stopped() {
            return Ok(());
        }
        let greeting = self.lanes.iter().any(|lane| matches!(lane.state, State::Greeting(_)));
        let silent = if greeting { Unreachable::Silent } else { Unreachable::Io(io::ErrorKind::TimedOut.into()) };
        Err(self.last_refusal.take().unwrap_or(silent).into_error(self.endpoint))
    }

    fn keeps_connections(&self) -> bool {
        self.endpoint.connection == Connection::KeepAlive
    }

    /// Every lane is free and has no connection yet.
    fn rest_all(&mut self) {
        self.idle.clear();
        for index in 0..self.lanes.len() {
            self.lanes[index].close();
            self.lanes[index].state = State::Idle;
            self.idle.push_back(index);
        }
        self.established = 0;
    }

    fn on_ready(&mut self, index: usize, readable: bool, writable: bool) {
        let lane = &mut self.lanes[index];
        match lane.state {
            State::Connecting(job) if writable || readable => {
                match lane.wire.as_ref().map_or(Ok(()), Wire::connected) {
                    Ok(()) => self.greet(index, job),
                    Err(error) => self.refused(index, job, Unreachable::Io(error)),
                }
                return;
            }
            State::Greeting(job) => return self.greet(index, job),
            State::Busy(_) if writable => {
                let sent = lane.send();
                self.after_sending(index, sent);
            }
            State::Idle if writable => {
                let flushed = lane.wire.as_mut().map_or(Ok(Progress::Done), Wire::flush);
                self.after_sending(index, flushed);
            }
            _ => {}
        }
        let up = matches!(self.lanes[index].state, State::Busy(_) | State::Idle) && self.lanes[index].wire.is_some();
        if readable && up {
            self.read(index);
        }
    }

    /// Connected: agrees on TLS where that is spoken, then serves.
    fn greet(&mut self, index: usize, job: Option<Job>) {
        let lane = &mut self.lanes[index];
        lane.state = State::Greeting(job);
        match lane.wire.as_mut().map_or(Err(Failure::Closed), Wire::greet) {
            Ok(Progress::Done) => {
                self.watch(index, false);
                self.established(index, job);
            }
            Ok(progress) => self.watch(index, progress == Progress::Blocked),
            Err(failure) => self.refused(index, job, Unreachable::Greeting(failure)),
        }
    }

    fn established(&mut self, index: usize, job: Option<Job>) {
        self.established += 1;
        match job {
            None => self.free(index),
            Some(job) => {
                let sent = self.lanes[index].begin(job);
                self.after_sending(index, sent);
            }
        }
    }

    fn read(&mut self, index: usize) {
        loop {
            let lane = &mut self.lanes[index];
            let received = lane.receive(&mut self.input);
            let State::Busy(job) = lane.state else {
                // Nothing was asked: a polite close, or bytes that cannot be an answer.
                if !matches!(received, Ok(None)) {
                    self.lose(index);
                }
                return;
            };
            let expected = &self.templates[job.operation].expected;
            let (complete, failure) = match received {
                Ok(None) => return,
                Ok(Some(0)) => (lane.answer.close(), Failure::Closed),
                Err(failure) => (false, failure),
                Ok(Some(length)) => match lane.answer.feed(&self.input[..length], expected) {
                    Ok(false) if lane.wire.as_ref().is_some_and(|w| w.may_hold_more(length, self.input.len())) => {
                        continue;
                    }
                    Ok(false) => return,
                    Ok(true) => (true, Failure::Closed),
                    Err(failure) => (false, failure),
                },
            };
            let ending = match (complete, lane.answer.wrong(expected)) {
                (false, _) => Ending::Error(failure),
                (true, Some(wrong)) => Ending::Error(wrong),
                (true, None) => Ending::Answered,
            };
            lane.proven |= complete;
            let reusable = complete && lane.answer.keep_alive();
            self.finish(index, job, ending);
            if reusable && self.keeps_connections() {
                self.free(index)
            } else {
                self.lose(index)
            }
            return;
        }
    }

    fn finish(&mut self, index: usize, job: Job, ending: Ending) {
        self.lanes[index].state = State::Idle;
        self.busy -= 1;
        self.completions.push(Completion {
            sequence: job.sequence,
            operation: job.operation,
            sent_ns: job.sent_ns,
            finished_ns: MonotonicClock.now_ns(),
            ending,
        });
    }

    fn free(&mut self, index: usize) {
        self.lanes[index].state = State::Idle;
        self.idle.push_back(index);
    }

    /// The connection is of no more use; another takes its place.
    fn lose(&mut self, index: usize) {
        self.idle.retain(|&idle| idle != index);
        self.established -= 1;
        self.replace(index);
    }

    fn replace(&mut self, index: usize) {
        let now_ns = MonotonicClock.now_ns();
        let most_ns = if self.keeps_connections() { BACKOFF_NS } else { CLOSED_BACKOFF_NS };
        self.lanes[index].close();
        self.lanes[index].pause(now_ns, most_ns);
        match self.lanes[index].state {
            State::Down { retry_ns } if retry_ns > now_ns => self.next_retry_ns = self.next_retry_ns.min(retry_ns),
            _ => self.rise(index, now_ns),
        }
    }

    /// A lane whose pause is over is connected again; where each request has its connection, it is free.
    fn rise(&mut self, index: usize, now_ns: u64) {
        if self.keeps_connections() {
            self.open(index, None, now_ns);
        } else {
            self.free(index);
        }
    }

    fn open(&mut self, index: usize, job: Option<Job>, now_ns: u64) {
        self.reconnects += 1;
        let lane = &mut self.lanes[index];
        lane.proven = false;
        lane.state = State::Connecting(job);
        let opened = Wire::open(self.endpoint.address, self.tls.as_ref()).map(|(wire, connected)| {
            lane.watched = !connected;
            lane.wire = Some(wire);
            connected
        });
        match opened.and_then(|connected| self.register(index, !connected).map(|()| connected)) {
            Ok(true) => self.greet(index, job),
            Ok(false) => {}
            Err(error) => {
                tracing::trace!(lane = index, now_ns, %error, "cannot connect");
                self.refused(index, job, Unreachable::Io(error));
            }
        }
    }

    fn refused(&mut self, index: usize, job: Option<Job>, why: Unreachable) {
        match job {
            Some(job) => self.finish(index, job, Ending::Error(why.failure())),
            None => self.refusals += 1,
        }
        self.last_refusal = Some(why);
        self.replace(index);
    }

    fn after_sending(&mut self, index: usize, sent: Result<Progress, Failure>) {
        match sent {
            Ok(progress) => self.watch(index, progress == Progress::Blocked),
            Err(failure) => match self.lanes[index].state {
                State::Busy(job) => {
                    self.finish(index, job, Ending::Error(failure));
                    self.lose(index);
                }
                _ => self.lose(index),
            },
        }
    }

    fn token(&self, index: usize) -> u64 {
        u64::from(self.lanes[index].generation) << 32 | index as u64
    }

    fn register(&self, index: usize, writable: bool) -> io::Result<()> {
        let wire = self.lanes[index].wire.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        self.waiter.register(wire.socket(), self.token(index), writable)
    }

    /// Asks for word when the socket takes more, or for none.
    fn watch(&mut self, index: usize, writable: bool) {
        if self.lanes[index].watched == writable {
            return;
        }
        self.lanes[index].watched = writable;
        let Some(wire) = &self.lanes[index].wire else { return };
        // The socket is open and registered; were it not, its request would time out and be counted so.
        if let Err(error) = self.waiter.change(wire.socket(), self.token(index), writable) {
            tracing::warn!(%error, "cannot watch a connection");
        }
    }

    /// Gives up requests whose time is over, and their connections with them.
    fn expire(&mut self, now_ns: u64) {
        self.next_deadline_ns = u64::MAX;
        for index in 0..self.lanes.len() {
            match self.lanes[index].state.job() {
                Some(job) if job.deadline_ns <= now_ns => {
                    let connected = matches!(self.lanes[index].state, State::Busy(_));
                    self.finish(index, job, Ending::TimedOut);
                    // The server is alive, only slow: no pause.
                    self.lanes[index].proven = true;
                    if connected { self.lose(index) } else { self.replace(index) }
                }
                Some(job) => self.next_deadline_ns = self.next_deadline_ns.min(job.deadline_ns),
                None => {}
            }
        }
    }

    fn retry(&mut self, now_ns: u64) {
        self.next_retry_ns = u64::MAX;
        for index in 0..self.lanes.len() {
            match self.lanes[index].state {
                State::Down { retry_ns } if retry_ns <= now_ns => self.rise(index, now_ns),
                State::Down { retry_ns } => self.next_retry_ns = self.next_retry_ns.min(retry_ns),
                _ => {}
            }
        }
    }
}
