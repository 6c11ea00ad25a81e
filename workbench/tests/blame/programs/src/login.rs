//! Password stretching in the handler: everybody else on that worker waits for the hash.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::Twin;

struct Service {
    twin: Twin,
    requests: AtomicU64,
    hashing: Semaphore,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async {
        let service = Arc::new(Service { twin, requests: AtomicU64::new(0), hashing: Semaphore::new(2) });
        let router = Router::new().route("/", get(home)).with_state(service);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}

/// One request in twenty logs in.
async fn home(State(service): State<Arc<Service>>) -> String {
    if !service.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(20) {
        return "hello".to_owned();
    }
    match service.twin {
        Twin::Broken => stretched("correct horse"), // guilty
        Twin::Healthy => {
            let _turn = service.hashing.acquire().await;
            tokio::task::spawn_blocking(|| stretched("correct horse")).await.unwrap_or_default()
        }
    }
}

fn stretched(password: &str) -> String {
    let mut digest = Sha256::digest(password);
    for _ in 0..200_000 {
        digest = Sha256::digest(digest); // guilty
    }
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
