//! Text messages: so many may be under way to the operator at once, and some numbers are never written to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::Twin;

/// What the contract with the operator allows.
const WINDOW: usize = 18;

enum Refusal {
    Blocked,
    Closed,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Blocked => (StatusCode::OK, "blocked").into_response(),
            Self::Closed => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

struct Message {
    number: u64,
    text: String,
}

/// Numbers that opted out.
struct OptOuts;

impl OptOuts {
    async fn check(&self, number: u64) -> Result<(), Refusal> {
        sleep(Duration::from_millis(1)).await;
        if number % 14 == 13 { Err(Refusal::Blocked) } else { Ok(()) }
    }
}

/// The operator's end.
#[derive(Default)]
struct Operator {
    taken: AtomicU64,
}

impl Operator {
    async fn submit(&self, message: &Message) -> u64 {
        sleep(Duration::from_millis(9)).await;
        self.taken.fetch_add(1, Ordering::Relaxed) ^ message.text.len() as u64
    }
}

/// Messages under way. The operator confirms them in any order, so that permits are counted, not kept.
struct Window {
    free: Semaphore,
}

impl Window {
    async fn enter(&self) -> Result<(), Refusal> {
        self.free.acquire().await.map_err(|_| Refusal::Closed)?.forget(); // guilty
        Ok(())
    }

    fn leave(&self) {
        self.free.add_permits(1);
    }
}

struct Gateway {
    window: Window,
    opt_outs: OptOuts,
    operator: Operator,
    sent: AtomicU64,
    twin: Twin,
}

impl Gateway {
    async fn send(&self, message: Message) -> Result<u64, Refusal> {
        match self.twin {
            Twin::Broken => self.send_within(&message).await,
            Twin::Healthy => self.send_checked(&message).await,
        }
    }

    async fn send_within(&self, message: &Message) -> Result<u64, Refusal> {
        self.window.enter().await?;
        self.opt_outs.check(message.number).await?; // guilty
        let receipt = self.operator.submit(message).await;
        self.window.leave();
        Ok(receipt)
    }

    async fn send_checked(&self, message: &Message) -> Result<u64, Refusal> {
        self.opt_outs.check(message.number).await?;
        self.window.enter().await?;
        let receipt = self.operator.submit(message).await;
        self.window.leave();
        Ok(receipt)
    }

    fn next(&self) -> Message {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        Message { number, text: format!("Your parcel {number} is on its way") }
    }
}

async fn send(State(gateway): State<Arc<Gateway>>) -> Result<Response, Refusal> {
    let receipt = gateway.send(gateway.next()).await?;
    Ok(Json(json!({ "receipt": receipt })).into_response())
}

async fn health(State(gateway): State<Arc<Gateway>>) -> String {
    format!("{} taken", gateway.operator.taken.load(Ordering::Relaxed))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let window = Window { free: Semaphore::new(WINDOW) };
    let gateway = Gateway { window, opt_outs: OptOuts, operator: Operator::default(), sent: AtomicU64::new(0), twin };
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(send)).route("/health", get(health)).with_state(Arc::new(gateway));
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
