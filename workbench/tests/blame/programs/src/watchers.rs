//! Each request starts a watcher that waits for a configuration change; dropping its handle does not end it.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Twin;
use crate::http::serve;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let (changes, _) = watch::channel(0_u64);
    let changes = Arc::new(changes);
    crate::http::runtime()?.block_on(serve(port, move || {
        let changes = Arc::clone(&changes);
        async move {
            match twin {
                Twin::Broken => subscribe(&changes),
                Twin::Healthy => subscribe_scoped(&changes).await,
            }
        }
    }))
}

/// What a session keeps while it waits.
async fn follow(mut changes: watch::Receiver<u64>, session: Vec<u8>) {
    while changes.changed().await.is_ok() {
        std::hint::black_box(&session);
    }
}

fn subscribe(changes: &watch::Sender<u64>) -> String {
    let watcher = tokio::spawn(follow(changes.subscribe(), vec![7; 4096])); // guilty
    drop(watcher);
    format!("{} watching", changes.receiver_count())
}

async fn subscribe_scoped(changes: &watch::Sender<u64>) -> String {
    let mut watchers = JoinSet::new();
    watchers.spawn(follow(changes.subscribe(), vec![7; 4096]));
    tokio::task::yield_now().await;
    let text = format!("{} watching", changes.receiver_count());
    watchers.shutdown().await;
    text
}
