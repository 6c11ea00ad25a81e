//! Basket totals for a shop. Prices come from the price desk over one shared connection on
//! which questions and answers may overlap.
use axum::{extract::State, routing::get, Router};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{tcp::OwnedReadHalf, tcp::OwnedWriteHalf, TcpListener, TcpStream};
use tokio::sync::{mpsc, Notify};

const SKUS: u64 = 400;

#[derive(Default)]
struct Answer {
    cents: OnceLock<u64>,
    ready: Notify,
}

impl Answer {
    fn give(&self, cents: u64) {
        let _ = self.cents.set(cents);
        self.ready.notify_one();
    }

    async fn wait(&self) -> u64 {
        loop {
            if let Some(cents) = self.cents.get() {
                return *cents;
            }
            self.ready.notified().await;
        }
    }
}

struct Desk {
    open: Mutex<HashMap<u64, Arc<Answer>>>,
    questions: mpsc::UnboundedSender<String>,
    next_id: AtomicU64,
    baskets: AtomicU64,
    tagged: bool,
}

impl Desk {
    /// The desk repeats the sku in its answer, which is how we find the asker.
    async fn price_of(&self, sku: u64) -> u64 {
        let answer = Arc::new(Answer::default());
        self.open.lock().unwrap().insert(sku, answer.clone()); // guilty
        let _ = self.questions.send(format!("{sku} {sku}\n"));
        answer.wait().await // guilty
    }

    async fn price_by_tag(&self, sku: u64) -> u64 {
        let tag = self.next_id.fetch_add(1, Ordering::Relaxed);
        let answer = Arc::new(Answer::default());
        self.open.lock().unwrap().insert(tag, answer.clone());
        let _ = self.questions.send(format!("{tag} {sku}\n"));
        answer.wait().await
    }

    async fn line_total(&self, sku: u64, pieces: u64) -> u64 {
        let cents = if self.tagged { self.price_by_tag(sku).await } else { self.price_of(sku).await };
        cents * pieces
    }

    fn settle(&self, line: &str) {
        let mut words = line.split_whitespace().map(|w| w.parse::<u64>().unwrap_or(0));
        let (tag, cents) = (words.next().unwrap_or(0), words.next().unwrap_or(0));
        if let Some(answer) = self.open.lock().unwrap().remove(&tag) {
            answer.give(cents);
        }
    }
}

async fn send_questions(mut from: mpsc::UnboundedReceiver<String>, mut to: OwnedWriteHalf) -> io::Result<()> {
    while let Some(question) = from.recv().await {
        to.write_all(question.as_bytes()).await?;
    }
    Ok(())
}

async fn read_answers(desk: Arc<Desk>, from: OwnedReadHalf) -> io::Result<()> {
    let mut lines = BufReader::new(from).lines();
    while let Some(line) = lines.next_line().await? {
        desk.settle(&line);
    }
    Ok(())
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Three lines, as the customer put them in.
fn basket(n: u64) -> [(u64, u64); 3] {
    [0, 1, 2].map(|i| {
        let r = mix(n * 3 + i + 1);
        (1 + r % SKUS, 1 + (r >> 32) % 4)
    })
}

async fn total(State(desk): State<Arc<Desk>>) -> String {
    let n = desk.baskets.fetch_add(1, Ordering::Relaxed);
    let [a, b, c] = basket(n);
    let (x, y, z) = tokio::join!(desk.line_total(a.0, a.1), desk.line_total(b.0, b.1), desk.line_total(c.0, c.1));
    format!("basket {n}: {x} + {y} + {z} = {}\n", x + y + z)
}

/// Stand-in for the price desk: "tag sku" in, "tag cents" out.
async fn price_desk(listener: TcpListener) -> io::Result<()> {
    let (sock, _) = listener.accept().await?;
    sock.set_nodelay(true)?;
    let (from, mut to) = sock.into_split();
    let mut lines = BufReader::new(from).lines();
    while let Some(line) = lines.next_line().await? {
        let (tag, sku) = line.split_once(' ').unwrap_or(("0", "0"));
        let sku: u64 = sku.parse().unwrap_or(0);
        to.write_all(format!("{tag} {}\n", 99 + mix(sku) % 4900).as_bytes()).await?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = inner.local_addr().unwrap();
        tokio::spawn(price_desk(inner));
        let wire = TcpStream::connect(addr).await.unwrap();
        wire.set_nodelay(true).unwrap();
        let (from, to) = wire.into_split();
        let (questions, pending) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk {
            open: Mutex::default(),
            questions,
            next_id: AtomicU64::new(1),
            baskets: AtomicU64::new(1),
            tagged: !broken,
        });
        tokio::spawn(send_questions(pending, to));
        tokio::spawn(read_answers(desk.clone(), from));
        let app = Router::new().route("/", get(total)).with_state(desk);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
