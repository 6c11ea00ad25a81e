//! Almanac press: keeps a printed (packed) edition of a price almanac; readers get the current edition's imprint.
use crate::ada;
use bytes::Bytes;
use flate2::{write::GzEncoder, Compression};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::RwLock;
use serde::Serialize;
use std::convert::Infallible;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SHELF_LIFE: Duration = Duration::from_millis(500);
const ENTRIES: u64 = 7000;

#[derive(Clone, Serialize)]
struct Entry {
    sku: u64,
    title: String,
    region: &'static str,
    cents: u64,
    history: Vec<u32>,
}

struct Stock {
    entries: RwLock<Vec<Entry>>,
    revisions: AtomicU64,
}

impl Stock {
    fn opening() -> Stock {
        const REGIONS: [&str; 5] = ["north", "south", "east", "west", "isles"];
        let entries = (0..ENTRIES)
            .map(|sku| {
                let h = ada::mix(sku);
                Entry {
                    sku,
                    title: format!("{} of {} no. {}", ["Table", "Chart", "List"][(h % 3) as usize], h % 977, sku),
                    region: REGIONS[(h % 5) as usize],
                    cents: 100 + h % 9000,
                    history: (0..12).map(|i| (ada::mix(h ^ i) % 5000) as u32).collect(),
                }
            })
            .collect();
        Stock { entries: RwLock::new(entries), revisions: AtomicU64::new(0) }
    }

    fn revise(&self, round: u64) {
        let mut entries = self.entries.write();
        for i in 0..20 {
            let at = (ada::mix(round * 31 + i) % ENTRIES) as usize;
            let e = &mut entries[at];
            let old = e.cents as u32;
            e.cents = 100 + ada::mix(e.cents ^ round) % 9000;
            e.history.rotate_left(1);
            *e.history.last_mut().unwrap() = old;
        }
        self.revisions.fetch_add(1, Ordering::Relaxed);
    }
}

struct Edition {
    number: u64,
    packed: Vec<u8>,
    checksum: u64,
    printed: Instant,
}

fn typeset(stock: &Stock, number: u64) -> Edition {
    let mut entries = stock.entries.read().clone();
    entries.sort_by(|a, b| a.region.cmp(b.region).then(b.cents.cmp(&a.cents)).then(a.title.cmp(&b.title)));
    let text = serde_json::to_vec(&entries).unwrap();
    let checksum = text.chunks(8).fold(number, |acc, c| ada::mix(acc ^ c.iter().fold(0, |a, b| a << 8 | *b as u64)));
    let mut gz = GzEncoder::new(Vec::with_capacity(text.len() / 3), Compression::new(6));
    gz.write_all(&text).unwrap();
    Edition { number, packed: gz.finish().unwrap(), checksum, printed: Instant::now() }
}

struct Press {
    alt: bool,
    stock: Stock,
    current: RwLock<Arc<Edition>>,
    readers: AtomicU64,
}

impl Press {
    fn open(alt: bool) -> Press {
        let stock = Stock::opening();
        let first = typeset(&stock, 1);
        Press { alt, stock, current: RwLock::new(Arc::new(first)), readers: AtomicU64::new(0) }
    }

    async fn edition(&self) -> Arc<Edition> {
        let current = self.current.read().clone();
        if self.alt || current.printed.elapsed() < SHELF_LIFE {
            return current;
        }
        let fresh = Arc::new(typeset(&self.stock, current.number + 1)); // guilty
        *self.current.write() = fresh.clone();
        fresh
    }

    async fn night_shift(self: Arc<Self>) {
        let mut every = tokio::time::interval(SHELF_LIFE);
        loop {
            every.tick().await;
            let press = self.clone();
            let number = press.current.read().number + 1;
            if let Ok(e) = tokio::task::spawn_blocking(move || typeset(&press.stock, number)).await {
                *self.current.write() = Arc::new(e);
            }
        }
    }
}

fn imprint(e: &Edition, reader: u64) -> String {
    format!(
        "{{\"edition\":{},\"bytes\":{},\"checksum\":\"{:016x}\",\"reader\":{},\"tail\":{}}}\n",
        e.number,
        e.packed.len(),
        e.checksum,
        reader,
        e.packed.last().copied().unwrap_or(0)
    )
}

async fn desk(press: Arc<Press>, req: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut res = Response::new(Full::default());
    match (req.method(), req.uri().path()) {
        (&Method::GET, "/") => {
            let reader = press.readers.fetch_add(1, Ordering::Relaxed);
            let edition = press.edition().await;
            *res.body_mut() = Full::new(Bytes::from(imprint(&edition, reader)));
        }
        _ => *res.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(res)
}

async fn revisions(press: Arc<Press>) {
    let mut every = tokio::time::interval(Duration::from_millis(20));
    let mut round = 0;
    loop {
        every.tick().await;
        round += 1;
        press.stock.revise(round);
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let alt = !broken;
    let press = Arc::new(Press::open(alt));
    tokio::spawn(revisions(press.clone()));
    if alt {
        tokio::spawn(press.clone().night_shift());
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let Ok((sock, _)) = listener.accept().await else { continue };
        let _ = sock.set_nodelay(true);
        let press = press.clone();
        tokio::spawn(async move {
            let service = service_fn(move |req| desk(press.clone(), req));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(sock), service).await;
        });
    }
}
