//! Four threads of a ring-buffer pipeline spin for work: the workers that answer requests wait for a CPU.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Twin;
use crate::http::serve;

#[derive(Default)]
struct Ring {
    head: AtomicU64,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let ring = Arc::new(Ring::default());
    for number in 0..4 {
        let ring = Arc::clone(&ring);
        std::thread::Builder::new().name(format!("stage-{number}")).spawn(move || match twin {
            Twin::Broken => consume_spinning(&ring),
            Twin::Healthy => consume_parking(&ring),
        })?;
    }
    crate::http::runtime()?.block_on(serve(port, move || publish(Arc::clone(&ring))))
}

async fn publish(ring: Arc<Ring>) -> String {
    ring.head.fetch_add(1, Ordering::Release).to_string()
}

fn consume_spinning(ring: &Ring) {
    let mut seen = 0;
    loop {
        let head = ring.head.load(Ordering::Acquire); // guilty
        if head != seen {
            seen = head;
            std::hint::black_box(seen);
        }
        std::hint::spin_loop();
    }
}

fn consume_parking(ring: &Ring) {
    let mut seen = 0;
    loop {
        let head = ring.head.load(Ordering::Acquire);
        if head == seen {
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        } else {
            seen = head;
            std::hint::black_box(seen);
        }
    }
}
