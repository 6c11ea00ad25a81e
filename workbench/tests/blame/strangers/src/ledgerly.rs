//! Orders: a small connection pool, a risk service, and a desk behind a trait object.
use async_trait::async_trait;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{routing::get, Json, Router};
use depotkit::digest;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, OwnedSemaphorePermit, Semaphore};

#[derive(Clone)]
struct Pool {
    slots: Arc<Semaphore>,
}

struct Conn {
    _slot: OwnedSemaphorePermit,
}

impl Pool {
    async fn get(&self) -> Conn {
        Conn { _slot: self.slots.clone().acquire_owned().await.expect("pool closed") }
    }
}

impl Conn {
    async fn execute(&mut self, sql: &str) -> u64 {
        tokio::time::sleep(Duration::from_millis(3)).await;
        digest::of(sql.as_bytes())
    }
}

#[derive(Serialize)]
struct Receipt {
    order: u64,
    reserved: u64,
    score: u64,
}

struct Risk;

impl Risk {
    async fn score(&self, order: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(70)).await;
        digest::stretched(&order.to_le_bytes(), 500) % 100
    }
}

#[async_trait]
trait Desk: Send + Sync {
    async fn place(&self, order: u64) -> Receipt;
}

struct Counter {
    pool: Pool,
    risk: Risk,
}

#[async_trait]
impl Desk for Counter {
    async fn place(&self, order: u64) -> Receipt {
        let mut conn = self.pool.get().await;
        let reserved = conn.execute(&format!("update stock set held = held + 1 where id = {order}")).await;
        let score = self.risk.score(order).await; // guilty
        conn.execute(&format!("insert into orders values ({order}, {score})")).await;
        Receipt { order, reserved, score }
    }
}

struct BriefCounter {
    pool: Pool,
    risk: Risk,
}

#[async_trait]
impl Desk for BriefCounter {
    async fn place(&self, order: u64) -> Receipt {
        let sql = format!("update stock set held = held + 1 where id = {order}");
        let reserved = self.pool.get().await.execute(&sql).await;
        let score = self.risk.score(order).await;
        self.pool.get().await.execute(&format!("insert into orders values ({order}, {score})")).await;
        Receipt { order, reserved, score }
    }
}

struct App {
    desk: Box<dyn Desk>,
    next: AtomicU64,
    journal: mpsc::Sender<u64>,
}

async fn order(State(app): State<Arc<App>>) -> Result<Json<Receipt>, StatusCode> {
    let id = app.next.fetch_add(1, Ordering::Relaxed);
    let receipt = app.desk.place(id).await;
    app.journal.try_send(receipt.order).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(receipt))
}

async fn journal(mut rx: mpsc::Receiver<u64>) {
    let mut batch = Vec::new();
    while rx.recv_many(&mut batch, 64).await > 0 {
        let bytes: Vec<u8> = batch.drain(..).flat_map(u64::to_le_bytes).collect();
        std::hint::black_box(digest::stretched(&bytes, 2_000));
    }
}

pub fn run(port: u16, tuned: bool) {
    crate::serve(port, async move {
        let pool = Pool { slots: Arc::new(Semaphore::new(4)) };
        let desk: Box<dyn Desk> =
            if tuned { Box::new(BriefCounter { pool, risk: Risk }) } else { Box::new(Counter { pool, risk: Risk }) };
        let (tx, rx) = mpsc::channel(1024);
        tokio::spawn(journal(rx));
        Router::new().route("/", get(order)).with_state(Arc::new(App { desk, next: AtomicU64::new(1), journal: tx }))
    });
}
