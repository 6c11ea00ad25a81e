//! Atlas tiles: map tiles, drawn once by the surveyor (who may be asked so often and not more) and then kept.
use axum::{extract::State, http::header, response::IntoResponse, routing::get, Router};
use bytes::Bytes;
use dashmap::DashMap;
use parking_lot::Mutex;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

const TILES: u32 = 48;
const ASKS_PER_SECOND: u32 = 80;
const BURST: u32 = 10;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Spot {
    x: u32,
    y: u32,
}

/// How often the surveyor may be asked, by our contract with him.
struct Allowance {
    next: Mutex<Instant>,
    step: Duration,
}

impl Allowance {
    fn new(per_second: u32) -> Allowance {
        Allowance { next: Mutex::new(Instant::now()), step: Duration::from_secs(1) / per_second }
    }

    fn reserve(&self) -> Instant {
        let mut next = self.next.lock();
        let earliest = Instant::now() - self.step * BURST;
        let turn = (*next).max(earliest);
        *next = turn + self.step;
        turn
    }

    async fn turn(&self) {
        let turn = self.reserve();
        if turn > Instant::now() {
            tokio::time::sleep_until(turn).await; // guilty
        }
    }
}

struct Atlas {
    kept: DashMap<Spot, Bytes>,
    allowance: Allowance,
    visits: AtomicU32,
    broken: bool,
}

impl Atlas {
    fn next_spot(&self) -> Spot {
        let n = self.visits.fetch_add(1, Ordering::Relaxed) * 7 % TILES;
        Spot { x: n % 8, y: n / 8 }
    }

    async fn tile(&self, spot: Spot) -> Bytes {
        self.allowance.turn().await; // guilty
        if let Some(tile) = self.kept.get(&spot) {
            return tile.clone();
        }
        self.keep(spot, draw(spot))
    }

    async fn tile_kept_first(&self, spot: Spot) -> Bytes {
        if let Some(tile) = self.kept.get(&spot) {
            return tile.clone();
        }
        self.allowance.turn().await;
        self.keep(spot, draw(spot))
    }

    fn keep(&self, spot: Spot, tile: Bytes) -> Bytes {
        self.kept.insert(spot, tile.clone());
        tile
    }
}

/// Heights in a square, as the surveyor sends them: one letter for each step.
fn draw(spot: Spot) -> Bytes {
    let side = 64;
    let mut rows = Vec::with_capacity(side * (side + 1));
    for v in 0..side as u32 {
        for u in 0..side as u32 {
            let (x, y) = (spot.x * 64 + u, spot.y * 64 + v);
            let height = (x * x / 90 + y * y / 70 + x * y / 110) % 26;
            rows.push(b'a' + height as u8);
        }
        rows.push(b'\n');
    }
    Bytes::from(rows)
}

fn etag(tile: &Bytes) -> String {
    let sum = tile.iter().step_by(16).fold(0u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(*b)));
    format!("\"{sum:08x}\"")
}

async fn serve_tile(State(atlas): State<Arc<Atlas>>) -> impl IntoResponse {
    let spot = atlas.next_spot();
    let tile = if atlas.broken { atlas.tile(spot).await } else { atlas.tile_kept_first(spot).await };
    ([(header::CONTENT_TYPE, "text/plain".to_string()), (header::ETAG, etag(&tile))], tile)
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let atlas = Arc::new(Atlas {
        kept: DashMap::new(),
        allowance: Allowance::new(ASKS_PER_SECOND),
        visits: AtomicU32::new(0),
        broken,
    });
    let app = Router::new().route("/", get(serve_tile)).with_state(atlas);
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, app).await
}
