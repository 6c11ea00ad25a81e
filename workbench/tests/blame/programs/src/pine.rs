//! Work goes to a pool for parallel work that was built with one thread: each piece waits for a device there.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::oneshot;

use crate::Twin;
use crate::http::serve;

#[derive(Clone)]
struct Engine {
    pool: Arc<ThreadPool>,
}

/// Something that a pool can do.
trait Piece: Send + 'static {
    fn perform(self) -> u64;
}

struct Scan {
    sheets: u64,
}

impl Piece for Scan {
    fn perform(self) -> u64 {
        (0..self.sheets).map(feed).sum()
    }
}

/// The scanner draws a sheet in.
fn feed(sheet: u64) -> u64 {
    std::thread::sleep(Duration::from_micros(3_500)); // guilty
    sheet + 1
}

impl Engine {
    async fn run<P: Piece>(&self, piece: P) -> u64 {
        let (done, output) = oneshot::channel();
        self.pool.spawn(move || {
            let _ = done.send(piece.perform()); // guilty
        });
        output.await.unwrap_or_default() // guilty
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let threads = match twin {
        Twin::Broken => 1,
        Twin::Healthy => 32,
    };
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().map_err(io::Error::other)?;
    let engine = Engine { pool: Arc::new(pool) };
    crate::http::runtime()?.block_on(serve(port, move || {
        let engine = engine.clone();
        async move { engine.run(Scan { sheets: 2 }).await.to_string() }
    }))
}
