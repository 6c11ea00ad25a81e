//! All connections and requests of a phase over HTTP/2.

mod client;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::link::{Change, Link};
use super::request::Template;
use super::stream::{News, Stream};
use crate::load::LoadError;
use crate::load::clock::{Clock, MonotonicClock};
use crate::load::network::client::{Client as _, Completion, Unreachable};
use crate::load::network::endpoint::Endpoint;
use crate::load::network::engine::{BACKOFF_NS, CLOSED_BACKOFF_NS, CONNECT_NS};
use crate::load::network::lane::Job;
use crate::load::network::tls::TlsClient;
use crate::load::network::waiter::Waiter;
use crate::load::pacer::{Pacing, STOP_CHECK_NS};
use crate::load::seeded::call_seed;
use crate::load::slots::{Ending, Failure};
use crate::load::spec::Operation;
use scenarios::spec::Connection;

/// Requests at a time over one connection: what RFC 9113 §6.5.2 asks servers to allow at least.
pub(in crate::load::network) const STREAMS: usize = 100;

/// The client for HTTP/2.
pub(in crate::load::network) struct Multiplexer<'a> {
    endpoint: &'a Endpoint,
    tls: Option<TlsClient>,
    templates: Vec<Template>,
    seed: u64,
    waiter: Waiter,
    links: Vec<Link>,
    streams: Vec<Stream>,
    idle: VecDeque<usize>,
    busy: usize,
    up: usize,
    next_deadline_ns: u64,
    next_retry_ns: u64,
    completions: Vec<Completion>,
    refusals: u64,
    last_refusal: Option<Unreachable>,
    reconnects: u64,
}

impl<'a> Multiplexer<'a> {
    /// Compiles the requests and makes as many connections as `streams` requests at a time need. Where each request has a
    /// connection of its own only one is made, to see that it can be.
    pub(in crate::load::network) fn connect(
        endpoint: &'a Endpoint,
        operations: &[Operation],
        streams: usize,
        seed: u64,
        pacing: Pacing,
        stop: &AtomicBool,
    ) -> Result<Self, LoadError> {
        let keeps = endpoint.connection == Connection::KeepAlive;
        let links = if keeps { streams.div_ceil(STREAMS) } else { streams };
        let mut multiplexer = Self {
            endpoint,
            tls: TlsClient::new(endpoint)?,
            templates: operations.iter().map(|o| Template::compile(o, endpoint)).collect::<Result<_, _>>()?,
            seed,
            waiter: Waiter::new(pacing).map_err(LoadError::io("making its epoll instance"))?,
            links: (0..links).map(|_| Link::new()).collect(),
            streams: (0..streams).map(|index| Stream::new(index % links)).collect(),
            idle: VecDeque::with_capacity(streams),
            busy: 0,
            up: 0,
            next_deadline_ns: u64::MAX,
            next_retry_ns: u64::MAX,
            completions: Vec::with_capacity(streams),
            refusals: 0,
            last_refusal: None,
            reconnects: 0,
        };
        for link in 0..if keeps { links } else { links.min(1) } {
            multiplexer.open(link);
        }
        multiplexer.await_connections(stop)?;
        if !keeps {
            multiplexer.rest_all();
        }
        (multiplexer.refusals, multiplexer.reconnects) = (0, 0);
        Ok(multiplexer)
    }

    fn await_connections(&mut self, stop: &AtomicBool) -> Result<(), LoadError> {
        let stopped = || stop.load(Ordering::Relaxed);
        let mut now_ns = MonotonicClock.now_ns();
        let end_ns = now_ns + CONNECT_NS;
        while self.links.iter().any(Link::is_rising) && now_ns < end_ns && !stopped() {
            self.step(now_ns + STOP_CHECK_NS)?;
            now_ns = MonotonicClock.now_ns();
        }
        if self.up > 0 || stopped() {
            return Ok(());
        }
        let connecting = self.links.iter().any(Link::is_connecting);
        let silent = if connecting { Unreachable::Io(io::ErrorKind::TimedOut.into()) } else { Unreachable::Silent };
        Err(self.last_refusal.take().unwrap_or(silent).into_error(self.endpoint))
    }

    fn keeps_connections(&self) -> bool {
        self.endpoint.connection == Connection::KeepAlive
    }

