//! One request of HTTP/2 at a time, from its begin to the end of its answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};

use super::link::failure;
use super::request::Template;
use super::woken::Woken;
use crate::load::network::lane::Job;
use crate::load::network::template::Expected;
use crate::load::slots::{Ending, Failure};

/// Room for one request.
pub(super) struct Stream {
    /// Its connection.
    pub(super) link: usize,
    state: State,
    woken: Woken,
}

enum State {
    Idle,
    /// Waits for a connection that serves.
    Queued(Job),
    /// Sent, or waiting until the server allows another stream.
    Asked {
        job: Job,
        response: ResponseFuture,
        /// To give it up by.
        sending: SendStream<Bytes>,
    },
    Answering {
        job: Job,
        status: u16,
        body: RecvStream,
        matched: usize,
        sending: SendStream<Bytes>,
    },
}

/// What a poll of a stream brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    None,
    Over(Job, Ending),
    /// The server had not begun with it when it closed the connection (RFC 9113 §6.8): it is sent again over the next.
    Unsent,
}

impl Stream {
    pub(super) fn new(link: usize) -> Self {
        Self { link, state: State::Idle, woken: Woken::default() }
    }

    /// The request that it is busy with.
    pub(super) fn job(&self) -> Option<Job> {
        match &self.state {
            State::Idle => None,
            State::Queued(job) | State::Asked { job, .. } | State::Answering { job, .. } => Some(*job),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    pub(super) fn is_queued(&self) -> bool {
        matches!(self.state, State::Queued(_))
    }

    /// Takes a request, to be sent as soon as there is a connection.
    pub(super) fn queue(&mut self, job: Job) {
        self.state = State::Queued(job);
    }

    /// Sends the request that waits here.
    pub(super) fn send(&mut self, mut by: SendRequest<Bytes>, template: &Template, seed: u64) -> News {
        let State::Queued(job) = self.state else { return News::None };
        let over = |failure| News::Over(job, Ending::Error(failure));
        let Ok((request, body)) = template.render(job.sequence, seed) else { return over(Failure::Malformed) };
        match by.send_request(request, body.is_none()) {
            Ok((response, mut sending)) => {
                if let Some(body) = body
                    && sending.send_data(body, true).is_err()
                {
                    return over(Failure::Closed);
                }
                self.state = State::Asked { job, response, sending };
                self.woken.wake();
                self.poll(&template.expected)
            }
            Err(error) if is_unsent(&error) => News::Unsent,
            Err(error) => over(failure(&error)),
        }
    }

    /// Its connection is over: there is something to look at.
    pub(super) fn wake(&self) {
        self.woken.wake();
    }

    /// Looks what has come, where something has.
    pub(super) fn poll(&mut self, expected: &Expected) -> News {
        while self.woken.take() {
            match self.step(expected) {
                News::None => {}
                news => return news,
            }
        }
        News::None
    }

    fn step(&mut self, expected: &Expected) -> News {
        let waker = self.woken.waker();
        let context = &mut Context::from_waker(&waker);
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Asked { job, mut response, sending } => match Pin::new(&mut response).poll(context) {
                Poll::Pending => self.state = State::Asked { job, response, sending },
                Poll::Ready(Ok(answer)) => {
                    let status = answer.status().as_u16();
                    self.state = State::Answering { job, status, body: answer.into_body(), matched: 0, sending };
                    self.woken.wake();
                }
                Poll::Ready(Err(error)) if is_unsent(&error) => {
                    self.state = State::Queued(job);
                    return News::Unsent;
                }
                Poll::Ready(Err(error)) => return News::Over(job, Ending::Error(failure(&error))),
            },
            State::Answering { job, status, mut body, mut matched, sending } => loop {
                match body.poll_data(context) {
                    Poll::Pending => {
                        self.state = State::Answering { job, status, body, matched, sending };
                        break;
                    }
                    Poll::Ready(Some(Ok(data))) => {
                        if let Some(needle) = &expected.body {
                            matched = needle.advance(matched, &data);
                        }
                        // Of an answer that is over meanwhile there is nothing to release.
                        let _ = body.flow_control().release_capacity(data.len());
                    }
                    Poll::Ready(Some(Err(error))) => return News::Over(job, Ending::Error(failure(&error))),
                    Poll::Ready(None) => return News::Over(job, judged(expected, status, matched)),
                }
            },
            other => self.state = other,
        }
        News::None
    }

    /// Gives up what it is busy with.
    pub(super) fn give_up(&mut self) {
        if let State::Asked { mut sending, .. } | State::Answering { mut sending, .. } =
            std::mem::replace(&mut self.state, State::Idle)
        {
            sending.send_reset(Reason::CANCEL);
        }
    }
}

fn judged(expected: &Expected, status: u16, matched: usize) -> Ending {
    match &expected.body {
        _ if status != expected.status => Ending::Error(Failure::Status(status)),
        Some(needle) if !needle.is_found(matched) => Ending::Error(Failure::Body),
        _ => Ending::Answered,
    }
}

/// The server closed the connection in good order before it had begun with the request.
fn is_unsent(error: &h2::Error) -> bool {
    error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR)
}
