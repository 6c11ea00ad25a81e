//! A transaction that was not finished is rolled back when it is dropped, and the drop waits for a future in place.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Twin;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
fn wait_for<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(), // guilty
        }
    }
}

/// The store, which is asked by messages.
#[derive(Clone)]
struct Store(mpsc::Sender<oneshot::Sender<()>>);

impl Store {
    async fn undo(&self) {
        let (done, undone) = oneshot::channel();
        if self.0.send(done).is_ok() {
            let _ = undone.await;
        }
    }
}

struct Transaction {
    store: Store,
    open: bool,
}

impl Transaction {
    fn close(mut self) {
        self.open = false;
    }

    async fn roll_back(mut self) {
        self.open = false;
        self.store.undo().await;
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.open {
            wait_for(self.store.undo()); // guilty
        }
    }
}

async fn spend(store: Store, number: u64, twin: Twin) -> String {
    let transaction = Transaction { store, open: true };
    match (number % 4, twin) {
        (0, Twin::Broken) => format!("{number} was refused"),
        (0, Twin::Healthy) => {
            transaction.roll_back().await;
            format!("{number} was refused")
        }
        _ => {
            transaction.close();
            format!("{number} was spent")
        }
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let (sender, asked) = mpsc::channel::<oneshot::Sender<()>>();
    std::thread::Builder::new().name("store".into()).spawn(move || {
        for done in asked {
            std::thread::sleep(Duration::from_millis(12));
            let _ = done.send(());
        }
    })?;
    let (store, numbers) = (Store(sender), Arc::new(AtomicU64::new(0)));
    crate::http::runtime()?.block_on(async move {
        let handler = move || spend(store.clone(), numbers.fetch_add(1, Ordering::Relaxed), twin);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, Router::new().route("/", get(handler))).await
    })
}
