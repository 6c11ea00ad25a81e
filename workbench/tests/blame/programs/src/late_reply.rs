//! A worker task hands the answer over and goes on with its own work in the same poll: the connection it woke must wait.

use std::io;

use tokio::sync::{mpsc, oneshot};

use crate::Twin;
use crate::http::serve;

type Reply = oneshot::Sender<String>;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let (requests, queue) = mpsc::channel(1024);
        match twin {
            Twin::Broken => tokio::spawn(answer_then_index(queue)),
            Twin::Healthy => tokio::spawn(answer_and_index_aside(queue)),
        };
        serve(port, move || ask(requests.clone())).await
    })
}

async fn ask(requests: mpsc::Sender<Reply>) -> String {
    let (reply, answer) = oneshot::channel();
    let _ = requests.send(reply).await;
    answer.await.unwrap_or_default()
}

/// Rebuilds the search index after a change: one in eight answers.
fn index(round: u64) -> u64 {
    (0..18_000_000_u64).fold(round, |sum, word| sum.rotate_left(5) ^ std::hint::black_box(word)) // guilty
}

async fn answer_then_index(mut queue: mpsc::Receiver<Reply>) {
    let mut round = 0;
    while let Some(reply) = queue.recv().await {
        round += 1;
        let _ = reply.send(format!("answer {round}"));
        if round % 8 == 0 {
            std::hint::black_box(index(round)); // guilty
        }
    }
}

async fn answer_and_index_aside(mut queue: mpsc::Receiver<Reply>) {
    let (rounds, work) = std::sync::mpsc::sync_channel::<u64>(1);
    std::thread::spawn(move || {
        while let Ok(round) = work.recv() {
            std::hint::black_box(index(round));
        }
    });
    let mut round = 0;
    while let Some(reply) = queue.recv().await {
        round += 1;
        let _ = reply.send(format!("answer {round}"));
        if round % 8 == 0 {
            let _ = rounds.try_send(round);
        }
    }
}
