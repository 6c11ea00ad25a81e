//! Rail timetable proxy: two replicas, a second (hedged) attempt when the first is late,
//! one retry when both fail. The answer of whichever replica is first is used.
use crate::aweb::Conn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, Notify};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

struct Replicas {
    served: AtomicU64,
    maintenance: Notify,
}

impl Replicas {
    /// Replica 0 is stuck for every other train; replica 1 is always quick.
    async fn fetch(&self, replica: u64, train: u64) -> Vec<u8> {
        let mut page = vec![b'-'; 24 * 1024];
        if replica == 0 && train % 2 == 0 {
            self.maintenance.notified().await;
        }
        sleep(Duration::from_millis(2)).await;
        for (n, byte) in page.iter_mut().enumerate() {
            *byte = b'a' + ((n as u64 * 7 + train) % 26) as u8;
        }
        self.served.fetch_add(1, Ordering::Relaxed);
        page
    }
}

async fn first_of_two(replicas: &Arc<Replicas>, train: u64) -> Option<Vec<u8>> {
    let (tx, mut rx) = mpsc::channel(2);
    for replica in 0..2 {
        let (tx, replicas) = (tx.clone(), replicas.clone());
        // guilty
        tokio::spawn(async move {
            let page = replicas.fetch(replica, train).await;
            let _ = tx.send(page).await;
        });
        if let Ok(page) = timeout(Duration::from_millis(5), rx.recv()).await {
            return page;
        }
    }
    rx.recv().await
}

async fn first_of_two_ok(replicas: &Arc<Replicas>, train: u64) -> Option<Vec<u8>> {
    let mut attempts = JoinSet::new();
    for replica in 0..2 {
        let replicas = replicas.clone();
        attempts.spawn(async move { replicas.fetch(replica, train).await });
        if let Ok(Some(Ok(page))) = timeout(Duration::from_millis(5), attempts.join_next()).await {
            return Some(page);
        }
    }
    attempts.join_next().await?.ok()
}

fn departures(page: &[u8]) -> usize {
    // counts the vowels thrice over, as parsing would
    (0..3).map(|_| page.iter().filter(|b| b"aeiou".contains(b)).count()).sum()
}

async fn timetable(replicas: &Arc<Replicas>, train: u64, broken: bool) -> Option<usize> {
    for _attempt in 0..2 {
        let page = async {
            if broken {
                first_of_two(replicas, train).await
            } else {
                first_of_two_ok(replicas, train).await
            }
        };
        if let Ok(Some(page)) = timeout(Duration::from_millis(500), page).await {
            return Some(departures(&page));
        }
    }
    None
}

pub fn serve(broken: bool, port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async move {
        let replicas = Arc::new(Replicas { served: AtomicU64::new(0), maintenance: Notify::new() });
        let trains = Arc::new(AtomicU64::new(0));
        let watch = replicas.clone();
        tokio::spawn(async move {
            loop {
                sleep(Duration::from_secs(600)).await;
                watch.maintenance.notify_waiters();
            }
        });
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (replicas, trains) = (replicas.clone(), trains.clone());
            tokio::spawn(async move {
                let Ok(mut conn) = Conn::new(stream) else { return };
                while let Ok(Some(_path)) = conn.next().await {
                    let train = trains.fetch_add(1, Ordering::Relaxed);
                    let (status, body) = match timetable(&replicas, train, broken).await {
                        Some(n) => ("200 OK", format!("train {train}: {n} departures\n")),
                        None => ("504 Gateway Timeout", "late\n".to_string()),
                    };
                    if conn.reply(status, &body).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
}
