//! Stock page of a parts shop: asks the depots how many they have and shows the sum.
use axum::{extract::State, routing::get, Router};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{timeout_at, Instant};

const PATIENCE: Duration = Duration::from_millis(30);

struct Query {
    part: u32,
    reply: mpsc::Sender<Count>,
}

struct Count {
    depot: &'static str,
    pieces: u32,
}

struct Shop {
    depots: Vec<(&'static str, mpsc::Sender<Query>)>,
    every_depot: bool,
    visits: AtomicU32,
}

fn shelf(seed: u32) -> HashMap<u32, u32> {
    (0..2000u32).map(|p| (p, (p.wrapping_mul(2654435761) ^ seed) % 90)).collect()
}

async fn depot(name: &'static str, seed: u32, mut inbox: mpsc::Receiver<Query>) {
    let shelf = shelf(seed);
    while let Some(q) = inbox.recv().await {
        let pieces = shelf.get(&q.part).copied().unwrap_or(0);
        let _ = q.reply.try_send(Count { depot: name, pieces });
    }
}

/// A depot whose line is down: the newest questions are kept until it is back.
async fn unreachable_depot(mut inbox: mpsc::Receiver<Query>) {
    let mut kept: VecDeque<Query> = VecDeque::new();
    while let Some(q) = inbox.recv().await {
        kept.push_back(q);
        if kept.len() > 64 {
            kept.pop_front();
        }
    }
}

fn ask_depots(shop: &Shop, part: u32) -> (mpsc::Sender<Count>, mpsc::Receiver<Count>) {
    let (tx, rx) = mpsc::channel(shop.depots.len());
    for (name, line) in &shop.depots {
        if line.try_send(Query { part, reply: tx.clone() }).is_err() {
            eprintln!("{name}: line busy");
        }
    }
    (tx, rx)
}

async fn gather_all(shop: &Shop, part: u32) -> Vec<Count> {
    let (_tx, mut rx) = ask_depots(shop, part);
    let deadline = Instant::now() + PATIENCE;
    let mut counts = Vec::with_capacity(shop.depots.len());
    while counts.len() < shop.depots.len() {
        match timeout_at(deadline, rx.recv()).await {
            // guilty
            Ok(Some(c)) => counts.push(c),
            _ => break,
        }
    }
    counts
}

async fn gather_quorum(shop: &Shop, part: u32) -> Vec<Count> {
    let (_tx, mut rx) = ask_depots(shop, part);
    let deadline = Instant::now() + PATIENCE;
    let quorum = shop.depots.len() / 2 + 1;
    let mut counts = Vec::with_capacity(shop.depots.len());
    while counts.len() < quorum {
        match timeout_at(deadline, rx.recv()).await {
            Ok(Some(c)) => counts.push(c),
            _ => break,
        }
    }
    counts
}

fn page(part: u32, mut counts: Vec<Count>) -> String {
    counts.sort_by_key(|c| c.depot);
    let total: u32 = counts.iter().map(|c| c.pieces).sum();
    let mut s = format!("part {part}: at least {total} pieces\n");
    for c in &counts {
        s.push_str(&format!("  {:<8} {:>3}\n", c.depot, c.pieces));
    }
    s
}

async fn stock(State(shop): State<Arc<Shop>>) -> String {
    let part = shop.visits.fetch_add(1, Ordering::Relaxed).wrapping_mul(7) % 2000;
    let counts = if shop.every_depot { gather_all(&shop, part).await } else { gather_quorum(&shop, part).await };
    page(part, counts)
}

async fn serve(broken: bool, port: u16) -> std::io::Result<()> {
    let mut depots = Vec::new();
    for (i, name) in ["bremen", "graz", "lyon"].into_iter().enumerate() {
        let (tx, rx) = mpsc::channel(128);
        tokio::spawn(depot(name, 17 + i as u32, rx));
        depots.push((name, tx));
    }
    let (tx, rx) = mpsc::channel(128);
    tokio::spawn(unreachable_depot(rx));
    depots.push(("porto", tx));
    let shop = Arc::new(Shop { depots, every_depot: broken, visits: AtomicU32::new(0) });
    let app = Router::new().route("/", get(stock)).with_state(shop);
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, app).await
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(serve(broken, port)).unwrap();
}
