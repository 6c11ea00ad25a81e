//! Order page of a shop: what is due on an order in the customer's currency. The courier
//! stamps orders on their way, so each order has its own lock.

use axum::{extract::State, routing::get, serve::ListenerExt, Router};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;

const KEPT_ORDERS: u64 = 2000;

struct Order {
    currency: &'static str,
    lines: Vec<(u32, u32)>,
    stamps: u32,
}

type Shared = Arc<RwLock<Order>>;

struct Rates {
    addr: std::net::SocketAddr,
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

impl Rates {
    async fn ask(&self, currency: &str) -> std::io::Result<u64> {
        let idle = self.idle.lock().unwrap().pop();
        let mut link = match idle {
            Some(link) => link,
            None => {
                let s = TcpStream::connect(self.addr).await?;
                s.set_nodelay(true)?;
                BufReader::new(s)
            }
        };
        link.write_all(format!("{currency}\n").as_bytes()).await?;
        let mut answer = String::new();
        link.read_line(&mut answer).await?;
        self.idle.lock().unwrap().push(link);
        Ok(answer.trim().parse().unwrap_or(10_000))
    }
}

/// The bank's rate desk.
async fn rate_desk(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            let mut link = BufReader::new(stream);
            let mut line = String::new();
            while matches!(link.read_line(&mut line).await, Ok(n) if n > 0) {
                tokio::time::sleep(Duration::from_millis(2)).await;
                let rate = if line.trim() == "CHF" { 9_412 } else { 10_874 };
                if link.write_all(format!("{rate}\n").as_bytes()).await.is_err() {
                    break;
                }
                line.clear();
            }
        });
    }
}

struct Shop {
    orders: Mutex<HashMap<u64, Shared>>,
    views: AtomicU64,
    rates: Rates,
    live_page: bool,
}

impl Shop {
    fn order(&self, id: u64) -> Shared {
        let mut orders = self.orders.lock().unwrap();
        orders.remove(&id.wrapping_sub(KEPT_ORDERS));
        orders.entry(id).or_insert_with(|| Arc::new(RwLock::new(new_order(id)))).clone()
    }

    async fn live_view(&self, id: u64, order: &Shared) -> String {
        let held = order.read().await;
        let rate = self.rates.ask(held.currency).await.unwrap_or(10_000);
        let due = total_due(order, rate).await; // guilty
        format!("order {id}: {due} {} ({} stamps)\n", held.currency, held.stamps)
    }

    async fn plain_view(&self, id: u64, order: &Shared) -> String {
        let (currency, stamps) = {
            let o = order.read().await;
            (o.currency, o.stamps)
        };
        let rate = self.rates.ask(currency).await.unwrap_or(10_000);
        let due = total_due(order, rate).await;
        format!("order {id}: {due} {currency} ({stamps} stamps)\n")
    }
}

fn new_order(id: u64) -> Order {
    let lines = (0..3 + id % 9).map(|i| (1 + (i % 3) as u32, 250 + (id * 31 + i * 17) as u32 % 4000)).collect();
    Order { currency: if id % 3 == 0 { "CHF" } else { "USD" }, lines, stamps: 0 }
}

async fn total_due(order: &Shared, rate: u64) -> u64 {
    let order = order.read().await; // guilty
    let cents: u64 = order.lines.iter().map(|&(n, price)| n as u64 * price as u64).sum();
    cents * rate / 10_000
}

async fn stamp(order: Shared) {
    let mut order = order.write().await;
    order.stamps += 1;
}

/// Courier feed: the newest order is picked, packed, handed over.
async fn courier(shop: Arc<Shop>) {
    let mut tick = tokio::time::interval(Duration::from_millis(480));
    loop {
        tick.tick().await;
        let newest = shop.order(shop.views.load(Ordering::Relaxed).saturating_sub(1) / 2);
        tokio::spawn(stamp(newest));
    }
}

async fn page(State(shop): State<Arc<Shop>>) -> String {
    let id = shop.views.fetch_add(1, Ordering::Relaxed) / 2;
    let order = shop.order(id);
    if shop.live_page {
        shop.live_view(id, &order).await
    } else {
        shop.plain_view(id, &order).await
    }
}

pub async fn run(broken: bool, port: u16) {
    let desk = TcpListener::bind("127.0.0.1:0").await.expect("desk");
    let rates = Rates { addr: desk.local_addr().expect("addr"), idle: Mutex::default() };
    tokio::spawn(rate_desk(desk));
    let shop = Arc::new(Shop { orders: Mutex::default(), views: AtomicU64::new(0), rates, live_page: broken });
    tokio::spawn(courier(shop.clone()));
    let app = Router::new().route("/", get(page)).with_state(shop);
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    let listener = listener.tap_io(|s| {
        let _ = s.set_nodelay(true);
    });
    axum::serve(listener, app).await.expect("serve");
}
