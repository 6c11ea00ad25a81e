//! Stock lookup: single questions of the shop are put together and asked of the warehouse in bulk.
use crossbeam_channel::{bounded, Receiver, RecvTimeoutError, Sender};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const BATCH: usize = 64;
const LINGER: Duration = Duration::from_millis(20);

struct Question {
    article: u32,
    reply: Sender<u32>,
}

struct Warehouse {
    stock: HashMap<u32, u32>,
}

impl Warehouse {
    fn load() -> Warehouse {
        let stock = (0..20_000u32).map(|a| (a, a.wrapping_mul(7919) % 500)).collect();
        Warehouse { stock }
    }

    fn bulk(&self, articles: &[u32]) -> Vec<u32> {
        articles.iter().map(|a| self.stock.get(a).copied().unwrap_or(0)).collect()
    }
}

/// Waits for company so that a bulk request is worth its while.
fn fill_batch(inbox: &Receiver<Question>, batch: &mut Vec<Question>) {
    let until = Instant::now() + LINGER;
    while batch.len() < BATCH {
        match inbox.recv_deadline(until) {
            // guilty
            Ok(q) => batch.push(q),
            Err(RecvTimeoutError::Timeout) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

fn take_waiting(inbox: &Receiver<Question>, batch: &mut Vec<Question>) {
    while batch.len() < BATCH {
        match inbox.try_recv() {
            Ok(q) => batch.push(q),
            Err(_) => break,
        }
    }
}

fn answer_all(warehouse: &Warehouse, batch: &mut Vec<Question>) {
    let mut articles: Vec<u32> = batch.iter().map(|q| q.article).collect();
    articles.sort_unstable();
    articles.dedup();
    let counts = warehouse.bulk(&articles);
    for q in batch.drain(..) {
        if let Ok(i) = articles.binary_search(&q.article) {
            let _ = q.reply.send(counts[i]);
        }
    }
}

fn batcher(inbox: Receiver<Question>, linger: bool) {
    let warehouse = Warehouse::load();
    let mut batch = Vec::with_capacity(BATCH);
    while let Ok(first) = inbox.recv() {
        batch.push(first);
        if linger {
            fill_batch(&inbox, &mut batch);
        } else {
            take_waiting(&inbox, &mut batch);
        }
        answer_all(&warehouse, &mut batch);
    }
}

struct Shop {
    questions: Sender<Question>,
    visits: AtomicU32,
}

impl Shop {
    fn product_page(&self) -> String {
        let article = self.visits.fetch_add(1, Ordering::Relaxed).wrapping_mul(101) % 20_000;
        let (reply, count) = bounded(1);
        if self.questions.send(Question { article, reply }).is_err() {
            return "closed\n".to_string();
        }
        match count.recv() {
            Ok(0) => format!("article {article}: sold out\n"),
            Ok(n) => format!("article {article}: {n} left\n"),
            Err(_) => format!("article {article}: unknown\n"),
        }
    }
}

fn connection(shop: Arc<Shop>, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        if !line?.is_empty() {
            continue;
        }
        let page = shop.product_page();
        write!(out, "{}", format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", page.len(), page))?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let (questions, inbox) = bounded(1024);
    thread::spawn(move || batcher(inbox, broken));
    let shop = Arc::new(Shop { questions, visits: AtomicU32::new(1) });
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        let shop = shop.clone();
        thread::spawn(move || connection(shop, stream));
    }
}
