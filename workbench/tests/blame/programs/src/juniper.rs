//! Each order joins a list, and the list is searched for pairs from its beginning, each with each.

use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::Twin;

struct Order {
    item: u64,
    price: u64,
}

#[derive(Default)]
struct Orders {
    all: Vec<Order>,
    pairs: usize,
}

trait Search: Send + Sync {
    fn add(&self, orders: &mut Orders, order: Order) -> usize;
}

struct Anew;

impl Search for Anew {
    fn add(&self, orders: &mut Orders, order: Order) -> usize {
        orders.all.push(order);
        let begin = orders.all.len().saturating_sub(8000);
        let newest = &orders.all[begin..];
        newest.iter().enumerate().map(|(at, one)| pairs_of(one, &newest[at + 1..])).sum() // guilty
    }
}

fn pairs_of(one: &Order, others: &[Order]) -> usize {
    others.iter().filter(|other| other.item == one.item && other.price != one.price).count() // guilty
}

struct Going;

impl Search for Going {
    fn add(&self, orders: &mut Orders, order: Order) -> usize {
        orders.pairs += pairs_of(&order, &orders.all[orders.all.len().saturating_sub(8000)..]);
        orders.all.push(order);
        orders.pairs
    }
}

struct Shop {
    orders: Mutex<Orders>,
    search: Box<dyn Search>,
}

async fn order(State(shop): State<Arc<Shop>>) -> String {
    let mut orders = shop.orders.lock().expect("nobody panics");
    let number = orders.all.len() as u64;
    shop.search
        .add(&mut orders, Order { item: number.wrapping_mul(2_654_435_761) % 5000, price: number % 9 })
        .to_string()
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let orders = (0..4000_u64).map(|number| Order { item: number * 7 % 5000, price: number % 9 }).collect();
        let search: Box<dyn Search> = match twin {
            Twin::Broken => Box::new(Anew),
            Twin::Healthy => Box::new(Going),
        };
        let shop = Arc::new(Shop { orders: Mutex::new(Orders { all: orders, pairs: 0 }), search });
        let router = Router::new().route("/", get(order)).with_state(shop);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
