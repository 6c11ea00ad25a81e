//! Whether somebody waits for events while the worker that did so polls a task.

use std::io;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

/// A worker that was not parked yet takes over by itself: only an attempt without that shows that nobody does.
const ATTEMPTS: usize = 5;

/// With two workers, a timer wakes a task, which blocks the worker that fired it until a second timer has fired. Only
/// the other worker can fire that one, and it sleeps on until somebody tells it that nobody waits for events. The
/// runtime must have two workers.
///
/// `expected` decides the patience only: what is handed over is so after a moment, but on a busy machine the moment may
/// be long, and what is not is not after any time.
pub(in crate::runtime) fn driver_handoff(builder: &mut Builder, expected: bool) -> io::Result<bool> {
    let patience = if expected { Duration::from_secs(10) } else { Duration::from_millis(150) };
    for _ in 0..ATTEMPTS {
        let runtime = builder.build()?;
        let (fired, fires) = mpsc::channel();
        let start = Instant::now();
        let after = move |delay| tokio::time::sleep_until((start + Duration::from_millis(delay)).into());
        let blocking = runtime.spawn(async move {
            after(20).await;
            fires.recv_timeout(patience).is_ok()
        });
        runtime.spawn(async move {
            after(70).await;
            // Nobody listens once the patience is over.
            let _ = fired.send(());
        });
        let handed_over = runtime.block_on(blocking).map_err(io::Error::other)?;
        runtime.shutdown_background();
        if !handed_over || expected {
            return Ok(handed_over);
        }
    }
    Ok(true)
}
