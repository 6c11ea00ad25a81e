//! Map tiles, as they should be: drawing takes real work, is done aside by as many as there are CPUs, and what was drawn is
//! kept for a while.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use parking_lot::RwLock;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::Twin;

const SIDE: usize = 128;
const KEPT: usize = 300;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Tile {
    x: u32,
    y: u32,
    zoom: u8,
}

/// Draws.
fn draw(tile: Tile) -> Bytes {
    let mut pixels = vec![0_u8; SIDE * SIDE];
    for (row, line) in pixels.chunks_exact_mut(SIDE).enumerate() {
        for (column, pixel) in line.iter_mut().enumerate() {
            let (x, y) = (tile.x as f32 + column as f32 / SIDE as f32, tile.y as f32 + row as f32 / SIDE as f32);
            *pixel = ((x * 0.7).sin() * (y * 0.3 + f32::from(tile.zoom)).cos() * 127.0 + 128.0) as u8;
        }
    }
    Bytes::from(pixels)
}

#[derive(Default)]
struct Drawn {
    tiles: HashMap<Tile, Bytes>,
    order: VecDeque<Tile>,
}

impl Drawn {
    fn put(&mut self, tile: Tile, pixels: Bytes) {
        if self.tiles.insert(tile, pixels).is_none() {
            self.order.push_back(tile);
        }
        while self.order.len() > KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.tiles.remove(&oldest);
            }
        }
    }
}

struct Atlas {
    drawn: RwLock<Drawn>,
    pens: Semaphore,
    asked: AtomicU64,
}

impl Atlas {
    /// Two of three look at the middle of the town.
    fn wanted(&self) -> Tile {
        let n = self.asked.fetch_add(1, Ordering::Relaxed) as u32;
        if n.is_multiple_of(3) {
            Tile { x: n % 9_973, y: n / 3 % 9_941, zoom: 16 }
        } else {
            Tile { x: n % 8, y: n % 5, zoom: 14 }
        }
    }

    async fn tile(&self, tile: Tile) -> Option<Bytes> {
        if let Some(pixels) = self.drawn.read().tiles.get(&tile) {
            return Some(pixels.clone());
        }
        let _pen = self.pens.acquire().await.ok()?;
        let pixels = tokio::task::spawn_blocking(move || draw(tile)).await.ok()?;
        self.drawn.write().put(tile, pixels.clone());
        Some(pixels)
    }
}

async fn tile(State(atlas): State<Arc<Atlas>>) -> Result<Json<Value>, StatusCode> {
    let tile = atlas.wanted();
    let pixels = atlas.tile(tile).await.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let etag = Sha256::digest(&pixels[..2_048]);
    Ok(Json(json!({ "x": tile.x, "y": tile.y, "bytes": pixels.len(), "etag": etag[..4] })))
}

pub(crate) fn run(_twin: Twin, port: u16) -> io::Result<()> {
    let atlas = Atlas { drawn: RwLock::default(), pens: Semaphore::new(2), asked: AtomicU64::new(0) };
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(tile)).with_state(Arc::new(atlas));
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
