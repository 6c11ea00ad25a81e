//! Storefront shelves: three short lists per visitor, from scores refreshed in the background.
use crate::cleo::{rng::Rng, wire};
use parking_lot::RwLock;
use serde_json::json;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const ITEMS: usize = 2400;
const WIDTH: usize = 128;
const NEAR: usize = 2000;

struct Item {
    name: String,
    traits: [f32; WIDTH],
    views: AtomicU64,
}

struct Shop {
    items: Vec<Item>,
    scores: Vec<AtomicU64>,
    order: RwLock<Arc<Vec<u32>>>,
    window: usize,
    visits: AtomicU64,
}

impl Shop {
    fn stock(window: usize) -> Shop {
        let mut rng = Rng::new(7);
        let items = (0..ITEMS)
            .map(|n| {
                let mut traits = [0f32; WIDTH];
                traits.iter_mut().for_each(|t| *t = rng.unit() - 0.5);
                Item { name: format!("item-{n}"), traits, views: AtomicU64::new(rng.below(500) as u64) }
            })
            .collect();
        Shop {
            items,
            scores: (0..ITEMS).map(|_| AtomicU64::new(0)).collect(),
            order: RwLock::new(Arc::new((0..ITEMS as u32).collect())),
            window: window.max(1),
            visits: AtomicU64::new(0),
        }
    }

    fn affinity(&self, a: usize, b: usize) -> f32 {
        let (x, y) = (&self.items[a].traits, &self.items[b].traits);
        x.iter().zip(y).map(|(p, q)| p * q).sum()
    }

    /// Likeness to the items that follow it in the catalogue, weighed by how often it is seen.
    fn rescore(&self, id: usize) {
        let mut sum = 0f32;
        for step in 1..=NEAR {
            let other = (id + step) % ITEMS;
            sum += self.affinity(id, other).max(0.0);
        }
        let seen = self.items[id].views.load(Ordering::Relaxed) as f32;
        let score = (sum * 1000.0 * (1.0 + seen).ln()) as u64;
        self.scores[id].store(score, Ordering::Relaxed);
    }

    fn rank(&self) {
        let mut keyed: Vec<(u64, u32)> =
            (0..ITEMS as u32).map(|id| (self.scores[id as usize].load(Ordering::Relaxed), id)).collect();
        keyed.sort_unstable_by(|a, b| b.cmp(a));
        *self.order.write() = Arc::new(keyed.into_iter().map(|(_, id)| id).collect());
    }
}

async fn refresh_scores(shop: &Arc<Shop>) {
    let mut running = JoinSet::new();
    for id in 0..shop.items.len() {
        while running.len() >= shop.window {
            running.join_next().await;
        }
        let shop = shop.clone();
        running.spawn(async move { shop.rescore(id) }); // guilty
    }
    while running.join_next().await.is_some() {}
    shop.rank();
}

async fn keep_fresh(shop: Arc<Shop>) {
    let mut every = tokio::time::interval(Duration::from_millis(1400));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        refresh_scores(&shop).await;
    }
}

async fn best_sellers(shop: Arc<Shop>) -> Vec<u32> {
    let order = shop.order.read().clone();
    order.iter().take(5).copied().collect()
}

async fn because_you_saw(shop: Arc<Shop>, id: usize) -> Vec<u32> {
    let mut near: Vec<(f32, u32)> =
        (1..40).map(|s| (id + s * 13) % ITEMS).map(|o| (shop.affinity(id, o), o as u32)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.into_iter().take(5).map(|(_, id)| id).collect()
}

async fn seen_lately(shop: Arc<Shop>, visit: u64) -> Vec<u32> {
    let mut rng = Rng::new(visit + 1);
    (0..5)
        .map(|_| rng.below(ITEMS))
        .inspect(|&id| {
            shop.items[id].views.fetch_add(1, Ordering::Relaxed);
        })
        .map(|id| id as u32)
        .collect()
}

fn names(shop: &Shop, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|&id| shop.items[id as usize].name.clone()).collect()
}

async fn front_page(shop: &Arc<Shop>) -> String {
    let visit = shop.visits.fetch_add(1, Ordering::Relaxed);
    let last = (visit as usize * 31) % ITEMS;
    let best = tokio::spawn(best_sellers(shop.clone()));
    let like = tokio::spawn(because_you_saw(shop.clone(), last));
    let seen = tokio::spawn(seen_lately(shop.clone(), visit));
    let (best, like, seen) = (best.await, like.await, seen.await);
    json!({
        "best": names(shop, &best.unwrap_or_default()),
        "like": names(shop, &like.unwrap_or_default()),
        "seen": names(shop, &seen.unwrap_or_default()),
    })
    .to_string()
}

async fn converse(mut stream: TcpStream, shop: Arc<Shop>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut pending = Vec::with_capacity(1024);
    while let Some(head) = wire::next_head(&mut stream, &mut pending).await? {
        let answer = match (head.method.as_str(), head.path.as_str()) {
            ("GET", "/") => wire::reply("200 OK", &front_page(&shop).await, head.keep),
            _ => wire::reply("404 Not Found", "{}", head.keep),
        };
        stream.write_all(&answer).await?;
        if !head.keep {
            break;
        }
    }
    Ok(())
}

#[tokio::main]
pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let shop = Arc::new(Shop::stock(if broken { ITEMS } else { 1 }));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    tokio::spawn(keep_fresh(shop.clone()));
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(converse(stream, shop.clone()));
    }
}
