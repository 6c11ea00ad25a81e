//! Whoever lists the stock keeps it read-locked while the slow device is written to; a booking queues for the write lock,
//! and every look at the stock behind it. The lock is a thread's.

use std::io;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::Twin;

/// Something that is looked at and changed under one lock.
struct Guarded<T> {
    inner: RwLock<T>,
}

impl<T> Guarded<T> {
    fn look<R>(&self, with: impl FnOnce(&T) -> R) -> R {
        with(&self.inner.read().expect("nobody panics"))
    }

    fn change<R>(&self, with: impl FnOnce(&mut T) -> R) -> R {
        with(&mut self.inner.write().expect("nobody panics"))
    }
}

struct Stock {
    twin: Twin,
    pieces: Guarded<Vec<u32>>,
}

type Shared = State<Arc<Stock>>;

/// Prints on a device of its own speed.
fn print(pieces: &[u32]) -> usize {
    std::thread::sleep(Duration::from_millis(30)); // guilty
    pieces.len()
}

async fn list(State(stock): Shared) -> String {
    let job = move || match stock.twin {
        Twin::Broken => listed(&stock),
        Twin::Healthy => print(&stock.pieces.look(Clone::clone)),
    };
    tokio::task::spawn_blocking(job).await.unwrap_or_default().to_string()
}

fn listed(stock: &Stock) -> usize {
    stock.pieces.look(|pieces| print(pieces)) // guilty
}

async fn book(State(stock): Shared) -> String {
    stock.pieces.change(|pieces| pieces[0] += 1);
    "booked".to_owned()
}

async fn look(State(stock): Shared) -> String {
    stock.pieces.look(|pieces| pieces[0].to_string())
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let stock = Arc::new(Stock { twin, pieces: Guarded { inner: RwLock::new(vec![0; 256]) } });
        let router =
            Router::new().route("/", get(look)).route("/list", get(list)).route("/book", post(book)).with_state(stock);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
