//! Receipt intake: fetches a scanned receipt from the archive, reads its reference number
//! and says whether the same receipt was handed in before.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::net::TcpListener;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// How many references we remember for the duplicate check.
const REMEMBERED: usize = 8192;
const SCAN_BYTES: usize = 48 * 1024;
const MARK: &[u8] = b"REF:";

// ---- the archive --------------------------------------------------------------------------

async fn scan(Path(number): Path<u64>, State(pixels): State<Arc<Vec<u8>>>) -> Vec<u8> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut doc = Vec::with_capacity(SCAN_BYTES + 128);
    doc.extend_from_slice(b"SCAN/2 lang=en dpi=200\n");
    doc.extend_from_slice(
        format!("REF:{:016x}-{:04}\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number % 977).as_bytes(),
    );
    doc.extend_from_slice(&pixels);
    doc
}

async fn archive(listener: TcpListener) {
    let pixels: Vec<u8> = (0..SCAN_BYTES).map(|i| (i * 31 % 251) as u8 | 0x80).collect();
    let app = Router::new().route("/scans/{number}", get(scan)).with_state(Arc::new(pixels));
    let listener = listener.tap_io(|s| {
        let _ = s.set_nodelay(true);
    });
    let _ = axum::serve(listener, app).await;
}

// ---- the intake ---------------------------------------------------------------------------

#[derive(Default)]
struct Seen {
    times: HashMap<Bytes, u32>,
    order: VecDeque<Bytes>,
}

impl Seen {
    /// Counts a reference; the oldest one makes room when the register is full.
    fn note(&mut self, reference: Bytes) -> u32 {
        if let Some(n) = self.times.get_mut(&reference) {
            *n += 1;
            return *n;
        }
        if self.order.len() == REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.times.remove(&oldest);
            }
        }
        self.order.push_back(reference.clone());
        self.times.insert(reference, 1);
        1
    }
}

struct Intake {
    http: Client<HttpConnector, Empty<Bytes>>,
    archive: SocketAddr,
    seen: Mutex<Seen>,
    serial: AtomicU64,
    share: bool,
}

#[derive(Serialize)]
struct Verdict {
    reference: String,
    bytes: usize,
    times: u32,
}

fn locate(doc: &[u8]) -> Option<(usize, usize)> {
    let start = doc.windows(MARK.len()).position(|w| w == MARK)? + MARK.len();
    let len = doc[start..].iter().position(|b| *b == b'\n')?;
    Some((start, start + len))
}

async fn fetch_scan(intake: &Intake, number: u64) -> Result<Bytes, Fault> {
    let uri = format!("http://{}/scans/{}", intake.archive, number).parse()?;
    let res = intake.http.get(uri).await?;
    if !res.status().is_success() {
        return Err("scan not available".into());
    }
    Ok(res.into_body().collect().await?.to_bytes())
}

/// Registers the receipt's reference, without copying it.
fn register_shared(intake: &Intake, doc: &Bytes) -> Option<Verdict> {
    let (from, to) = locate(doc)?;
    let reference = doc.slice(from..to); // guilty
    let text = String::from_utf8_lossy(&reference).into_owned();
    let times = intake.seen.lock().note(reference);
    Some(Verdict { reference: text, bytes: doc.len(), times })
}

fn register_owned(intake: &Intake, doc: &Bytes) -> Option<Verdict> {
    let (from, to) = locate(doc)?;
    let reference = Bytes::copy_from_slice(&doc[from..to]);
    let text = String::from_utf8_lossy(&reference).into_owned();
    let times = intake.seen.lock().note(reference);
    Some(Verdict { reference: text, bytes: doc.len(), times })
}

async fn hand_in(State(intake): State<Arc<Intake>>) -> Response {
    let serial = intake.serial.fetch_add(1, Ordering::Relaxed);
    // now and then somebody hands in a receipt for the second time
    let number = if serial % 50 == 49 { serial - 20 } else { serial };
    let doc = match fetch_scan(&intake, number).await {
        Ok(doc) => doc,
        Err(err) => {
            eprintln!("scan {number}: {err}");
            return StatusCode::BAD_GATEWAY.into_response();
        }
    };
    let verdict = if intake.share { register_shared(&intake, &doc) } else { register_owned(&intake, &doc) };
    match verdict {
        Some(verdict) => Json(verdict).into_response(),
        None => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
    }
}

pub async fn run(broken: bool, port: u16) -> Result<(), Fault> {
    let store = TcpListener::bind("127.0.0.1:0").await?;
    let archive_addr = store.local_addr()?;
    tokio::spawn(archive(store));

    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let intake = Arc::new(Intake {
        http: Client::builder(TokioExecutor::new()).build(connector),
        archive: archive_addr,
        seen: Mutex::new(Seen::default()),
        serial: AtomicU64::new(1000),
        share: broken,
    });

    let app = Router::new().route("/", get(hand_in)).with_state(intake);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?.tap_io(|s| {
        let _ = s.set_nodelay(true);
    });
    axum::serve(listener, app).await?;
    Ok(())
}
