//! One connection of HTTP/2, from the first packet to its end.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, PingPong};

use super::pipe::Pipe;
use super::woken::Woken;
use crate::load::network::client::Unreachable;
use crate::load::network::tls::TlsClient;
use crate::load::network::wire::{Progress, Wire};
use crate::load::slots::Failure;

/// First pause before a connection that brought no answer is tried again.
const BACKOFF_NS: u64 = 1_000_000;
/// What a server may send of one answer, and of all of a connection, before we have read it: large enough that the
/// client is never what an answer waits for.
const WINDOWS: (u32, u32) = (1 << 20, 1 << 24);
/// Requests that were given up and of which the server may still send something.
const GIVEN_UP: usize = 10_000;

type Handshake = Pin<Box<dyn Future<Output = Result<(SendRequest<Bytes>, Connection<Pipe, Bytes>), h2::Error>>>>;

/// A connection, made or to be made.
pub(super) struct Link {
    stage: Stage,
    pipe: Option<Pipe>,
    /// Tells the socket's events from those of its predecessors.
    pub(super) generation: u32,
    /// Somebody waits until the socket takes more.
    pub(super) watched: bool,
    woken: Woken,
    /// An answer has come over this connection.
    pub(super) proven: bool,
    backoff_ns: u64,
}

enum Stage {
    /// Not connected until then.
    Down { retry_ns: u64 },
    /// Waits for the other side.
    Connecting,
    /// Agrees on TLS.
    Greeting,
    /// Sends its preface.
    Preface(Handshake),
    /// Sees whether the other side speaks HTTP/2: it must answer a ping.
    Asking { send: SendRequest<Bytes>, connection: Connection<Pipe, Bytes>, ping: PingPong },
    /// Serves requests.
    Up { send: SendRequest<Bytes>, connection: Connection<Pipe, Bytes> },
    /// Takes no more requests, and ends with the last answer.
    Leaving { connection: Connection<Pipe, Bytes> },
}

