//! One task serves everybody in turn, and waits for the bank each time: throughput does not rise with the number of clients.

use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::Twin;
use crate::http::serve;

type Reply = oneshot::Sender<String>;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let (desk, queue) = mpsc::channel(1024);
        match twin {
            Twin::Broken => tokio::spawn(serve_in_turn(queue)),
            Twin::Healthy => tokio::spawn(serve_side_by_side(queue)),
        };
        serve(port, move || pay(desk.clone())).await
    })
}

async fn pay(desk: mpsc::Sender<Reply>) -> String {
    let (reply, receipt) = oneshot::channel();
    let _ = desk.send(reply).await;
    receipt.await.unwrap_or_default()
}

async fn ask_bank() -> String {
    tokio::time::sleep(Duration::from_millis(4)).await;
    "booked".to_owned()
}

async fn serve_in_turn(mut queue: mpsc::Receiver<Reply>) {
    while let Some(reply) = queue.recv().await {
        let receipt = ask_bank().await; // guilty
        let _ = reply.send(receipt);
    }
}

async fn serve_side_by_side(mut queue: mpsc::Receiver<Reply>) {
    while let Some(reply) = queue.recv().await {
        tokio::spawn(async move {
            let _ = reply.send(ask_bank().await);
        });
    }
}
