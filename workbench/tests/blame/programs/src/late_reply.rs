//! A task hands its answer over and goes on with its own work in the same poll: the connection it woke must wait for it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::oneshot;

use crate::Twin;
use crate::http::serve;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let rounds = Arc::new(AtomicU64::new(0));
    crate::http::runtime()?.block_on(serve(port, move || ask(Arc::clone(&rounds), twin)))
}

async fn ask(rounds: Arc<AtomicU64>, twin: Twin) -> String {
    let round = rounds.fetch_add(1, Ordering::Relaxed);
    let (reply, answer) = oneshot::channel();
    match twin {
        Twin::Broken => tokio::spawn(answer_then_index(round, reply)),
        Twin::Healthy => tokio::spawn(answer_and_index_aside(round, reply)),
    };
    answer.await.unwrap_or_default()
}

/// Brings the search index up to date after a change: one in eight answers.
fn index(round: u64) {
    if round.is_multiple_of(8) {
        let sum = (0..18_000_000_u64).fold(round, |sum, word| sum.rotate_left(5) ^ std::hint::black_box(word)); // guilty
        std::hint::black_box(sum);
    }
}

async fn answer_then_index(round: u64, reply: oneshot::Sender<String>) {
    let _ = reply.send(format!("answer {round}"));
    index(round); // guilty
}

async fn answer_and_index_aside(round: u64, reply: oneshot::Sender<String>) {
    let _ = reply.send(format!("answer {round}"));
    let _ = tokio::task::spawn_blocking(move || index(round)).await;
}