/// What a poll of a link brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// It serves requests from now on.
    Risen,
    /// It is over. Whether it had served, and why it ended.
    Fallen {
        served: bool,
        why: Failure,
    },
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Down { retry_ns: 0 },
            pipe: None,
            generation: 0,
            watched: false,
            woken: Woken::default(),
            proven: false,
            backoff_ns: BACKOFF_NS,
        }
    }

    /// Begins to connect; whether that is done at once.
    pub(super) fn open(&mut self, address: SocketAddr, tls: Option<&TlsClient>) -> Result<bool, Unreachable> {
        let (wire, connected) = Wire::open(address, tls).map_err(Unreachable::Io)?;
        self.pipe = Some(Pipe::new(wire));
        self.proven = false;
        self.stage = if connected { Stage::Greeting } else { Stage::Connecting };
        self.woken.wake();
        Ok(connected)
    }

    /// The socket is connected, or will never be.
    pub(super) fn connected(&mut self) -> Result<(), Unreachable> {
        if let (Stage::Connecting, Some(pipe)) = (&self.stage, &self.pipe) {
            pipe.with(|wire| wire.connected()).map_err(Unreachable::Io)?;
            self.stage = Stage::Greeting;
        }
        Ok(())
    }

    pub(super) fn pipe(&self) -> Option<&Pipe> {
        self.pipe.as_ref()
    }

    /// The socket has become ready.
    pub(super) fn wake(&self) {
        self.woken.wake();
    }

    /// Somebody woke it: there is something to send.
    pub(super) fn is_woken(&self) -> bool {
        self.woken.is_set()
    }

    /// A handle to send a request by; `None` while it serves none.
    pub(super) fn sender(&self) -> Option<SendRequest<Bytes>> {
        match &self.stage {
            Stage::Up { send, .. } => Some(send.clone()),
            _ => None,
        }
    }

    /// The server takes no more requests over it. Whether that is news.
    pub(super) fn leave(&mut self) -> bool {
        match std::mem::replace(&mut self.stage, Stage::Connecting) {
            Stage::Up { connection, .. } => {
                self.stage = Stage::Leaving { connection };
                self.woken.wake();
                true
            }
            other => {
                self.stage = other;
                false
            }
        }
    }

    pub(super) fn is_rising(&self) -> bool {
        !matches!(self.stage, Stage::Down { .. } | Stage::Up { .. } | Stage::Leaving { .. })
    }

    pub(super) fn is_connecting(&self) -> bool {
        matches!(self.stage, Stage::Connecting)
    }

    pub(super) fn retry_ns(&self) -> Option<u64> {
        match self.stage {
            Stage::Down { retry_ns } => Some(retry_ns),
            _ => None,
        }
    }

    /// Goes on as far as the socket lets it.
    pub(super) fn poll(&mut self) -> Change {
        while self.woken.take() {
            let change = self.step();
            if change != Change::None {
                return change;
            }
        }
        Change::None
    }

    fn step(&mut self) -> Change {
        let Some(pipe) = self.pipe.clone() else { return Change::None };
        let waker = self.woken.waker();
        let context = &mut Context::from_waker(&waker);
        let fallen = |served, why: Failure| Change::Fallen { served, why: pipe.failure().unwrap_or(why) };
        match &mut self.stage {
            Stage::Down { .. } | Stage::Connecting => {}
            Stage::Greeting => match pipe.with(Wire::greet) {
                Ok(Progress::Done) => {
                    let builder = builder();
                    let pipe = pipe.clone();
                    self.stage = Stage::Preface(Box::pin(async move { builder.handshake(pipe).await }));
                    self.woken.wake();
                }
                Ok(progress) => pipe.set_blocked(progress == Progress::Blocked),
                Err(why) => return fallen(false, why),
            },
            Stage::Preface(handshake) => match handshake.as_mut().poll(context) {
                Poll::Pending => {}
                Poll::Ready(Err(error)) => return fallen(false, failure(&error)),
                Poll::Ready(Ok((send, mut connection))) => {
                    let asked = connection.ping_pong().ok_or(Failure::NotHttp2);
                    let asked = asked.and_then(|mut ping| {
                        ping.send_ping(Ping::opaque()).map(|()| ping).map_err(|error| failure(&error))
                    });
                    match asked {
                        Ok(ping) => self.stage = Stage::Asking { send, connection, ping },
                        Err(why) => return fallen(false, why),
                    }
                    self.woken.wake();
                }
            },
            Stage::Asking { connection, ping, .. } => {
                match Pin::new(connection).poll(context) {
                    Poll::Pending => {}
                    Poll::Ready(Ok(())) => return fallen(false, Failure::Closed),
                    Poll::Ready(Err(error)) => return fallen(false, before_any_answer(&error)),
                }
                if let Poll::Ready(pong) = ping.poll_pong(context) {
                    if pong.is_err() {
                        return fallen(false, Failure::Closed);
                    }
                    let stage = std::mem::replace(&mut self.stage, Stage::Connecting);
                    if let Stage::Asking { send, connection, .. } = stage {
                        self.stage = Stage::Up { send, connection };
                    }
                    self.woken.wake();
                    return Change::Risen;
                }
            }
            Stage::Up { connection, .. } | Stage::Leaving { connection } => match Pin::new(connection).poll(context) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => return fallen(true, Failure::Closed),
                Poll::Ready(Err(error)) => return fallen(true, failure(&error)),
            },
        }
        Change::None
    }

    /// Closes the socket, and says when to try again: at once where it brought answers, otherwise after a pause that
    /// doubles up to `most_ns`.
    pub(super) fn close(&mut self, now_ns: u64, most_ns: u64) -> u64 {
        self.pipe = None;
        self.watched = false;
        self.generation = self.generation.wrapping_add(1);
        let pause_ns = if self.proven { 0 } else { self.backoff_ns };
        self.backoff_ns = if self.proven { BACKOFF_NS } else { (self.backoff_ns * 2).min(most_ns) };
        self.stage = Stage::Down { retry_ns: now_ns + pause_ns };
        now_ns + pause_ns
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .max_concurrent_reset_streams(GIVEN_UP);
    builder
}

/// What went wrong on a connection or with one request.
pub(super) fn failure(error: &h2::Error) -> Failure {
    match error {
        _ if error.is_io() => Failure::Closed,
        _ if error.is_reset() && error.is_remote() => Failure::StreamReset,
        _ if error.is_go_away() && error.is_remote() => Failure::Closed,
        _ => Failure::NotHttp2,
    }
}

/// The same before the other side has said anything in HTTP/2: one that ends there speaks something else.
fn before_any_answer(error: &h2::Error) -> Failure {
    if error.is_io() { Failure::Closed } else { Failure::NotHttp2 }
}
