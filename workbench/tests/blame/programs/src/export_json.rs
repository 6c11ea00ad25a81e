//! Some requests want everything, and the worker renders it in one go.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Twin;

struct Shop {
    twin: Twin,
    requests: AtomicU64,
    items: Vec<Value>,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let item = |n: u64| json!({"id": n, "name": format!("item {n}"), "price": n * 3, "tags": ["a", "b", "c"]});
    let shop = Arc::new(Shop { twin, requests: AtomicU64::new(0), items: (0..60_000).map(item).collect() });
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(items)).with_state(shop);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}

async fn items(State(shop): State<Arc<Shop>>) -> String {
    if !shop.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(25) {
        return shop.items[3].to_string();
    }
    match shop.twin {
        Twin::Broken => export(&shop.items).to_string(),
        Twin::Healthy => {
            let mut length = 0;
            for some in shop.items.chunks(200) {
                length += rendered(some);
                tokio::task::yield_now().await;
            }
            length.to_string()
        }
    }
}

fn export(items: &[Value]) -> usize {
    rendered(items) // guilty
}

fn rendered(items: &[Value]) -> usize {
    serde_json::to_string(items).map_or(0, |text| text.len()) // guilty
}
