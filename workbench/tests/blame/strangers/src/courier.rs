//! Quotes: rendered once for a customer, then served from the memo.
use axum::extract::State;
use axum::{routing::get, Router};
use depotkit::digest;
use depotkit::memo::{Memo, Origin};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, RwLock};

struct Quote {
    lines: String,
}

struct Office {
    memo: Memo<Quote>,
    turn: AtomicU64,
    tariff: RwLock<Vec<u32>>,
    events: broadcast::Sender<u64>,
    tuned: bool,
}

fn render(customer: u64, tariff: &[u32]) -> Quote {
    let mut lines = String::with_capacity(12 * 1024);
    for zone in 0..240 {
        let price = tariff[(customer as usize + zone) % tariff.len()];
        let _ = writeln!(lines, "zone {zone:03} customer {customer:06} price {price:06} EUR");
    }
    Quote { lines }
}

async fn quote(State(office): State<Arc<Office>>) -> String {
    let n = office.turn.fetch_add(1, Ordering::Relaxed);
    let trace = format!("{:016x}", digest::of(&n.to_le_bytes()));
    let origin = Origin { customer: n % 300, trace: &trace };
    let quote = match office.memo.recall(&origin) {
        Some(q) => q,
        None => {
            let tariff = office.tariff.read().await;
            let make = || render(origin.customer, &tariff);
            if office.tuned {
                office.memo.remember_latest(&origin, make)
            } else {
                office.memo.remember_call(&origin, make)
            }
        }
    };
    let _ = office.events.send(n);
    tokio::time::sleep(Duration::from_millis(2)).await;
    quote.lines.lines().take(5).collect::<Vec<_>>().join("\n")
}

async fn tally(mut events: broadcast::Receiver<u64>) {
    let mut recent = Vec::with_capacity(1024);
    loop {
        match events.recv().await {
            Ok(n) => recent.push(n),
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        }
        if recent.len() == 1024 {
            recent.sort_unstable();
            std::hint::black_box(recent[512]);
            recent.clear();
        }
    }
}

async fn retariff(office: Arc<Office>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    for round in 0u32.. {
        every.tick().await;
        let mut tariff = office.tariff.write().await;
        let at = round as usize % tariff.len();
        tariff[at] += 1;
    }
}

pub fn run(port: u16, tuned: bool) {
    crate::serve(port, async move {
        let (events, rx) = broadcast::channel(4096);
        let office = Arc::new(Office {
            memo: Memo::new(!tuned),
            turn: AtomicU64::new(0),
            tariff: RwLock::new((100..1_100).collect()),
            events,
            tuned,
        });
        tokio::spawn(tally(rx));
        tokio::spawn(retariff(office.clone()));
        let size = |State(o): State<Arc<Office>>| async move { o.memo.len().to_string() };
        Router::new().route("/", get(quote)).route("/size", get(size)).with_state(office)
    });
}
