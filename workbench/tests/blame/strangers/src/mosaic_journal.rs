//! Tile edits: one runtime answers clients, a second one ships a journal of the edits to the
//! archive. Board state lives in an actor with a mailbox.
use crate::aweb::Conn;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

struct Edit {
    board: u64,
    pixels: Vec<u8>,
}

enum Ask {
    Paint { board: u64, reply: oneshot::Sender<Vec<u8>> },
}

/// Owner of the boards.
async fn boards(mut mailbox: mpsc::Receiver<Ask>) {
    let mut boards: HashMap<u64, Vec<u8>> = HashMap::new();
    while let Some(Ask::Paint { board, reply }) = mailbox.recv().await {
        let tiles = boards.entry(board).or_insert_with(|| vec![1; 16 * 1024]);
        for (n, tile) in tiles.iter_mut().enumerate() {
            *tile = tile.wrapping_mul(31).wrapping_add(n as u8);
        }
        let _ = reply.send(tiles.clone());
    }
}

async fn archive(edits: &[Edit]) -> usize {
    // one round trip to the archive, whatever the number of edits
    tokio::time::sleep(Duration::from_millis(4)).await;
    edits.iter().map(|e| e.pixels.len() + e.board as usize % 2).sum()
}

async fn ship_each(mut journal: mpsc::UnboundedReceiver<Edit>, shipped: Arc<AtomicU64>) {
    while let Some(edit) = journal.recv().await {
        let bytes = archive(&[edit]).await; // guilty
        shipped.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

async fn ship_batches(mut journal: mpsc::Receiver<Edit>, shipped: Arc<AtomicU64>) {
    let mut batch = Vec::with_capacity(64);
    while journal.recv_many(&mut batch, 64).await > 0 {
        let bytes = archive(&batch).await;
        shipped.fetch_add(bytes as u64, Ordering::Relaxed);
        batch.clear();
    }
}

#[derive(Clone)]
enum Journal {
    Open(mpsc::UnboundedSender<Edit>),
    Bounded(mpsc::Sender<Edit>, Arc<AtomicU64>),
}

impl Journal {
    fn record(&self, edit: Edit) {
        match self {
            Journal::Open(tx) => {
                let _ = tx.send(edit); // guilty
            }
            Journal::Bounded(tx, dropped) => {
                if tx.try_send(edit).is_err() {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

fn start_archiver(broken: bool, back: &Runtime, shipped: Arc<AtomicU64>) -> Journal {
    if broken {
        let (tx, rx) = mpsc::unbounded_channel();
        back.spawn(ship_each(rx, shipped));
        Journal::Open(tx)
    } else {
        let (tx, rx) = mpsc::channel(512);
        back.spawn(ship_batches(rx, shipped));
        Journal::Bounded(tx, Arc::new(AtomicU64::new(0)))
    }
}

fn checksum(tiles: &[u8]) -> u64 {
    tiles.iter().fold(7u64, |h, &t| h.rotate_left(3) ^ t as u64)
}

async fn client(mut conn: Conn, boards: mpsc::Sender<Ask>, journal: Journal, turn: Arc<AtomicU64>) {
    while let Ok(Some(_path)) = conn.next().await {
        let board = turn.fetch_add(1, Ordering::Relaxed) % 24;
        let (reply, painted) = oneshot::channel();
        if boards.send(Ask::Paint { board, reply }).await.is_err() {
            return;
        }
        let Ok(pixels) = painted.await else { return };
        let body = format!("board {board} {:x}\n", checksum(&pixels));
        journal.record(Edit { board, pixels });
        if conn.reply("200 OK", &body).await.is_err() {
            return;
        }
    }
}

pub fn serve(broken: bool, port: u16) {
    let front = Builder::new_multi_thread().worker_threads(2).thread_name("front").enable_all().build().expect("front");
    let back = Builder::new_multi_thread().worker_threads(1).thread_name("back").enable_all().build().expect("back");
    let shipped = Arc::new(AtomicU64::new(0));
    let journal = start_archiver(broken, &back, shipped);
    let (ask, mailbox) = mpsc::channel(128);
    front.spawn(boards(mailbox));
    let turn = Arc::new(AtomicU64::new(0));
    front.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let Ok(conn) = Conn::new(stream) else { continue };
            tokio::spawn(client(conn, ask.clone(), journal.clone(), turn.clone()));
        }
    });
}
