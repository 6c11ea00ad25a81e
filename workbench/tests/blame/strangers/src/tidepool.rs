//! Stock levels: read by requests, changed by a feed, exported to a warehouse.
use axum::extract::State;
use axum::{routing::get, Json, Router};
use depotkit::digest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::RwLock;

#[derive(Clone, Serialize)]
struct Level {
    on_hand: u32,
    moved: u32,
}

#[derive(Default)]
struct Stock {
    levels: BTreeMap<u32, Level>,
    version: u64,
}

type Shared = Arc<RwLock<Stock>>;

#[derive(Serialize)]
struct Page {
    version: u64,
    total: u64,
    first: Vec<Level>,
    etag: String,
}

async fn page(State(stock): State<Shared>) -> Json<Page> {
    let (version, total, first) = {
        let s = stock.read().await;
        let total = s.levels.values().map(|l| u64::from(l.on_hand)).sum();
        (s.version, total, s.levels.values().take(20).cloned().collect::<Vec<_>>())
    };
    let etag = format!("{:x}", digest::stretched(&version.to_le_bytes(), 3_000));
    tokio::time::sleep(Duration::from_millis(1)).await;
    Json(Page { version, total, first, etag })
}

/// Small changes arrive all the time.
async fn feed(stock: Shared) {
    let mut tick = tokio::time::interval(Duration::from_millis(15));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut n = 0u32;
    loop {
        tick.tick().await;
        let mut s = stock.write().await;
        s.version += 1;
        for _ in 0..5 {
            n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let l = s.levels.entry((n >> 8) % 1_000).or_insert(Level { on_hand: 100, moved: 0 });
            l.on_hand = l.on_hand.wrapping_add(n >> 28);
            l.moved += 1;
        }
    }
}

struct Warehouse;

impl Warehouse {
    async fn upload(&self, rows: &[(u32, u32)]) {
        std::hint::black_box(rows.iter().map(|r| u64::from(r.1)).sum::<u64>());
        tokio::time::sleep(Duration::from_millis(9)).await;
    }
}

async fn export(stock: &RwLock<Stock>, to: &Warehouse) {
    let s = stock.read().await;
    let rows: Vec<(u32, u32)> = s.levels.iter().map(|(k, l)| (*k, l.on_hand)).collect();
    for part in rows.chunks(100) {
        to.upload(part).await; // guilty
    }
    tokio::time::sleep(Duration::from_millis(s.version % 3)).await;
}

async fn export_copy(stock: &RwLock<Stock>, to: &Warehouse) {
    let (rows, version) = {
        let s = stock.read().await;
        (s.levels.iter().map(|(k, l)| (*k, l.on_hand)).collect::<Vec<_>>(), s.version)
    };
    for part in rows.chunks(100) {
        to.upload(part).await;
    }
    tokio::time::sleep(Duration::from_millis(version % 3)).await;
}

pub fn run(port: u16, tuned: bool) {
    crate::serve(port, async move {
        let stock = Shared::default();
        stock.write().await.levels.extend((0..1_000).map(|k| (k, Level { on_hand: k % 90, moved: 0 })));
        tokio::spawn(feed(stock.clone()));
        let source = stock.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(120)).await;
                if tuned {
                    export_copy(&source, &Warehouse).await;
                } else {
                    export(&source, &Warehouse).await;
                }
            }
        });
        Router::new().route("/", get(page)).with_state(stock)
    });
}
