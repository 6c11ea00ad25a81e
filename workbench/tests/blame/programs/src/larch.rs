//! Each visitor gets a pulse, a task that beats for as long as the process lives.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::Twin;

#[derive(Default)]
struct Beats(AtomicU64);

/// Calls `beat` again and again, from a task of its own.
fn every<F, B>(period: Duration, beat: B) -> JoinHandle<()>
where
    B: Fn() -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    tokio::spawn(async move {
        // guilty
        let mut ticks = tokio::time::interval(period);
        loop {
            ticks.tick().await;
            beat().await;
        }
    })
}

struct Visit {
    pulse: JoinHandle<()>,
    twin: Twin,
}

impl Visit {
    fn begin(beats: &Arc<Beats>, twin: Twin) -> Self {
        let beats = Arc::clone(beats);
        let pulse = every(Duration::from_millis(700), move || {
            // guilty
            let beats = Arc::clone(&beats);
            async move {
                beats.0.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { pulse, twin }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if self.twin == Twin::Healthy {
            self.pulse.abort();
        }
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let beats = Arc::new(Beats::default());
    crate::http::runtime()?.block_on(async move {
        let handler = move || {
            let visit = Visit::begin(&beats, twin);
            let beats = Arc::clone(&beats);
            async move {
                tokio::time::sleep(Duration::from_millis(2)).await;
                drop(visit);
                beats.0.load(Ordering::Relaxed).to_string()
            }
        };
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, Router::new().route("/", get(handler))).await
    })
}
