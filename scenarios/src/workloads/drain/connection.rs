//! One HTTP/1 connection whose requests are booked from their head to the last byte of the response.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::{TowerToHyperService, TowerToHyperServiceFuture};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::ledger::{Ledger, OpenRequest};

/// Serves one connection until the client closes it, or until `closed` turns true and the request
/// in progress is answered.
pub(super) async fn run(stream: TcpStream, router: Router, ledger: Arc<Ledger>, mut closed: watch::Receiver<bool>) {
    let unflushed = Unflushed::default();
    let io = BookedIo { inner: TokioIo::new(stream), unflushed: unflushed.clone() };
    let service = BookedService { inner: TowerToHyperService::new(router), ledger, unflushed };
    let mut connection = pin!(http1::Builder::new().serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = turned_true(&mut closed) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients hang up whenever they like; the load driver counts what matters.
        tracing::debug!(%error, "connection ended early");
    }
}

async fn turned_true(closed: &mut watch::Receiver<bool>) {
    // A sender that is gone means that the server is: the same as closed.
    let _ = closed.wait_for(|closed| *closed).await;
}

/// Requests whose response is in hyper's write buffer but perhaps not yet in the socket.
#[derive(Debug, Clone, Default)]
struct Unflushed(Arc<Mutex<Vec<OpenRequest>>>);

impl Unflushed {
    fn park(&self, request: OpenRequest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

struct BookedService {
    inner: TowerToHyperService<Router>,
    ledger: Arc<Ledger>,
    unflushed: Unflushed,
}

impl Service<Request<Incoming>> for BookedService {
    type Response = Response<BookedBody>;
    type Error = Infallible;
    type Future = BookedAnswer;

    fn call(&self, request: Request<Incoming>) -> BookedAnswer {
        let ticket = Ticket { request: Some(self.ledger.open()), unflushed: self.unflushed.clone() };
        // Boxed because the router's future is not `Unpin`; one allocation beside the router's own.
        BookedAnswer { inner: Box::pin(self.inner.call(request)), ticket: Some(ticket) }
    }
}

/// The router's answer to come, and the ticket of its request.
struct BookedAnswer {
    inner: Pin<Box<TowerToHyperServiceFuture<Router, Request<Incoming>>>>,
    ticket: Option<Ticket>,
}

impl Future for BookedAnswer {
    type Output = Result<Response<BookedBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.inner.as_mut().poll(cx));
        let ticket = self.ticket.take();
        Poll::Ready(answer.map(|response| response.map(|inner| BookedBody { inner, _ticket: ticket })))
    }
}

/// Holds a request open; once dropped, the request ends with the next complete flush.
struct Ticket {
    request: Option<OpenRequest>,
    unflushed: Unflushed,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            self.unflushed.park(request);
        }
    }
}

/// A response body; hyper drops it when its last byte is in the write buffer.
struct BookedBody {
    inner: Body,
    _ticket: Option<Ticket>,
}

impl HttpBody for BookedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The socket; hyper flushes it whenever its write buffer is empty again.
struct BookedIo {
    inner: TokioIo<TcpStream>,
    unflushed: Unflushed,
}

impl Read for BookedIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl Write for BookedIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.unflushed.release();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }
}
