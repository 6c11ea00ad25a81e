//! Points of time series come in, and a thread flushes them into blocks.

use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Twin;

/// For sections of a few instructions.
struct SpinLock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only reached through a guard, and there is one guard at a time.
unsafe impl<T: Send> Sync for SpinLock<T> {}

struct SpinGuard<'a, T> {
    lock: &'a SpinLock<T>,
}

impl<T> SpinLock<T> {
    fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    fn lock(&self) -> SpinGuard<'_, T> {
        while self.taken.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            spin_loop(); // guilty
        }
        SpinGuard { lock: self }
    }
}

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one, and it is borrowed mutably.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.taken.store(false, Ordering::Release);
    }
}

#[derive(Clone, Copy)]
struct Point {
    series: u32,
    value: f64,
}

/// Points since the last flush.
struct Head {
    points: SpinLock<Vec<Point>>,
}

impl Head {
    fn append(&self, batch: impl Iterator<Item = Point>) -> usize {
        let mut points = self.points.lock();
        points.extend(batch);
        points.len()
    }

    fn take(&self) -> Vec<Point> {
        std::mem::take(&mut *self.points.lock())
    }
}

/// Closed blocks.
#[derive(Default)]
struct Blocks {
    closed: AtomicU64,
    bytes: AtomicU64,
}

impl Blocks {
    fn write(&self, points: &[Point]) {
        let mut size = 0_u64;
        for round in 0..700_u32 {
            for point in points {
                let bits = point.value.to_bits() ^ u64::from(point.series.wrapping_mul(round));
                size = size.wrapping_add(u64::from(bits.leading_zeros())).rotate_left(1);
            }
        }
        self.bytes.fetch_add(std::hint::black_box(size) % 4_096, Ordering::Relaxed);
        self.closed.fetch_add(1, Ordering::Relaxed);
    }
}

struct Flusher {
    head: Arc<Head>,
    blocks: Arc<Blocks>,
    twin: Twin,
}

impl Flusher {
    fn run(self) {
        loop {
            thread::sleep(Duration::from_millis(70));
            match self.twin {
                Twin::Broken => self.flush(),
                Twin::Healthy => self.blocks.write(&self.padded(self.head.take())),
            }
        }
    }

    fn flush(&self) {
        let mut points = self.head.points.lock();
        let block = self.padded(std::mem::take(&mut *points));
        self.blocks.write(&block); // guilty
    }

    /// A block is never smaller than this.
    fn padded(&self, mut points: Vec<Point>) -> Vec<Point> {
        points.resize(16_000, Point { series: 0, value: 0.0 });
        points
    }
}

struct Ingest {
    head: Arc<Head>,
    blocks: Arc<Blocks>,
    received: AtomicU64,
}

impl Ingest {
    fn batch(&self) -> impl Iterator<Item = Point> {
        let first = self.received.fetch_add(20, Ordering::Relaxed);
        (first..first + 20).map(|n| Point { series: (n % 300) as u32, value: n as f64 * 0.5 })
    }

    fn accept(&self) -> Value {
        let waiting = self.head.append(self.batch());
        json!({ "waiting": waiting, "blocks": self.blocks.closed.load(Ordering::Relaxed) })
    }
}

async fn push(State(ingest): State<Arc<Ingest>>) -> Json<Value> {
    Json(ingest.accept())
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let head = Arc::new(Head { points: SpinLock::new(Vec::new()) });
    let blocks = Arc::new(Blocks::default());
    let flusher = Flusher { head: Arc::clone(&head), blocks: Arc::clone(&blocks), twin };
    thread::Builder::new().name("flusher".into()).spawn(move || flusher.run())?;
    crate::http::runtime()?.block_on(async move {
        let ingest = Ingest { head, blocks, received: AtomicU64::new(0) };
        let router = Router::new().route("/", get(push)).with_state(Arc::new(ingest));
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
