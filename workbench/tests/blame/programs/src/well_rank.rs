//! A feed in order, as it should be: scoring is real work, but little of it, and the features are reloaded aside and swapped.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::RwLock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::Twin;

const POSTS: usize = 900;
const FEATURES: usize = 24;

struct Features {
    rows: Vec<[f32; FEATURES]>,
}

impl Features {
    fn load(edition: usize) -> Self {
        let row = |post: usize| std::array::from_fn(|at| ((post * 31 + at * 17 + edition) % 97) as f32 / 97.0);
        Self { rows: (0..POSTS).map(row).collect() }
    }
}

/// Always a complete set.
struct Current(RwLock<Arc<Features>>);

impl Current {
    fn get(&self) -> Arc<Features> {
        Arc::clone(&self.0.read())
    }

    fn set(&self, fresh: Features) {
        let fresh = Arc::new(fresh);
        let old = std::mem::replace(&mut *self.0.write(), fresh);
        drop(old);
    }
}

async fn reload(current: Arc<Current>) {
    for edition in 1.. {
        sleep(Duration::from_millis(600)).await;
        if let Ok(fresh) = tokio::task::spawn_blocking(move || Features::load(edition)).await {
            current.set(fresh);
        }
    }
}

struct Feed {
    features: Arc<Current>,
    readers: AtomicU64,
}

impl Feed {
    fn best(&self) -> Vec<usize> {
        let reader = self.readers.fetch_add(1, Ordering::Relaxed) as usize;
        let taste: [f32; FEATURES] = std::array::from_fn(|at| ((reader + at * 7) % 13) as f32);
        let features = self.features.get();
        let score = |row: &[f32; FEATURES]| row.iter().zip(&taste).map(|(a, b)| a * b).sum::<f32>();
        let mut order: Vec<(f32, usize)> = features.rows.iter().map(score).zip(0..).collect();
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        order.into_iter().take(20).map(|(_, post)| post).collect()
    }
}

async fn feed(State(feed): State<Arc<Feed>>) -> Json<Value> {
    Json(json!({ "posts": feed.best() }))
}

pub(crate) fn run(_twin: Twin, port: u16) -> io::Result<()> {
    let features = Arc::new(Current(RwLock::new(Arc::new(Features::load(0)))));
    crate::http::runtime()?.block_on(async move {
        tokio::spawn(reload(Arc::clone(&features)));
        let state = Arc::new(Feed { features, readers: AtomicU64::new(0) });
        let router = Router::new().route("/", get(feed)).with_state(state);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
