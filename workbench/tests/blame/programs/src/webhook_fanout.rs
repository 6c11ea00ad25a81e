//! Webhooks: an event that comes in goes to everybody who subscribed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use crate::Twin;

const SUBSCRIBERS: usize = 24;
const ATTACHMENT: usize = 2 * 1024 * 1024;

/// What an event carries.
enum Body {
    Owned(Vec<u8>),
    Shared(Bytes),
}

impl Body {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Clone for Body {
    fn clone(&self) -> Self {
        match self {
            Self::Owned(bytes) => Self::Owned(bytes.clone()), // guilty
            Self::Shared(bytes) => Self::Shared(bytes.clone()),
        }
    }
}

#[derive(Clone)]
struct Event {
    id: u64,
    body: Body,
    delivery: Arc<Delivery>,
}

/// Who still has to get an event.
struct Delivery {
    missing: AtomicUsize,
    complete: Notify,
}

impl Delivery {
    fn acknowledge(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.complete.notify_one();
        }
    }
}

/// Signs a delivery for its subscriber.
struct Signer {
    key: u64,
}

impl Signer {
    fn sign(&self, id: u64, body: &[u8]) -> u64 {
        body.iter().step_by(512).fold(self.key ^ id, |sum, byte| sum.rotate_left(5) ^ u64::from(*byte))
    }
}

struct Subscriber {
    signer: Signer,
    events: Receiver<Event>,
    delivered: Arc<AtomicU64>,
}

impl Subscriber {
    async fn follow(mut self) {
        loop {
            // guilty
            match self.events.recv().await {
                Ok(event) => self.deliver(&event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn deliver(&self, event: &Event) {
        std::hint::black_box(self.signer.sign(event.id, event.body.bytes()));
        self.delivered.fetch_add(1, Ordering::Relaxed);
        event.delivery.acknowledge();
    }
}

struct Hub {
    events: Sender<Event>,
    delivered: Arc<AtomicU64>,
    attachment: Bytes,
    ids: AtomicU64,
    twin: Twin,
}

impl Hub {
    fn new(twin: Twin) -> Self {
        let (events, _) = channel(32);
        let attachment = Bytes::from((0..ATTACHMENT).map(|at| at as u8).collect::<Vec<u8>>());
        Self { events, delivered: Arc::default(), attachment, ids: AtomicU64::new(0), twin }
    }

    fn subscribe(&self, key: u64) {
        let (events, delivered) = (self.events.subscribe(), Arc::clone(&self.delivered));
        tokio::spawn(Subscriber { signer: Signer { key }, events, delivered }.follow());
    }

    /// Returns when all have it.
    async fn publish(&self) -> u64 {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let body = match self.twin {
            Twin::Broken => Body::Owned(self.attachment.to_vec()),
            Twin::Healthy => Body::Shared(self.attachment.clone()),
        };
        let delivery = Arc::new(Delivery { missing: AtomicUsize::new(SUBSCRIBERS), complete: Notify::new() });
        let event = Event { id, body, delivery: Arc::clone(&delivery) };
        if self.events.send(event).is_ok() {
            delivery.complete.notified().await;
        }
        id
    }
}

async fn publish(State(hub): State<Arc<Hub>>) -> Json<Value> {
    let id = hub.publish().await;
    Json(json!({ "event": id, "delivered": hub.delivered.load(Ordering::Relaxed) }))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let hub = Arc::new(Hub::new(twin));
        for key in 0..SUBSCRIBERS {
            hub.subscribe(key as u64 * 0x9e37);
        }
        let router = Router::new().route("/", get(publish)).with_state(hub);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
