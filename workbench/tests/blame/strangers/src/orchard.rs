//! Pictures: rendered on rayon's pool behind a generic service.
use axum::extract::State;
use axum::{routing::get, Router};
use dashmap::DashMap;
use depotkit::digest;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, Semaphore};

trait Painter: Send + Sync + 'static {
    fn paint(&self, seed: u64) -> Vec<u8>;
}

struct Gradient {
    side: usize,
}

impl Painter for Gradient {
    fn paint(&self, seed: u64) -> Vec<u8> {
        let mut px = vec![0u8; self.side * self.side];
        for (i, p) in px.iter_mut().enumerate() {
            *p = ((i as u64).wrapping_mul(seed | 1) >> 7) as u8;
        }
        digest::stretched(&px, 8).to_le_bytes().into_iter().chain(px.into_iter().take(64)).collect()
    }
}

struct Studio<P> {
    painter: Arc<P>,
    finished: Arc<DashMap<u64, Vec<u8>>>,
    ids: AtomicU64,
    slots: Semaphore,
    tuned: bool,
}

impl<P: Painter> Studio<P> {
    fn submit(&self) -> u64 {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let (painter, finished) = (self.painter.clone(), self.finished.clone());
        rayon::spawn(move || {
            finished.insert(id, painter.paint(id));
        });
        id
    }

    async fn pick_up(&self, id: u64) -> Vec<u8> {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await; // guilty
            if let Some((_, picture)) = self.finished.remove(&id) {
                return picture;
            }
        }
    }

    async fn commission(&self) -> Vec<u8> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let (tx, rx) = oneshot::channel();
        let painter = self.painter.clone();
        rayon::spawn(move || {
            let _ = tx.send(painter.paint(id));
        });
        rx.await.expect("painter died")
    }

    async fn picture(&self) -> Vec<u8> {
        let _slot = self.slots.acquire().await.unwrap();
        if self.tuned {
            return self.commission().await;
        }
        let id = self.submit();
        self.pick_up(id).await
    }
}

async fn show(State(studio): State<Arc<Studio<Gradient>>>) -> Vec<u8> {
    let mut picture = studio.picture().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    picture.extend_from_slice(&digest::of(&picture).to_be_bytes());
    picture
}

pub fn run(port: u16, tuned: bool) {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    crate::serve(port, async move {
        let studio = Studio {
            painter: Arc::new(Gradient { side: 200 }),
            finished: Arc::default(),
            ids: AtomicU64::new(0),
            slots: Semaphore::new(64),
            tuned,
        };
        Router::new().route("/", get(show)).with_state(Arc::new(studio))
    });
}
