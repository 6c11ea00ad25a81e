//! Lookups are answered in batches, and a batch leaves only when the clock ticks, however idle everything is.

use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::Twin;
use crate::http::serve;

type Reply = oneshot::Sender<String>;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let (lookups, queue) = mpsc::channel(4096);
        match twin {
            Twin::Broken => tokio::spawn(flush_on_tick(queue)),
            Twin::Healthy => tokio::spawn(flush_when_idle(queue)),
        };
        serve(port, move || look_up(lookups.clone())).await
    })
}

async fn look_up(lookups: mpsc::Sender<Reply>) -> String {
    let (reply, answer) = oneshot::channel();
    let _ = lookups.send(reply).await;
    answer.await.unwrap_or_default()
}

fn flush(batch: &mut Vec<Reply>) {
    for reply in batch.drain(..) {
        let _ = reply.send("found".to_owned());
    }
}

async fn flush_on_tick(mut queue: mpsc::Receiver<Reply>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(30));
    let mut batch = Vec::new();
    loop {
        ticks.tick().await; // guilty
        while let Ok(reply) = queue.try_recv() {
            batch.push(reply);
        }
        flush(&mut batch);
    }
}

async fn flush_when_idle(mut queue: mpsc::Receiver<Reply>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, 64).await > 0 {
        flush(&mut batch);
    }
}
