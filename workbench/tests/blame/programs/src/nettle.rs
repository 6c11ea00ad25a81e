//! A stream that is polled by hand: when its buffer is just empty it answers "not yet" and leaves no waker behind.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::{Stream, StreamExt};

use crate::Twin;
use crate::http::serve;

#[derive(Default)]
struct Buffer {
    items: VecDeque<u64>,
    waker: Option<Waker>,
}

struct Items {
    buffer: Arc<Mutex<Buffer>>,
    taken: u64,
    twin: Twin,
}

impl Stream for Items {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<u64>> {
        let shared = Arc::clone(&self.buffer);
        let mut buffer = shared.lock().expect("nobody panics");
        if let Some(item) = buffer.items.pop_front() {
            self.taken += 1;
            return Poll::Ready(Some(item));
        }
        if self.twin == Twin::Broken && self.taken > 1 {
            return Poll::Pending; // guilty
        }
        buffer.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

/// Three items, the second and third mostly together.
async fn fill(buffer: Arc<Mutex<Buffer>>, number: u64) {
    let batches: &[&[u64]] = if number.is_multiple_of(40) { &[&[0], &[1], &[2]] } else { &[&[0], &[1, 2]] };
    for batch in batches {
        tokio::time::sleep(Duration::from_millis(3)).await;
        let waker = {
            let mut held = buffer.lock().expect("nobody panics");
            held.items.extend(*batch);
            held.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

async fn collect(items: &mut Items) -> u64 {
    let mut sum = 0;
    for _ in 0..3 {
        sum += items.next().await.unwrap_or_default(); // guilty
    }
    sum
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let numbers = Arc::new(std::sync::atomic::AtomicU64::new(1));
    crate::http::runtime()?.block_on(serve(port, move || {
        let number = numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move {
            let buffer = Arc::new(Mutex::new(Buffer::default()));
            tokio::spawn(fill(Arc::clone(&buffer), number));
            collect(&mut Items { buffer, taken: 0, twin }).await.to_string()
        }
    }))
}
