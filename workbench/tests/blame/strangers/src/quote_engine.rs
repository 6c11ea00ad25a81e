//! Insurance quotes. One engine task takes the applications, keeps the quotes in flight together
//! and books the finished ones in the remote ledger, a few at a time.

use axum::{extract::State, http::StatusCode, routing::get, Router};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

const BOOK_EVERY: usize = 8;

struct Application {
    id: u64,
    age: u64,
    reply: oneshot::Sender<Quote>,
}

#[derive(Clone)]
struct Quote {
    id: u64,
    premium_cents: u64,
}

/// The actuary service: a short round trip.
async fn risk_factor(age: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(1)).await;
    100 + age * age / 40
}

async fn quote(app: Application) -> Quote {
    let risk = risk_factor(app.age).await;
    let quote = Quote { id: app.id, premium_cents: 1_250 * risk / 100 };
    let _ = app.reply.send(quote.clone());
    quote
}

#[derive(Default)]
struct Ledger {
    booked: u64,
    total_cents: u64,
}

impl Ledger {
    /// Books a handful of quotes; the ledger is in another data centre.
    async fn book(&mut self, quotes: Vec<Quote>) {
        let cents: u64 = quotes.iter().map(|q| q.premium_cents).sum();
        tokio::time::sleep(Duration::from_millis(24)).await;
        self.booked += quotes.len() as u64;
        self.total_cents += cents;
    }
}

async fn run_engine(mut inbox: mpsc::Receiver<Application>) {
    let mut in_flight = FuturesUnordered::new();
    let mut finished = Vec::new();
    let mut ledger = Ledger::default();
    loop {
        tokio::select! {
            Some(app) = inbox.recv() => in_flight.push(quote(app)),
            Some(done) = in_flight.next() => {
                finished.push(done);
                if finished.len() >= BOOK_EVERY {
                    ledger.book(std::mem::take(&mut finished)).await; // guilty
                }
            }
            else => return,
        }
    }
}

async fn run_bookkeeper(mut batches: mpsc::Receiver<Vec<Quote>>) {
    let mut ledger = Ledger::default();
    while let Some(batch) = batches.recv().await {
        ledger.book(batch).await;
    }
}

async fn run_engine_with_bookkeeper(mut inbox: mpsc::Receiver<Application>) {
    let (to_books, batches) = mpsc::channel(256);
    tokio::spawn(run_bookkeeper(batches));
    let mut in_flight = FuturesUnordered::new();
    let mut finished = Vec::new();
    loop {
        tokio::select! {
            Some(app) = inbox.recv() => in_flight.push(quote(app)),
            Some(done) = in_flight.next() => {
                finished.push(done);
                if finished.len() >= BOOK_EVERY {
                    let _ = to_books.send(std::mem::take(&mut finished)).await;
                }
            }
            else => return,
        }
    }
}

struct Office {
    engine: mpsc::Sender<Application>,
    next_id: AtomicU64,
}

fn letter(quote: &Quote) -> String {
    format!("quote {}\nmonthly premium {}.{:02}\n", quote.id, quote.premium_cents / 100, quote.premium_cents % 100)
}

async fn index(State(office): State<Arc<Office>>) -> Result<String, StatusCode> {
    let id = office.next_id.fetch_add(1, Ordering::Relaxed);
    let (reply, answer) = oneshot::channel();
    let app = Application { id, age: 18 + id % 60, reply };
    office.engine.send(app).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let quote = answer.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(letter(&quote))
}

pub async fn run(port: u16, broken: bool) {
    let (engine, inbox) = mpsc::channel(1024);
    if broken {
        tokio::spawn(run_engine(inbox));
    } else {
        tokio::spawn(run_engine_with_bookkeeper(inbox));
    }
    let office = Arc::new(Office { engine, next_id: AtomicU64::new(1) });
    let app = Router::new().route("/", get(index)).with_state(office);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
