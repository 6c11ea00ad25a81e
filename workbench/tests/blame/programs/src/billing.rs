//! Bills: what a customer used is asked of the meter service, one meter after the other.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use crate::Twin;

const METERS: u64 = 24;

/// The meter service: a number for a number.
async fn meters(listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut socket, _) = listener.accept().await?;
        tokio::spawn(async move {
            socket.set_nodelay(true)?;
            let mut meter = [0; 8];
            loop {
                socket.read_exact(&mut meter).await?;
                let reading = u64::from_le_bytes(meter).wrapping_mul(0x9e37_79b9) >> 11;
                socket.write_all(&reading.to_le_bytes()).await?;
            }
            #[allow(unreachable_code, reason = "says what the block returns")]
            Ok::<_, io::Error>(())
        });
    }
}

async fn exchange(socket: &mut TcpStream, meter: u64) -> io::Result<u64> {
    socket.write_all(&meter.to_le_bytes()).await?;
    let mut reading = [0; 8];
    socket.read_exact(&mut reading).await?;
    Ok(u64::from_le_bytes(reading))
}

/// Reads meters, wherever they are.
trait Meters: Send + Sync {
    fn reading(&self, meter: u64) -> BoxFuture<'_, io::Result<u64>>;
}

struct Remote {
    port: u16,
}

impl Remote {
    async fn ask(&self, meter: u64) -> io::Result<u64> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).await?; // guilty
        socket.set_nodelay(true)?;
        exchange(&mut socket, meter).await
    }
}

impl Meters for Remote {
    fn reading(&self, meter: u64) -> BoxFuture<'_, io::Result<u64>> {
        Box::pin(self.ask(meter))
    }
}

/// Keeps its connections: one for each customer's shard.
struct Pooled {
    port: u16,
    shards: Vec<Mutex<Option<TcpStream>>>,
}

impl Pooled {
    async fn ask(&self, meter: u64) -> io::Result<u64> {
        let shard = &self.shards[(meter / METERS) as usize % self.shards.len()];
        let mut kept = shard.lock().await;
        if kept.is_none() {
            let socket = TcpStream::connect(("127.0.0.1", self.port)).await?;
            socket.set_nodelay(true)?;
            *kept = Some(socket);
        }
        let socket = kept.as_mut().ok_or_else(|| io::Error::other("just connected"))?;
        exchange(socket, meter).await
    }
}

impl Meters for Pooled {
    fn reading(&self, meter: u64) -> BoxFuture<'_, io::Result<u64>> {
        Box::pin(self.ask(meter))
    }
}

struct Tariff {
    cents: u64,
}

impl Tariff {
    fn price(&self, readings: &[u64]) -> u64 {
        readings.iter().map(|reading| reading % 1_000 * self.cents / 100).sum()
    }
}

struct Billing {
    meters: Box<dyn Meters>,
    tariff: Tariff,
    billed: AtomicU64,
}

impl Billing {
    async fn bill(&self) -> io::Result<Value> {
        let customer = self.billed.fetch_add(1, Ordering::Relaxed);
        let mut readings = Vec::new();
        for meter in 0..METERS {
            readings.push(self.meters.reading(customer * METERS + meter).await?); // guilty
        }
        Ok(json!({ "customer": customer, "cents": self.tariff.price(&readings) }))
    }
}

async fn bill(State(billing): State<Arc<Billing>>) -> Result<Json<Value>, StatusCode> {
    billing.bill().await.map(Json).map_err(|_| StatusCode::BAD_GATEWAY)
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let remote = listener.local_addr()?.port();
        tokio::spawn(meters(listener));
        let meters: Box<dyn Meters> = match twin {
            Twin::Broken => Box::new(Remote { port: remote }),
            Twin::Healthy => Box::new(Pooled { port: remote, shards: (0..16).map(|_| Mutex::default()).collect() }),
        };
        let billing = Billing { meters, tariff: Tariff { cents: 31 }, billed: AtomicU64::new(0) };
        let router = Router::new().route("/", get(bill)).with_state(Arc::new(billing));
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
