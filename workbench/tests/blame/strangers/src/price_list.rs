//! Price list of a wholesaler: the supplier's feed is loaded afresh all the time, GET quotes a basket.
use axum::{extract::State, routing::get, Router};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;

const ARTICLES: u32 = 190_000;

struct Article {
    name: Box<str>,
    tiers: Vec<(u32, u32)>,
}

#[derive(Default)]
struct Catalogue {
    edition: u32,
    articles: HashMap<u32, Article>,
}

impl Catalogue {
    fn unit_price(&self, sku: u32, quantity: u32) -> Option<(&str, u32)> {
        let article = self.articles.get(&sku)?;
        let tier = article.tiers.iter().rev().find(|(from, _)| *from <= quantity)?;
        Some((&article.name, tier.1))
    }
}

struct Shop {
    current: RwLock<Catalogue>,
    basket_no: AtomicU32,
}

impl Shop {
    fn install(&self, fresh: Catalogue) {
        *self.current.write() = fresh; // guilty
    }

    fn install_and_retire(&self, fresh: Catalogue) {
        let retired = std::mem::replace(&mut *self.current.write(), fresh);
        drop(retired);
    }

    fn quote(&self, basket: u32) -> String {
        let list = self.current.read();
        let mut total = 0u64;
        let mut text = format!("edition {}\n", list.edition);
        for line in 0..6 {
            let sku = (basket * 6151 + line * 977) % ARTICLES;
            let quantity = 1 + (basket + line * 13) % 60;
            if let Some((name, price)) = list.unit_price(sku, quantity) {
                total += price as u64 * quantity as u64;
                text.push_str(&format!("{quantity} x {name} at {price}\n"));
            }
        }
        text.push_str(&format!("total {total}\n"));
        text
    }
}

fn article_name(sku: u32) -> Box<str> {
    const KINDS: [&str; 5] = ["hex bolt M8", "wood screw 4x40", "anchor 10mm", "washer, zinc", "threaded rod"];
    KINDS[sku as usize % KINDS.len()].into()
}

fn price_tiers(sku: u32, edition: u32) -> Vec<(u32, u32)> {
    let base = 80 + (sku * 31 + edition * 7) % 900;
    vec![(1, base), (10, base * 9 / 10), (50, base * 8 / 10)]
}

fn load_feed(edition: u32) -> Catalogue {
    let mut articles = HashMap::with_capacity(ARTICLES as usize);
    for sku in 0..ARTICLES {
        articles.insert(sku, Article { name: article_name(sku), tiers: price_tiers(sku, edition) });
    }
    Catalogue { edition, articles }
}

fn follow_feed(shop: Arc<Shop>, broken: bool) {
    for edition in 2.. {
        std::thread::sleep(Duration::from_millis(650));
        let fresh = load_feed(edition);
        if broken {
            shop.install(fresh);
        } else {
            shop.install_and_retire(fresh);
        }
    }
}

async fn basket(State(shop): State<Arc<Shop>>) -> String {
    let no = shop.basket_no.fetch_add(1, Ordering::Relaxed) % 100_000;
    shop.quote(no)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let shop = Arc::new(Shop { current: RwLock::new(load_feed(1)), basket_no: AtomicU32::new(0) });
    let follower = shop.clone();
    std::thread::Builder::new().name("feed".into()).spawn(move || follow_feed(follower, broken)).expect("feed thread");
    let app = Router::new().route("/", get(basket)).with_state(shop);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(listener, app).await.expect("serve");
}
