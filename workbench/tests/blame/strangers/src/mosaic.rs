//! Tiles: requests go to a dispatcher, which asks three stages and keeps an audit trail.
use axum::extract::State;
use axum::http::StatusCode;
use axum::{routing::get, Router};
use depotkit::digest;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

struct Job {
    tile: u64,
    reply: oneshot::Sender<String>,
}

async fn stage(name: &str, input: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(2)).await;
    digest::stretched(name.as_bytes(), 300) ^ input
}

async fn compose(job: Job) -> u64 {
    let mut v = stage("fetch", job.tile).await;
    v = stage("scale", v).await;
    v = stage("blend", v).await;
    let _ = job.reply.send(format!("tile {} is {v:x}\n", job.tile));
    v
}

struct Audit {
    trail: u64,
}

impl Audit {
    /// One round trip to the audit service, whatever the number of entries.
    async fn append(&mut self, entries: &[u64]) {
        tokio::time::sleep(Duration::from_millis(11)).await;
        for e in entries {
            self.trail = digest::of(&(self.trail ^ e).to_le_bytes());
        }
    }
}

async fn dispatch(mut jobs: mpsc::Receiver<Job>, mut audit: Audit) {
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(job) = jobs.recv(), if running.len() < 64 => running.push(compose(job)),
            Some(done) = running.next() => {
                audit.append(&[done]).await; // guilty
            }
            else => return,
        }
    }
}

async fn dispatch_apart(mut jobs: mpsc::Receiver<Job>, mut audit: Audit) {
    let (tx, mut rx) = mpsc::channel(1024);
    tokio::spawn(async move {
        let mut batch = Vec::new();
        while rx.recv_many(&mut batch, 256).await > 0 {
            audit.append(&batch).await;
            batch.clear();
        }
    });
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            Some(job) = jobs.recv(), if running.len() < 64 => { running.spawn(compose(job)); }
            Some(done) = running.join_next() => {
                let _ = tx.send(done.unwrap()).await;
            }
            else => return,
        }
    }
}

struct Front {
    jobs: mpsc::Sender<Job>,
    next: AtomicU64,
}

async fn tile(State(front): State<Arc<Front>>) -> Result<String, StatusCode> {
    let (reply, answer) = oneshot::channel();
    let tile = front.next.fetch_add(1, Ordering::Relaxed);
    front.jobs.send(Job { tile, reply }).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    answer.await.map_err(|_| StatusCode::BAD_GATEWAY)
}

pub fn run(port: u16, tuned: bool) {
    crate::serve(port, async move {
        let (jobs, rx) = mpsc::channel(256);
        let audit = Audit { trail: 0 };
        if tuned {
            tokio::spawn(dispatch_apart(rx, audit));
        } else {
            tokio::spawn(dispatch(rx, audit));
        }
        Router::new().route("/", get(tile)).with_state(Arc::new(Front { jobs, next: AtomicU64::new(0) }))
    });
}
