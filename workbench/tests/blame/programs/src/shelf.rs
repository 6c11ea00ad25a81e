//! Finished documents go to a task that keeps them all, far from where they are made.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::Twin;
use crate::http::serve;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let (finished, queue) = mpsc::channel(64);
        tokio::spawn(history::keep(queue, twin));
        let turn = Arc::new(AtomicU64::new(0));
        serve(port, move || answer(turn.fetch_add(1, Ordering::Relaxed), finished.clone())).await
    })
}

async fn answer(number: u64, finished: mpsc::Sender<document::Document>) -> String {
    let document = document::draw(number);
    let title = document.title();
    // It waits for room: nothing piles up between the two.
    match finished.send(document).await {
        Ok(()) => title,
        Err(_) => "the history is gone".to_owned(),
    }
}

mod document {
    use std::fmt::Write;

    pub(super) struct Document {
        text: String,
    }

    impl Document {
        pub(super) fn title(&self) -> String {
            self.text.lines().next().unwrap_or_default().to_owned()
        }
    }

    pub(super) fn draw(number: u64) -> Document {
        let mut text = String::with_capacity(16 * 1024);
        for line in 0..400 {
            let _ = writeln!(text, "document {number:08}, line {line:04}: all is well");
        }
        Document { text }
    }
}

mod history {
    use tokio::sync::mpsc;

    use super::document::Document;
    use crate::Twin;

    const AT_MOST: usize = 200;

    pub(super) async fn keep(mut queue: mpsc::Receiver<Document>, twin: Twin) {
        let mut shelf = Vec::new();
        while let Some(document) = queue.recv().await {
            if twin == Twin::Healthy && shelf.len() >= AT_MOST {
                shelf.remove(0);
            }
            shelf.push(document); // guilty
        }
    }
}
