//! Tariffs of parcels: a file of them arrives again and again, and is taken up while parcels are priced.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Twin;

const ZONES: u32 = 240;

#[derive(Default)]
struct Table {
    cents: HashMap<(u32, u32), u64>,
}

impl Table {
    fn absorb(&mut self, file: &str) {
        for line in file.lines() {
            let mut fields = line.split(';').map(str::trim);
            let (Some(from), Some(to), Some(cents)) = (fields.next(), fields.next(), fields.next()) else { continue };
            if let (Ok(from), Ok(to), Ok(cents)) = (from.parse(), to.parse(), cents.parse()) {
                self.cents.insert((from, to), cents); // guilty
            }
        }
    }
}

/// What the partner puts there.
struct Inbox {
    arrived: AtomicU64,
}

impl Inbox {
    fn next(&self) -> String {
        let edition = self.arrived.fetch_add(1, Ordering::Relaxed) as u32;
        let pairs = (0..ZONES).flat_map(|from| (0..ZONES).map(move |to| (from, to)));
        pairs.map(|(from, to)| format!("{from} ; {to} ; {}\n", 300 + (from * 7 + to * 13 + edition) % 900)).collect()
    }
}

struct Tariffs {
    table: RwLock<Table>,
}

impl Tariffs {
    fn price(&self, from: u32, to: u32) -> Option<u64> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.cents.get(&(from, to)).copied()
    }

    fn take_up(&self, file: &str) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.absorb(file); // guilty
    }

    fn replace(&self, file: &str) {
        let mut fresh = Table::default();
        fresh.absorb(file);
        let old = {
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *table, fresh)
        };
        drop(old);
    }
}

fn import(tariffs: &Tariffs, twin: Twin) {
    let inbox = Inbox { arrived: AtomicU64::new(0) };
    let file = inbox.next();
    loop {
        match twin {
            Twin::Broken => tariffs.take_up(&file),
            Twin::Healthy => tariffs.replace(&file),
        }
        thread::sleep(Duration::from_millis(90));
    }
}

struct Pricing {
    tariffs: Arc<Tariffs>,
    parcels: AtomicU64,
}

impl Pricing {
    fn price(&self) -> Value {
        let parcel = self.parcels.fetch_add(1, Ordering::Relaxed) as u32;
        let cents = self.tariffs.price(parcel % ZONES, parcel * 11 % ZONES);
        json!({ "parcel": parcel, "cents": cents })
    }
}

async fn price(State(pricing): State<Arc<Pricing>>) -> Json<Value> {
    Json(pricing.price())
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let tariffs = Arc::new(Tariffs { table: RwLock::default() });
    let imported = Arc::clone(&tariffs);
    thread::Builder::new().name("import".into()).spawn(move || import(&imported, twin))?;
    crate::http::runtime()?.block_on(async move {
        let pricing = Arc::new(Pricing { tariffs, parcels: AtomicU64::new(0) });
        let router = Router::new().route("/", get(price)).with_state(pricing);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
