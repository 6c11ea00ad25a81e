//! A client from the days before async backs off with a sleep of the thread, inside a handler.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Twin;
use crate::http::serve;

const PAUSE: Duration = Duration::from_millis(25);

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let requests = Arc::new(AtomicU64::new(0));
    crate::http::runtime()?.block_on(serve(port, move || quote(twin, Arc::clone(&requests))))
}

async fn quote(twin: Twin, requests: Arc<AtomicU64>) -> String {
    let attempt = requests.fetch_add(1, Ordering::Relaxed);
    let price = match twin {
        Twin::Broken => fetch_price(attempt),
        Twin::Healthy => fetch_price_async(attempt).await,
    };
    format!("{price}")
}

/// One fetch in fifteen fails at first.
fn ask_upstream(attempt: u64) -> Option<u64> {
    (!attempt.is_multiple_of(15)).then_some(attempt * 7)
}

fn fetch_price(attempt: u64) -> u64 {
    match ask_upstream(attempt) {
        Some(price) => price,
        None => {
            std::thread::sleep(PAUSE); // guilty
            ask_upstream(attempt + 1).unwrap_or_default()
        }
    }
}

async fn fetch_price_async(attempt: u64) -> u64 {
    match ask_upstream(attempt) {
        Some(price) => price,
        None => {
            tokio::time::sleep(PAUSE).await;
            ask_upstream(attempt + 1).unwrap_or_default()
        }
    }
}
