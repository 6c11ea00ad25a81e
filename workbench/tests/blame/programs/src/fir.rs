//! A generic wrapper lets one call through at a time: its permit lives until the answer is there.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::Twin;
use crate::http::serve;

trait Backend: Send + Sync + 'static {
    fn fetch(&self) -> impl Future<Output = String> + Send;
}

struct Shelf;

impl Backend for Shelf {
    async fn fetch(&self) -> String {
        tokio::time::sleep(Duration::from_millis(7)).await;
        "a book".to_owned()
    }
}

struct Narrow<B> {
    inner: B,
    places: Semaphore,
}

impl<B: Backend> Backend for Narrow<B> {
    async fn fetch(&self) -> String {
        let Ok(_place) = self.places.acquire().await else { return String::new() }; // guilty
        self.inner.fetch().await
    }
}

async fn answer<B: Backend>(backend: Arc<B>) -> String {
    backend.fetch().await
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let places = match twin {
        Twin::Broken => 1,
        Twin::Healthy => 64,
    };
    let narrow = Arc::new(Narrow { inner: Shelf, places: Semaphore::new(places) });
    crate::http::runtime()?.block_on(serve(port, move || answer(Arc::clone(&narrow))))
}
