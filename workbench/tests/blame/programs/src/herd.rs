//! Each arriving item wakes every waiter, and all but one find nothing: wakes grow with the number of waiters.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use crate::Twin;
use crate::http::serve;

const WAITERS: usize = 300;

/// Buffers that come back one by one.
struct Shelf {
    twin: Twin,
    free: Mutex<VecDeque<u32>>,
    returned: Notify,
    permits: Semaphore,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let shelf = Arc::new(Shelf {
            twin,
            free: Mutex::new(VecDeque::new()),
            returned: Notify::new(),
            permits: Semaphore::new(0),
        });
        for _ in 0..WAITERS {
            tokio::spawn(consume(Arc::clone(&shelf)));
        }
        serve(port, move || put_one(Arc::clone(&shelf))).await
    })
}

async fn put_one(shelf: Arc<Shelf>) -> String {
    shelf.free.lock().expect("nobody panics").push_back(1);
    match shelf.twin {
        Twin::Broken => announce(&shelf),
        Twin::Healthy => shelf.permits.add_permits(1),
    }
    "returned".to_owned()
}

fn announce(shelf: &Shelf) {
    shelf.returned.notify_waiters(); // guilty
}

async fn consume(shelf: Arc<Shelf>) {
    loop {
        let item = match shelf.twin {
            Twin::Broken => take(&shelf).await,
            Twin::Healthy => {
                shelf.permits.acquire().await.expect("never closed").forget();
                shelf.free.lock().expect("nobody panics").pop_front()
            }
        };
        std::hint::black_box(item);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn take(shelf: &Shelf) -> Option<u32> {
    loop {
        let returned = shelf.returned.notified();
        if let Some(item) = shelf.free.lock().expect("nobody panics").pop_front() {
            return Some(item);
        }
        returned.await; // guilty
    }
}
