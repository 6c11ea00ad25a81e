//! Stock list of a parts wholesaler, taken anew from the warehouse's feed as long as the service runs.
use axum::{extract::State, routing::get, Router};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

const REFRESH: Duration = Duration::from_millis(640);
const ARTICLES: u32 = 330_000;

struct Article {
    name: String,
    bins: Vec<u16>,
}

#[derive(Default)]
struct Stock {
    edition: u32,
    articles: BTreeMap<u32, Box<Article>>,
}

struct Depot {
    broken: bool,
    stock: RwLock<Stock>,
    asked: AtomicU32,
}

const KINDS: [&str; 5] = ["bearing", "gasket", "spindle", "washer", "coupling"];

fn read_article(number: u32, edition: u32) -> Article {
    let mut name = String::with_capacity(20);
    name.push_str(KINDS[number as usize % KINDS.len()]);
    name.push('-');
    name.push((b'a' + (number % 26) as u8) as char);
    let first = (number.wrapping_mul(40503) >> 4) as u16 ^ edition as u16;
    Article { name, bins: vec![first % 90, first % 31, first % 7] }
}

fn read_feed(edition: u32) -> Stock {
    let articles = (0..ARTICLES).map(|n| (n * 3, Box::new(read_article(n, edition)))).collect();
    Stock { edition, articles }
}

impl Depot {
    fn install(&self, fresh: Stock) {
        let mut stock = self.stock.write().unwrap();
        *stock = fresh; // guilty
    }

    fn exchange(&self, fresh: Stock) {
        let old = {
            let mut stock = self.stock.write().unwrap();
            std::mem::replace(&mut *stock, fresh)
        };
        drop(old);
    }

    fn lookup(&self, number: u32) -> Option<(u32, String, u32)> {
        let stock = self.stock.read().unwrap();
        let article = stock.articles.get(&number)?;
        let pieces = article.bins.iter().map(|b| *b as u32).sum();
        Some((stock.edition, article.name.clone(), pieces))
    }
}

fn follow_feed(depot: Arc<Depot>) {
    let mut edition = 1;
    loop {
        std::thread::sleep(REFRESH);
        edition += 1;
        let fresh = read_feed(edition);
        if depot.broken {
            depot.install(fresh);
        } else {
            depot.exchange(fresh);
        }
    }
}

fn wanted(asked: u32) -> impl Iterator<Item = u32> {
    (0..8u32).map(move |i| asked.wrapping_mul(7919).wrapping_add(i * 104_729) % ARTICLES * 3)
}

async fn availability(State(depot): State<Arc<Depot>>) -> String {
    let asked = depot.asked.fetch_add(1, Ordering::Relaxed);
    let mut page = String::with_capacity(400);
    for number in wanted(asked) {
        match depot.lookup(number) {
            Some((edition, name, pieces)) => {
                page += &format!("{number:>7} {name:<14}{pieces:>5} pcs (list {edition})\n")
            }
            None => page += &format!("{number:>7} unknown\n"),
        }
    }
    page
}

pub async fn run(broken: bool, port: u16) {
    let depot = Arc::new(Depot { broken, stock: RwLock::new(read_feed(1)), asked: AtomicU32::new(0) });
    let feed = depot.clone();
    std::thread::spawn(move || follow_feed(feed));
    let app = Router::new().route("/", get(availability)).with_state(depot);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(listener, app).await.unwrap();
}
