//! Quotes for baskets: what a customer was quoted lately decides which promotions still apply.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Twin;

/// Lines of history that are kept for one tenant.
const KEPT_LINES: usize = 1_900;
/// Lines that a tenant of some age has on the day it is migrated.
const MIGRATED_LINES: usize = 1_300;

type Sku = Arc<str>;

#[derive(Clone)]
struct Line {
    sku: Sku,
    units: u32,
    cents: u64,
}

/// Where past quotes are kept. The database, if there were one.
struct History {
    lines: Mutex<VecDeque<Line>>,
}

impl History {
    fn migrated() -> Self {
        let lines = (0..MIGRATED_LINES).map(|n| line(n as u64)).collect();
        Self { lines: Mutex::new(lines) }
    }

    fn recent(&self) -> Vec<Line> {
        self.lines.lock().iter().cloned().collect()
    }

    fn remember(&self, quoted: &[Line]) {
        let mut lines = self.lines.lock();
        lines.extend(quoted.iter().cloned());
        while lines.len() > KEPT_LINES {
            lines.pop_front();
        }
    }
}

fn line(n: u64) -> Line {
    let sku = format!("sku-{:05}-eu-central", n % 50_000);
    Line { sku: sku.into(), units: (n % 7 + 1) as u32, cents: n * 37 % 9_900 + 99 }
}

/// Which promotions a customer may still have.
struct Promotions {
    twin: Twin,
}

impl Promotions {
    fn discount(&self, recent: &[Line], basket: &[Line]) -> u64 {
        let seen = match self.twin {
            Twin::Broken => Self::articles(recent),
            Twin::Healthy => Self::article_set(recent),
        };
        let bought = basket.iter().map(|line| line.cents * u64::from(line.units)).sum::<u64>();
        if seen > 1_000 { bought / 20 } else { bought / 50 }
    }

    /// How many different articles were quoted.
    fn articles(recent: &[Line]) -> usize {
        let mut seen: Vec<&Sku> = Vec::new();
        for line in recent {
            // guilty
            if !seen.contains(&&line.sku) {
                seen.push(&line.sku);
            }
        }
        seen.len()
    }

    fn article_set(recent: &[Line]) -> usize {
        recent.iter().map(|line| &line.sku).collect::<HashSet<_>>().len()
    }
}

struct Quotes {
    history: History,
    promotions: Promotions,
    served: AtomicU64,
}

impl Quotes {
    fn new(twin: Twin) -> Self {
        Self { history: History::migrated(), promotions: Promotions { twin }, served: AtomicU64::new(0) }
    }

    fn basket(&self) -> Vec<Line> {
        let first = self.served.fetch_add(1, Ordering::Relaxed) * 4 + MIGRATED_LINES as u64;
        (first..first + 4).map(line).collect()
    }

    fn quote(&self) -> Value {
        let basket = self.basket();
        let recent = self.history.recent();
        let discount = self.promotions.discount(&recent, &basket);
        self.history.remember(&basket);
        let total: u64 = basket.iter().map(|line| line.cents * u64::from(line.units)).sum();
        let skus: Vec<&str> = basket.iter().map(|line| &*line.sku).collect();
        json!({ "total": total, "discount": discount, "lines": skus })
    }
}

async fn quote(State(quotes): State<Arc<Quotes>>) -> Json<Value> {
    Json(quotes.quote())
}

async fn health(State(quotes): State<Arc<Quotes>>) -> String {
    format!("ok, {} served", quotes.served.load(Ordering::Relaxed))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let quotes = Arc::new(Quotes::new(twin));
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(quote)).route("/health", get(health)).with_state(quotes);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
