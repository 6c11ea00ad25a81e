//! Map tiles of a hiking atlas. Traffic is paid for by volume, so what goes out is metered against a budget.
use axum::{extract::State, http::header, response::IntoResponse, routing::get, Router};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep_until, Instant};

const SIDE: usize = 256;
const UPLINK_MBIT: f64 = 200.0;
const BURST: Duration = Duration::from_millis(60);

struct Tile {
    pixels: Vec<u32>,
    encoded: Vec<u8>,
}

/// Spreads traffic over time: every reservation moves the point up to which the uplink is spoken for.
struct Meter {
    bytes_per_sec: f64,
    spoken_for: Mutex<Instant>,
}

struct Atlas {
    broken: bool,
    tiles: Vec<Tile>,
    next: AtomicUsize,
    meter: Meter,
}

fn draw(sheet: u32) -> Vec<u32> {
    (0..SIDE * SIDE)
        .map(|i| {
            let (x, y) = ((i % SIDE) as u32, (i / SIDE) as u32);
            let height = (x * x / 5 + y * (7 + sheet % 5) + sheet * 13) / 3000;
            0x20_60_20 + height % 9 * 0x0a_06_02
        })
        .collect()
}

fn run_length(pixels: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < pixels.len() {
        let run = pixels[at..].iter().take(65535).take_while(|p| **p == pixels[at]).count();
        out.extend_from_slice(&(run as u16).to_be_bytes());
        out.extend_from_slice(&pixels[at].to_be_bytes()[1..]);
        at += run;
    }
    out
}

fn tile(sheet: u32) -> Tile {
    let pixels = draw(sheet);
    let encoded = run_length(&pixels);
    Tile { pixels, encoded }
}

impl Meter {
    fn reserve(&self, bytes: usize) -> Instant {
        let mut spoken_for = self.spoken_for.lock().unwrap();
        let now = Instant::now();
        let start = (*spoken_for).max(now);
        *spoken_for = start + Duration::from_secs_f64(bytes as f64 / self.bytes_per_sec);
        start.checked_sub(BURST).unwrap_or(now)
    }
}

impl Atlas {
    async fn clear_to_send(&self, tile: &Tile) {
        let size = std::mem::size_of_val(&tile.pixels[..]); // guilty
        let at = self.meter.reserve(size);
        if at > Instant::now() {
            sleep_until(at).await; // guilty
        }
    }

    async fn clear_encoded(&self, tile: &Tile) {
        let at = self.meter.reserve(tile.encoded.len());
        if at > Instant::now() {
            sleep_until(at).await;
        }
    }
}

fn etag(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0xcbf29ce484222325u64, |h, b| (h ^ *b as u64).wrapping_mul(0x100000001b3));
    format!("\"{sum:016x}\"")
}

async fn serve_tile(State(atlas): State<Arc<Atlas>>) -> impl IntoResponse {
    let sheet = atlas.next.fetch_add(1, Ordering::Relaxed) % atlas.tiles.len();
    let tile = &atlas.tiles[sheet];
    let tag = etag(&tile.encoded);
    if atlas.broken {
        atlas.clear_to_send(tile).await;
    } else {
        atlas.clear_encoded(tile).await;
    }
    let headers = [(header::CONTENT_TYPE, "image/x-rle".to_string()), (header::ETAG, tag)];
    (headers, tile.encoded.clone())
}

pub async fn run(broken: bool, port: u16) {
    let atlas = Arc::new(Atlas {
        broken,
        tiles: (0..48).map(tile).collect(),
        next: AtomicUsize::new(0),
        meter: Meter { bytes_per_sec: UPLINK_MBIT * 1e6 / 8.0, spoken_for: Mutex::new(Instant::now()) },
    });
    let app = Router::new().route("/", get(serve_tile)).with_state(atlas);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(listener, app).await.unwrap();
}
