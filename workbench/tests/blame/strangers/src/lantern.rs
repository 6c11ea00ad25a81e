//! Lamps: a request looks at a lamp for a moment; a follower keeps its view fresh.
use axum::extract::State;
use axum::{routing::get, Router};
use depotkit::digest;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;

struct View {
    cells: Vec<u8>,
    at: u64,
}

struct Hub {
    frames: watch::Receiver<u64>,
    opened: AtomicU64,
    tuned: bool,
}

struct Session {
    id: u64,
    view: Arc<Mutex<View>>,
    follower: Option<AbortHandle>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(f) = self.follower.take() {
            f.abort();
        }
    }
}

async fn follow(view: Arc<Mutex<View>>, mut frames: watch::Receiver<u64>) {
    while frames.changed().await.is_ok() {
        let frame = *frames.borrow_and_update();
        let mut v = view.lock();
        let cell = frame as usize % v.cells.len();
        v.cells[cell] = frame as u8;
        v.at = frame;
    }
}

impl Hub {
    fn open(&self) -> Session {
        let id = self.opened.fetch_add(1, Ordering::Relaxed);
        let at = *self.frames.borrow();
        let view = Arc::new(Mutex::new(View { cells: vec![id as u8 | 1; 16 * 1024], at }));
        // guilty
        tokio::spawn(follow(view.clone(), self.frames.clone()));
        Session { id, view, follower: None }
    }

    fn open_scoped(&self) -> Session {
        let id = self.opened.fetch_add(1, Ordering::Relaxed);
        let at = *self.frames.borrow();
        let view = Arc::new(Mutex::new(View { cells: vec![id as u8 | 1; 16 * 1024], at }));
        let follower = tokio::spawn(follow(view.clone(), self.frames.clone())).abort_handle();
        Session { id, view, follower: Some(follower) }
    }
}

async fn look(State(hub): State<Arc<Hub>>) -> String {
    let session = if hub.tuned { hub.open_scoped() } else { hub.open() };
    tokio::time::sleep(Duration::from_millis(5)).await;
    let v = session.view.lock();
    format!("session {} frame {} sum {:x}\n", session.id, v.at, digest::of(&v.cells))
}

async fn shine(frames: watch::Sender<u64>) {
    let mut tick = tokio::time::interval(Duration::from_millis(400));
    loop {
        tick.tick().await;
        frames.send_modify(|f| *f += 1);
    }
}

pub fn run(port: u16, tuned: bool) {
    crate::serve(port, async move {
        let (tx, frames) = watch::channel(0);
        tokio::spawn(shine(tx));
        let hub = Arc::new(Hub { frames, opened: AtomicU64::new(0), tuned });
        Router::new().route("/", get(look)).with_state(hub)
    });
}