    /// Every stream is free, and no connection is made yet.
    fn rest_all(&mut self) {
        let now_ns = MonotonicClock.now_ns();
        for link in &mut self.links {
            link.proven = true;
            link.close(now_ns, CLOSED_BACKOFF_NS);
        }
        self.idle = (0..self.streams.len()).collect();
        self.up = 0;
    }

    fn open(&mut self, index: usize) {
        self.reconnects += 1;
        let opened = self.links[index].open(self.endpoint.address, self.tls.as_ref());
        let registered = opened.and_then(|connected| {
            self.links[index].watched = !connected;
            self.register(index, !connected).map_err(Unreachable::Io)?;
            Ok(connected)
        });
        match registered {
            Ok(true) => self.pump(index),
            Ok(false) => {}
            Err(why) => self.refused(index, why),
        }
    }

    /// Polls a connection and its requests until none of them has woken another.
    fn pump(&mut self, index: usize) {
        loop {
            match self.links[index].poll() {
                Change::None => {}
                Change::Risen => self.risen(index),
                Change::Fallen { served: true, why } => return self.fallen(index, why),
                Change::Fallen { served: false, why } => return self.refused(index, Unreachable::Greeting(why)),
            }
            self.poll_streams(index);
            if !self.links[index].is_woken() {
                break;
            }
        }
        let blocked = self.links[index].pipe().is_some_and(super::pipe::Pipe::is_blocked);
        self.watch(index, blocked);
    }

    fn poll_streams(&mut self, link: usize) {
        for stream in (link..self.streams.len()).step_by(self.links.len()) {
            let Some(job) = self.streams[stream].job() else { continue };
            let news = self.streams[stream].poll(&self.templates[job.operation].expected);
            self.take(stream, news);
        }
    }

    fn take(&mut self, stream: usize, news: News) {
        let link = self.streams[stream].link;
        match news {
            News::None => {}
            News::Unsent => self.leaving(link),
            News::Over(job, ending) => {
                self.links[link].proven |= matches!(ending, Ending::Answered | Ending::Error(Failure::Status(_)));
                self.streams[stream].give_up();
                self.finish(stream, job, ending);
            }
        }
    }

    /// The server takes no more requests over this connection: what is in flight over it is waited for, and the others
    /// wait for the next.
    fn leaving(&mut self, link: usize) {
        if self.links[link].leave() {
            self.up -= 1;
            self.rest(link);
        }
    }

    /// No request is sent over this connection.
    fn rest(&mut self, link: usize) {
        let links = self.links.len();
        self.idle.retain(|stream| stream % links != link);
    }

    fn finish(&mut self, stream: usize, job: Job, ending: Ending) {
        self.busy -= 1;
        self.completions.push(Completion {
            sequence: job.sequence,
            operation: job.operation,
            sent_ns: job.sent_ns,
            finished_ns: MonotonicClock.now_ns(),
            ending,
        });
        let link = self.streams[stream].link;
        if !self.keeps_connections() {
            self.retire(link);
        } else if self.links[link].sender().is_some() {
            self.idle.push_back(stream);
        }
    }

    /// The only request of a connection is over, and so is the connection.
    fn retire(&mut self, link: usize) {
        self.leaving(link);
        let now_ns = MonotonicClock.now_ns();
        let retry_ns = self.links[link].close(now_ns, CLOSED_BACKOFF_NS);
        self.rise(link, retry_ns, now_ns);
    }

    fn risen(&mut self, link: usize) {
        self.up += 1;
        for stream in (link..self.streams.len()).step_by(self.links.len()) {
            if self.streams[stream].is_idle() {
                self.idle.push_back(stream);
            } else {
                self.send(stream);
            }
        }
    }

    /// Sends the request that waits in a stream.
    fn send(&mut self, stream: usize) {
        let link = self.streams[stream].link;
        let (Some(job), Some(sender)) = (self.streams[stream].job(), self.links[link].sender()) else { return };
        let seed = call_seed(self.seed, job.sequence);
        let news = self.streams[stream].send(sender, &self.templates[job.operation], seed);
        self.take(stream, news);
    }

