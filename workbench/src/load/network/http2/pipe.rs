//! A wire as `h2` wants it: readiness is asked of the socket itself, since the loop polls when there is some.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::load::network::wire::{Progress, Wire};
use crate::load::slots::Failure;

/// A wire that loop and protocol share.
#[derive(Debug, Clone)]
pub(super) struct Pipe(Rc<RefCell<Shared>>);

#[derive(Debug)]
struct Shared {
    wire: Wire,
    /// The socket took no more at the last write.
    blocked: bool,
    /// What went wrong, before it became an error without a name.
    failure: Option<Failure>,
    /// First bytes that came, to tell TLS by.
    begin: Vec<u8>,
}

impl Pipe {
    pub(super) fn new(wire: Wire) -> Self {
        Self(Rc::new(RefCell::new(Shared { wire, blocked: false, failure: None, begin: Vec::new() })))
    }

    /// Works on the wire itself.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Wire) -> T) -> T {
        work(&mut self.0.borrow_mut().wire)
    }

    /// Whether to ask for word when the socket takes more.
    pub(super) fn is_blocked(&self) -> bool {
        self.0.borrow().blocked
    }

    /// The same, for who writes without `h2`.
    pub(super) fn set_blocked(&self, blocked: bool) {
        self.0.borrow_mut().blocked = blocked;
    }

    /// What went wrong on the wire, if anything.
    pub(super) fn failure(&self) -> Option<Failure> {
        let shared = self.0.borrow();
        let alert = shared.begin.starts_with(&crate::load::network::answer::ALERT);
        if alert { Some(Failure::TlsSpoken) } else { shared.failure }
    }
}

impl Shared {
    fn failed(&mut self, failure: Failure) -> io::Error {
        self.failure = Some(failure);
        io::ErrorKind::ConnectionReset.into()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let shared = &mut *self.0.borrow_mut();
        match shared.wire.read(buffer.initialize_unfilled()) {
            Ok(None) => Poll::Pending,
            Ok(Some(length)) => {
                buffer.advance(length);
                if shared.begin.len() < 2 {
                    shared.begin.extend(buffer.filled().iter().take(2));
                }
                Poll::Ready(Ok(()))
            }
            Err(failure) => Poll::Ready(Err(shared.failed(failure))),
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let shared = &mut *self.0.borrow_mut();
        match shared.wire.write(bytes) {
            Ok(0) if !bytes.is_empty() => {
                shared.blocked = true;
                Poll::Pending
            }
            Ok(length) => Poll::Ready(Ok(length)),
            Err(failure) => Poll::Ready(Err(shared.failed(failure))),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shared = &mut *self.0.borrow_mut();
        match shared.wire.flush() {
            Ok(Progress::Blocked) => {
                shared.blocked = true;
                Poll::Pending
            }
            Ok(_) => {
                shared.blocked = false;
                Poll::Ready(Ok(()))
            }
            Err(failure) => Poll::Ready(Err(shared.failed(failure))),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}
