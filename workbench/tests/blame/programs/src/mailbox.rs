//! Events go into a channel without a bound, faster than the one that stores them takes them out.

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::Twin;
use crate::http::serve;

struct Event {
    body: Vec<u8>,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        match twin {
            Twin::Broken => {
                let (events, queue) = mpsc::unbounded_channel();
                tokio::spawn(store_one_by_one(queue));
                serve(port, move || accept(events.clone())).await
            }
            Twin::Healthy => {
                let (events, queue) = mpsc::channel(64);
                tokio::spawn(store_in_groups(queue));
                serve(port, move || accept_bounded(events.clone())).await
            }
        }
    })
}

fn event() -> Event {
    // What is never given back is made here, and kept by who sends it.
    Event { body: vec![b'e'; 16 * 1024] } // guilty
}

async fn accept(events: mpsc::UnboundedSender<Event>) -> String {
    match events.send(event()) {
        // guilty
        Ok(()) => "queued".to_owned(),
        Err(_) => "the store is gone".to_owned(),
    }
}

async fn store_one_by_one(mut queue: mpsc::UnboundedReceiver<Event>) {
    while let Some(event) = queue.recv().await {
        tokio::time::sleep(Duration::from_millis(12)).await;
        std::hint::black_box(event.body);
    }
}

async fn accept_bounded(events: mpsc::Sender<Event>) -> String {
    match events.send(event()).await {
        Ok(()) => "queued".to_owned(),
        Err(_) => "the store is gone".to_owned(),
    }
}

async fn store_in_groups(mut queue: mpsc::Receiver<Event>) {
    let mut group = Vec::new();
    while queue.recv_many(&mut group, 64).await > 0 {
        tokio::time::sleep(Duration::from_millis(3)).await;
        group.clear();
    }
}
