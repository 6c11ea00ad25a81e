//! The pool for blocking work has three threads, and each request keeps one for as long as a slow device takes.

use std::io;
use std::time::Duration;

use tokio::runtime::Builder;

use crate::Twin;
use crate::http::serve;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let threads = match twin {
        Twin::Broken => 3,
        Twin::Healthy => 64,
    };
    let runtime = Builder::new_multi_thread().worker_threads(2).max_blocking_threads(threads).enable_all().build()?;
    runtime.block_on(serve(port, thumbnail))
}

async fn thumbnail() -> String {
    let read = tokio::task::spawn_blocking(read_from_device).await; // guilty
    read.unwrap_or_default()
}

/// A network drive that takes its time.
fn read_from_device() -> String {
    std::thread::sleep(Duration::from_millis(18)); // guilty
    "a small picture".to_owned()
}
