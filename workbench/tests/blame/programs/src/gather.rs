//! One task drives all upstream calls of everybody and works on each result in between: results that are there wait for it.

use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};

use crate::Twin;
use crate::http::serve;

type Reply = oneshot::Sender<String>;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let (calls, queue) = mpsc::channel(1024);
        match twin {
            Twin::Broken => tokio::spawn(gather(queue)),
            Twin::Healthy => tokio::spawn(spread(queue)),
        };
        serve(port, move || call(calls.clone())).await
    })
}

async fn call(calls: mpsc::Sender<Reply>) -> String {
    let (reply, answer) = oneshot::channel();
    let _ = calls.send(reply).await;
    answer.await.unwrap_or_default()
}

async fn upstream(reply: Reply) -> Reply {
    tokio::time::sleep(Duration::from_millis(3)).await;
    reply
}

/// Stores the result away before it is passed on.
async fn store() {
    tokio::time::sleep(Duration::from_millis(6)).await;
}

async fn gather(mut queue: mpsc::Receiver<Reply>) {
    let mut calls = FuturesUnordered::new();
    loop {
        tokio::select! {
            next = queue.recv() => match next {
                Some(reply) => calls.push(upstream(reply)),
                None => return,
            },
            Some(reply) = calls.next() => {
                store().await; // guilty
                let _ = reply.send("stored".to_owned());
            }
        }
    }
}

async fn spread(mut queue: mpsc::Receiver<Reply>) {
    while let Some(reply) = queue.recv().await {
        tokio::spawn(async move {
            let reply = upstream(reply).await;
            store().await;
            let _ = reply.send("stored".to_owned());
        });
    }
}
