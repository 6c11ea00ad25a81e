//! The handler looks every few milliseconds whether its job is done, where it could be told.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::Twin;
use crate::http::serve;

enum Done {
    Flag(Arc<AtomicBool>),
    Message(oneshot::Sender<()>),
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let (jobs, queue) = mpsc::channel(1024);
        tokio::spawn(work(queue));
        serve(port, move || {
            let jobs = jobs.clone();
            async move {
                match twin {
                    Twin::Broken => submit_and_look(&jobs).await,
                    Twin::Healthy => submit_and_wait(&jobs).await,
                }
            }
        })
        .await
    })
}

async fn work(mut queue: mpsc::Receiver<Done>) {
    while let Some(done) = queue.recv().await {
        tokio::spawn(async move {
            render().await;
            match done {
                Done::Flag(flag) => flag.store(true, Ordering::Release),
                Done::Message(sender) => drop(sender.send(())),
            }
        });
    }
}

/// The farm that renders is elsewhere.
async fn render() {
    tokio::time::sleep(Duration::from_millis(32)).await;
}

async fn submit_and_look(jobs: &mpsc::Sender<Done>) -> String {
    let flag = Arc::new(AtomicBool::new(false));
    let _ = jobs.send(Done::Flag(Arc::clone(&flag))).await;
    while !flag.load(Ordering::Acquire) {
        tokio::time::sleep(Duration::from_millis(15)).await; // guilty
    }
    "done".to_owned()
}

async fn submit_and_wait(jobs: &mpsc::Sender<Done>) -> String {
    let (sender, done) = oneshot::channel();
    let _ = jobs.send(Done::Message(sender)).await;
    let _ = done.await;
    "done".to_owned()
}
