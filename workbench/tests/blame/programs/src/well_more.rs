//! Services with nothing wrong, of the second round.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::Twin;
use crate::http::serve;

/// Most answers come from a cache that keeps a thousand; the others are asked for, and a task throws out the oldest.
pub(crate) fn cache(_: Twin, port: u16) -> io::Result<()> {
    type Kept = RwLock<HashMap<u64, (u64, String)>>;

    async fn look_up(kept: &Kept, key: u64, now: u64) -> String {
        if let Some((_, value)) = kept.read().expect("nobody panics").get(&key) {
            return value.clone();
        }
        tokio::time::sleep(Duration::from_millis(3 + key % 4)).await;
        let value = format!("{key:0>512}");
        kept.write().expect("nobody panics").insert(key, (now, value.clone()));
        value
    }

    async fn evict(kept: Arc<Kept>) {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        loop {
            ticks.tick().await;
            let mut kept = kept.write().expect("nobody panics");
            let newest = kept.values().map(|(at, _)| *at).max().unwrap_or_default();
            kept.retain(|_, (at, _)| *at + 1000 > newest);
        }
    }

    let (kept, clock) = (Arc::new(Kept::default()), Arc::new(AtomicU64::new(0)));
    crate::http::runtime()?.block_on(async move {
        tokio::spawn(evict(Arc::clone(&kept)));
        let handler = move || {
            let (kept, now) = (Arc::clone(&kept), clock.fetch_add(1, Ordering::Relaxed));
            let key = if now.is_multiple_of(7) { now } else { now * 31 % 60 };
            async move { look_up(&kept, key, now).await }
        };
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, Router::new().route("/", get(handler))).await
    })
}

/// Events pass through a bounded queue to one task that keeps up, and a state is told to whoever watches.
pub(crate) fn queue(_: Twin, port: u16) -> io::Result<()> {
    async fn consume(mut events: mpsc::Receiver<u64>, state: watch::Sender<u64>) {
        let mut batch = Vec::new();
        while events.recv_many(&mut batch, 64).await > 0 {
            let sum: u64 = batch.drain(..).sum();
            state.send_modify(|state| *state = state.wrapping_add(sum));
        }
    }

    crate::http::runtime()?.block_on(async move {
        let (events, queue) = mpsc::channel(256);
        let (sender, state) = watch::channel(0);
        tokio::spawn(consume(queue, sender));
        for _ in 0..20 {
            let mut state = state.clone();
            tokio::spawn(async move { while state.changed().await.is_ok() {} });
        }
        serve(port, move || {
            let (events, mut state) = (events.clone(), state.clone());
            async move {
                let seen = *state.borrow_and_update();
                let _ = events.send(seen % 7 + 1).await;
                let _ = state.changed().await;
                state.borrow().to_string()
            }
        })
        .await
    })
}
