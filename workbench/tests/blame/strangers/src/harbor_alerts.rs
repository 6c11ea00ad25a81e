//! Berth assignment service. A request asks the planner for a berth and waits until the assignment shows up on the event hub,
//! which also feeds the harbour's wall displays.
use axum::{extract::State, routing::get, Router};
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

#[derive(Clone, Serialize)]
struct Assignment {
    call: u64,
    vessel: String,
    berth: u32,
    draught_cm: u32,
    tugs: Vec<String>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    subscriber: u64,
    locale: &'a str,
    assignment: &'a Assignment,
}

struct Delivery {
    call: u64,
    json: String,
}

struct Subscriber {
    id: u64,
    locale: String,
    tx: mpsc::UnboundedSender<Delivery>,
}

struct Hub {
    subscribers: Mutex<Vec<Subscriber>>,
    next_id: AtomicU64,
    drop_closed: bool,
}

impl Hub {
    fn subscribe(&self, locale: &str) -> mpsc::UnboundedReceiver<Delivery> {
        let (tx, rx) = mpsc::unbounded_channel();
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let subscriber = Subscriber { id, locale: locale.to_string(), tx };
        self.subscribers.lock().unwrap().push(subscriber); // guilty
        rx
    }

    fn publish(&self, assignment: &Assignment) {
        let mut subscribers = self.subscribers.lock().unwrap();
        subscribers.retain(|s| {
            // guilty
            let envelope = Envelope { subscriber: s.id, locale: &s.locale, assignment };
            let json = serde_json::to_string(&envelope).expect("plain data");
            let delivered = s.tx.send(Delivery { call: assignment.call, json }).is_ok();
            delivered || !self.drop_closed
        });
    }
}

struct PortCall {
    call: u64,
    vessel: String,
}

/// Assigns berths in order of arrival and announces each assignment.
async fn planner(mut calls: mpsc::Receiver<PortCall>, hub: Arc<Hub>) {
    let mut berth = 0;
    while let Some(PortCall { call, vessel }) = calls.recv().await {
        berth = (berth + 5) % 42;
        let tugs = ["Bulldog", "Svitzer Hymer", "Fairplay IX"];
        let assignment = Assignment {
            call,
            berth,
            draught_cm: 600 + vessel.len() as u32 * 25,
            tugs: tugs.iter().take(1 + call as usize % 3).map(|t| t.to_string()).collect(),
            vessel,
        };
        hub.publish(&assignment);
    }
}

/// A display on the quay: shows the latest assignment, refreshed twice a second.
async fn wall_display(mut feed: mpsc::UnboundedReceiver<Delivery>) {
    let mut refresh = tokio::time::interval(Duration::from_millis(500));
    let mut shown = String::new();
    loop {
        tokio::select! {
            delivery = feed.recv() => match delivery {
                Some(d) => shown = d.json,
                None => return,
            },
            _ = refresh.tick() => { std::hint::black_box(&shown); }
        }
    }
}

struct Desk {
    hub: Arc<Hub>,
    planner: mpsc::Sender<PortCall>,
    calls: AtomicU64,
}

async fn request_berth(State(desk): State<Arc<Desk>>) -> String {
    let call = desk.calls.fetch_add(1, Ordering::Relaxed);
    let mut feed = desk.hub.subscribe(if call % 3 == 0 { "nl-NL" } else { "en-GB" });
    let vessel = format!("MV Astrid {}", call % 311);
    if desk.planner.send(PortCall { call, vessel }).await.is_err() {
        return "planner is closed\n".to_string();
    }
    while let Some(delivery) = feed.recv().await {
        if delivery.call == call {
            return delivery.json;
        }
    }
    "hub is closed\n".to_string()
}

pub async fn run(broken: bool, port: u16) -> std::io::Result<()> {
    let hub = Arc::new(Hub { subscribers: Mutex::new(Vec::new()), next_id: AtomicU64::new(1), drop_closed: !broken });
    for _ in 0..4 {
        tokio::spawn(wall_display(hub.subscribe("en-GB")));
    }
    let (tx, rx) = mpsc::channel(64);
    tokio::spawn(planner(rx, hub.clone()));

    let desk = Arc::new(Desk { hub, planner: tx, calls: AtomicU64::new(0) });
    let app = Router::new().route("/", get(request_berth)).with_state(desk);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await
}
