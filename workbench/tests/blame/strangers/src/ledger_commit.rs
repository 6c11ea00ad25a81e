//! Ledger: postings go to the journal in groups, one checksum and one append per group.

use axum::{extract::State, routing::get, Router};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{timeout_at, Instant};

const GROUP: usize = 128;
const LINGER: Duration = Duration::from_millis(30);
const SEGMENT: usize = 1 << 20;

struct Posting {
    account: u64,
    cents: i64,
    committed: oneshot::Sender<u64>,
}

struct Journal {
    segment: Vec<u8>,
    offset: u64,
}

impl Journal {
    fn new() -> Journal {
        Journal { segment: Vec::with_capacity(SEGMENT), offset: 0 }
    }

    fn append(&mut self, frame: &[u8]) -> u64 {
        if self.segment.len() + frame.len() + 8 > SEGMENT {
            self.segment.clear();
        }
        self.segment.extend_from_slice(&checksum(frame).to_be_bytes());
        self.segment.extend_from_slice(frame);
        self.offset += frame.len() as u64 + 8;
        self.offset
    }
}

fn checksum(frame: &[u8]) -> u64 {
    frame.iter().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ *b as u64).wrapping_mul(0x100_0000_01B3))
}

fn encode(group: &[Posting]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(4 + group.len() * 16);
    frame.extend_from_slice(&(group.len() as u32).to_be_bytes());
    for posting in group {
        frame.extend_from_slice(&posting.account.to_be_bytes());
        frame.extend_from_slice(&posting.cents.to_be_bytes());
    }
    frame
}

/// A full group makes the best use of an append.
async fn fill_group(postings: &mut mpsc::Receiver<Posting>, group: &mut Vec<Posting>) -> bool {
    let Some(first) = postings.recv().await else { return false };
    group.push(first);
    let deadline = Instant::now() + LINGER;
    while group.len() < GROUP {
        match timeout_at(deadline, postings.recv()).await {
            // guilty
            Ok(Some(posting)) => group.push(posting),
            Ok(None) | Err(_) => break,
        }
    }
    true
}

/// Whatever has come in while the last group was written is the next group.
async fn grab_group(postings: &mut mpsc::Receiver<Posting>, group: &mut Vec<Posting>) -> bool {
    postings.recv_many(group, GROUP).await > 0
}

async fn commit_loop(mut postings: mpsc::Receiver<Posting>, full_groups: bool) {
    let mut journal = Journal::new();
    let mut group = Vec::with_capacity(GROUP);
    loop {
        let more = if full_groups {
            fill_group(&mut postings, &mut group).await
        } else {
            grab_group(&mut postings, &mut group).await
        };
        if !more {
            return;
        }
        let offset = journal.append(&encode(&group));
        for posting in group.drain(..) {
            let _ = posting.committed.send(offset);
        }
    }
}

struct Ledger {
    postings: mpsc::Sender<Posting>,
    serial: AtomicU64,
}

fn draft(serial: u64) -> (u64, i64) {
    let account = 10_000 + serial.wrapping_mul(7_919) % 5_000;
    let cents = (serial.wrapping_mul(2_654_435_761) % 200_000) as i64 - 100_000;
    (account, cents)
}

async fn post(State(ledger): State<Arc<Ledger>>) -> String {
    let serial = ledger.serial.fetch_add(1, Ordering::Relaxed);
    let (account, cents) = draft(serial);
    let (committed, receipt) = oneshot::channel();
    if ledger.postings.send(Posting { account, cents, committed }).await.is_err() {
        return "ledger closed\n".to_string();
    }
    match receipt.await {
        Ok(offset) => format!("posting {serial} on {account}: {cents} cents, journal offset {offset}\n"),
        Err(_) => format!("posting {serial} refused\n"),
    }
}

pub fn app(broken: bool) -> Router {
    let (postings, inbox) = mpsc::channel(1024);
    tokio::spawn(commit_loop(inbox, broken));
    let ledger = Ledger { postings, serial: AtomicU64::new(1) };
    Router::new().route("/", get(post)).with_state(Arc::new(ledger))
}