    /// A connection that served is over: what was in flight over it has failed, and another takes its place.
    fn fallen(&mut self, link: usize, why: Failure) {
        self.leaving(link);
        let (now_ns, most_ns) = (MonotonicClock.now_ns(), self.longest_pause_ns());
        let retry_ns = self.links[link].close(now_ns, most_ns);
        for stream in (link..self.streams.len()).step_by(self.links.len()) {
            let Some(job) = self.streams[stream].job() else { continue };
            // What is complete already, or was never begun with, must not be lost to the end of the connection.
            let news = match self.streams[stream].is_queued() {
                true => News::None,
                false => {
                    self.streams[stream].wake();
                    self.streams[stream].poll(&self.templates[job.operation].expected)
                }
            };
            match news {
                News::Over(..) | News::Unsent => self.take(stream, news),
                News::None if self.streams[stream].is_queued() => {}
                News::None => self.take(stream, News::Over(job, Ending::Error(why))),
            }
        }
        self.rise(link, retry_ns, now_ns);
    }

    fn refused(&mut self, link: usize, why: Unreachable) {
        // Where each request has its own, this one has failed, and nobody else needs to.
        self.refusals += u64::from(self.keeps_connections());
        let mut retired = false;
        for stream in (link..self.streams.len()).step_by(self.links.len()) {
            if let Some(job) = self.streams[stream].job() {
                self.take(stream, News::Over(job, Ending::Error(why.failure())));
                retired = !self.keeps_connections();
            }
        }
        self.last_refusal = Some(why);
        if !retired {
            let (now_ns, most_ns) = (MonotonicClock.now_ns(), self.longest_pause_ns());
            let retry_ns = self.links[link].close(now_ns, most_ns);
            self.rise(link, retry_ns, now_ns);
        }
    }

    fn longest_pause_ns(&self) -> u64 {
        if self.keeps_connections() { BACKOFF_NS } else { CLOSED_BACKOFF_NS }
    }

    fn rise(&mut self, link: usize, retry_ns: u64, now_ns: u64) {
        if retry_ns > now_ns {
            self.next_retry_ns = self.next_retry_ns.min(retry_ns);
        } else {
            self.lift(link);
        }
    }

    /// A connection whose pause is over is made again; where each request has its own, it waits for one.
    fn lift(&mut self, link: usize) {
        // There are as many of them as there are streams.
        if self.keeps_connections() || self.streams[link].job().is_some() {
            self.open(link);
        } else if !self.idle.contains(&link) {
            self.idle.push_back(link);
        }
    }

    fn token(&self, index: usize) -> u64 {
        u64::from(self.links[index].generation) << 32 | index as u64
    }

    fn register(&self, index: usize, writable: bool) -> io::Result<()> {
        let pipe = self.links[index].pipe().ok_or(io::ErrorKind::NotConnected)?;
        pipe.with(|wire| self.waiter.register(wire.socket(), self.token(index), writable))
    }

    fn watch(&mut self, index: usize, writable: bool) {
        if self.links[index].watched == writable {
            return;
        }
        self.links[index].watched = writable;
        let Some(pipe) = self.links[index].pipe() else { return };
        let token = self.token(index);
        // The socket is open and registered; were it not, its requests would time out and be counted so.
        if let Err(error) = pipe.with(|wire| self.waiter.change(wire.socket(), token, writable)) {
            tracing::warn!(%error, "cannot watch a connection");
        }
    }

    /// Gives up requests whose time is over; their connection stays.
    fn expire(&mut self, now_ns: u64) {
        self.next_deadline_ns = u64::MAX;
        for stream in 0..self.streams.len() {
            match self.streams[stream].job() {
                Some(job) if job.deadline_ns <= now_ns => {
                    let link = self.streams[stream].link;
                    // The server is alive, only slow: no pause.
                    self.links[link].proven |= !self.keeps_connections();
                    self.take(stream, News::Over(job, Ending::TimedOut));
                    self.pump(link);
                }
                Some(job) => self.next_deadline_ns = self.next_deadline_ns.min(job.deadline_ns),
                None => {}
            }
        }
    }

    fn retry(&mut self, now_ns: u64) {
        self.next_retry_ns = u64::MAX;
        for link in 0..self.links.len() {
            match self.links[link].retry_ns() {
                Some(retry_ns) if retry_ns <= now_ns => self.lift(link),
                Some(retry_ns) => self.next_retry_ns = self.next_retry_ns.min(retry_ns),
                None => {}
            }
        }
    }

    fn on_ready(&mut self, index: usize) {
        if let Err(why) = self.links[index].connected() {
            return self.refused(index, why);
        }
        self.links[index].wake();
        self.pump(index);
    }
}
