//! Metadata of pictures: headers are parsed aside, and what is popular is fetched from the origin before it is asked for.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::Twin;

const FEEDS: u64 = 4;

#[derive(Clone, Copy)]
struct Header {
    width: u32,
    height: u32,
    checksum: u32,
}

/// Pictures by their number, as bytes.
struct Blobs;

impl Blobs {
    fn read(&self, id: u64) -> Vec<u8> {
        (0..8_192_u64).map(|at| (at * 31 + id) as u8).collect()
    }
}

fn parse(bytes: &[u8]) -> Header {
    let checksum = bytes.iter().fold(0_u32, |sum, byte| sum.rotate_left(3) ^ u32::from(*byte));
    Header { width: 640 + checksum % 1_000, height: 480 + checksum % 700, checksum }
}

#[derive(Default)]
struct Known {
    headers: Mutex<HashMap<u64, Header>>,
}

impl Known {
    fn put(&self, id: u64, header: Header) {
        let mut headers = self.headers.lock();
        if headers.len() > 500 {
            headers.clear();
        }
        headers.insert(id, header);
    }
}

struct Images {
    blobs: Arc<Blobs>,
    known: Arc<Known>,
    asked: AtomicU64,
}

impl Images {
    async fn header(&self, id: u64) -> Option<Header> {
        let blobs = Arc::clone(&self.blobs);
        let header = spawn_blocking(move || parse(&blobs.read(id))).await.ok()?;
        self.known.put(id, header);
        Some(header)
    }
}

/// Fetches what is popular. The origin allows so many requests a second.
#[derive(Clone)]
struct Prefetch {
    blobs: Arc<Blobs>,
    known: Arc<Known>,
    twin: Twin,
}

impl Prefetch {
    const PAUSE: Duration = Duration::from_millis(60);

    async fn follow(self, feed: u64) {
        for at in 0_u64.. {
            let id = at * FEEDS + feed;
            let this = self.clone();
            match self.twin {
                Twin::Broken => {
                    let _ = spawn_blocking(move || this.warm_politely(id)).await;
                    sleep(Duration::from_millis(3)).await;
                }
                Twin::Healthy => {
                    let _ = spawn_blocking(move || this.warm(id)).await;
                    sleep(Self::PAUSE).await;
                }
            }
        }
    }

    fn warm(&self, id: u64) {
        self.known.put(id, parse(&self.blobs.read(id)));
    }

    fn warm_politely(&self, id: u64) {
        self.warm(id);
        thread::sleep(Self::PAUSE); // guilty
    }
}

async fn header(State(images): State<Arc<Images>>) -> Result<Json<Value>, StatusCode> {
    let id = images.asked.fetch_add(1, Ordering::Relaxed);
    let header = images.header(id).await.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({ "width": header.width, "height": header.height, "checksum": header.checksum })))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(2).max_blocking_threads(4).enable_all().build()?;
    runtime.block_on(async move {
        let (blobs, known) = (Arc::new(Blobs), Arc::new(Known::default()));
        let prefetch = Prefetch { blobs: Arc::clone(&blobs), known: Arc::clone(&known), twin };
        for feed in 0..FEEDS {
            tokio::spawn(prefetch.clone().follow(feed));
        }
        let images = Arc::new(Images { blobs, known, asked: AtomicU64::new(0) });
        let router = Router::new().route("/", get(header)).with_state(images);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
