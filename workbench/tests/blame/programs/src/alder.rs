//! axum behind a layer that checks a seal: some seals are stretched for 25 ms, four calls below the middleware.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tower::{Layer, Service};

use crate::Twin;

trait Seal: Send + Sync {
    fn holds(&self, serial: u64) -> bool;
}

struct Plain;

struct Stretched {
    rounds: u32,
}

impl Seal for Plain {
    fn holds(&self, serial: u64) -> bool {
        Sha256::digest(serial.to_le_bytes())[0] < u8::MAX
    }
}

impl Seal for Stretched {
    fn holds(&self, serial: u64) -> bool {
        self.derive(serial)[0] < u8::MAX
    }
}

impl Stretched {
    fn derive(&self, serial: u64) -> [u8; 32] {
        let mut block = [0; 32];
        block[..8].copy_from_slice(&serial.to_le_bytes());
        self.stir(block)
    }

    fn stir(&self, block: [u8; 32]) -> [u8; 32] {
        (0..self.rounds).fold(block, |block, round| mix(&block, round)) // guilty
    }
}

fn mix(block: &[u8; 32], round: u32) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(block);
    hash.update(round.to_le_bytes());
    hash.finalize().into()
}

/// Whose seal is looked at for which request.
struct Book {
    twin: Twin,
    plain: Box<dyn Seal>,
    stretched: Arc<dyn Seal>,
    serial: AtomicU64,
}

impl Book {
    async fn admits(&self) -> bool {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        if !serial.is_multiple_of(6) {
            return self.plain.holds(serial);
        }
        let seal = Arc::clone(&self.stretched);
        match self.twin {
            Twin::Broken => seal.holds(serial), // guilty
            Twin::Healthy => tokio::task::spawn_blocking(move || seal.holds(serial)).await.unwrap_or(false),
        }
    }
}

#[derive(Clone)]
struct Gate(Arc<Book>);

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, book: Arc::clone(&self.0) }
    }
}

#[derive(Clone)]
struct Gated<S> {
    inner: S,
    book: Arc<Book>,
}

impl<S> Service<Request> for Gated<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (mut inner, book) = (self.inner.clone(), Arc::clone(&self.book));
        Box::pin(async move { if book.admits().await { inner.call(request).await } else { Ok(Response::default()) } })
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let book = Book {
        twin,
        plain: Box::new(Plain),
        stretched: Arc::new(Stretched { rounds: 120_000 }),
        serial: AtomicU64::new(0),
    };
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(|| async { "admitted" })).layer(Gate(Arc::new(book)));
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
