//! Courier: asks the depot for the arrival time of a customer's parcel. All questions share one
//! line-based link to the depot; answers come back in any order and carry the reference we sent.
use axum::{extract::State, routing::get, Router};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf};
use tokio::sync::{mpsc, Notify};

const CUSTOMERS: u64 = 125;

#[derive(Default)]
struct Answer {
    minutes: Mutex<Option<u32>>,
    arrived: Notify,
}

#[derive(Clone, Copy)]
enum Reference {
    Customer,
    Sequence,
}

struct Link {
    out: mpsc::Sender<String>,
    waiting: Mutex<HashMap<u64, Arc<Answer>>>,
    sequence: AtomicU64,
    reference: Reference,
}

impl Link {
    fn expect_for_customer(&self, customer: u64) -> (u64, Arc<Answer>) {
        let answer = Arc::new(Answer::default());
        self.waiting.lock().insert(customer, answer.clone()); // guilty
        (customer, answer)
    }

    fn expect_next(&self) -> (u64, Arc<Answer>) {
        let answer = Arc::new(Answer::default());
        let reference = self.sequence.fetch_add(1, Relaxed);
        self.waiting.lock().insert(reference, answer.clone());
        (reference, answer)
    }

    async fn ask(&self, customer: u64) -> u32 {
        let (reference, answer) = match self.reference {
            Reference::Customer => self.expect_for_customer(customer),
            Reference::Sequence => self.expect_next(),
        };
        let _ = self.out.send(format!("ETA {reference} {customer}\n")).await;
        loop {
            if let Some(minutes) = *answer.minutes.lock() {
                return minutes;
            }
            answer.arrived.notified().await;
        }
    }

    fn deliver(&self, line: &str) {
        let mut words = line.split_whitespace();
        let reference = words.next().and_then(|w| w.parse().ok());
        let minutes = words.next().and_then(|w| w.parse().ok());
        let (Some(reference), Some(minutes)) = (reference, minutes) else { return };
        let entry = self.waiting.lock().remove(&reference);
        if let Some(answer) = entry {
            *answer.minutes.lock() = Some(minutes);
            answer.arrived.notify_one();
        }
    }
}

async fn read_answers(link: Arc<Link>, from: ReadHalf<DuplexStream>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        link.deliver(&line);
    }
}

/// The depot's side of the line: looks the parcel up (a few milliseconds) and answers.
async fn depot(side: DuplexStream) {
    let (rd, mut wr) = tokio::io::split(side);
    let (done, mut finished) = mpsc::channel::<String>(256);
    tokio::spawn(async move {
        while let Some(line) = finished.recv().await {
            if wr.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    let mut lines = BufReader::new(rd).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let words: Vec<&str> = line.split(' ').collect();
        let (reference, customer) = (words[1].to_owned(), words[2].parse::<u64>().unwrap_or(0));
        let done = done.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(2 + customer % 5)).await;
            let _ = done.send(format!("{reference} {}\n", 15 + customer * 7 % 90)).await;
        });
    }
}

async fn parcel(State(link): State<Arc<Link>>) -> String {
    static VISITS: AtomicU64 = AtomicU64::new(1);
    let visit = VISITS.fetch_add(1, Relaxed);
    let customer =
        (visit.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (visit << 20)).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 32;
    let customer = customer % CUSTOMERS;
    let minutes = link.ask(customer).await;
    format!("{{\"customer\":{customer},\"arrives_in_minutes\":{minutes}}}\n")
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let (ours, theirs) = tokio::io::duplex(16 * 1024);
    let (rd, mut wr) = tokio::io::split(ours);
    let (out, mut outgoing) = mpsc::channel::<String>(256);
    let link = Arc::new(Link {
        out,
        waiting: Mutex::default(),
        sequence: AtomicU64::new(1),
        reference: if broken { Reference::Customer } else { Reference::Sequence },
    });
    tokio::spawn(depot(theirs));
    tokio::spawn(read_answers(link.clone(), rd));
    tokio::spawn(async move {
        while let Some(line) = outgoing.recv().await {
            wr.write_all(line.as_bytes()).await.expect("depot link");
        }
    });
    let app = Router::new().route("/", get(parcel)).with_state(link);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(listener, app).await.expect("serve");
}
