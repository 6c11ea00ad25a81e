//! Corner shop: the front page greets a customer, opens a basket for the visit and shows the day's offers.
use axum::{extract::State, response::Html, routing::get, Router};
use dashmap::DashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use tokio::net::TcpListener;

const OFFERS: [(&str, u32); 6] =
    [("apples", 199), ("bread", 349), ("candles", 450), ("dates", 520), ("eggs", 289), ("flour", 129)];
const OPEN_BASKETS: usize = 400;

struct Line {
    item: &'static str,
    cents: u32,
    note: String,
}

struct Basket {
    lines: Vec<Line>,
    greeting: String,
}

impl Basket {
    fn suggested(customer: u64) -> Basket {
        let lines = (0..100)
            .map(|n| {
                let (item, cents) = OFFERS[(customer as usize + n) % OFFERS.len()];
                Line {
                    item,
                    cents,
                    note: format!("{item} for customer {customer}, shelf {n:02}, kept cool, {:>64}", n * 7),
                }
            })
            .collect();
        Basket { lines, greeting: format!("Good day, customer {customer}") }
    }

    fn total(&self) -> u32 {
        self.lines.iter().map(|l| l.cents).sum()
    }
}

struct Shop {
    baskets: DashMap<u64, Arc<Basket>>,
    order: Mutex<VecDeque<u64>>,
    customers: AtomicU64,
    broken: bool,
}

impl Shop {
    fn open_basket(&self, customer: u64) -> Arc<Basket> {
        let basket = Arc::new(Basket::suggested(customer));
        self.baskets.insert(customer, basket.clone()); // guilty
        basket
    }

    fn open_basket_among(&self, customer: u64) -> Arc<Basket> {
        let basket = Arc::new(Basket::suggested(customer));
        self.baskets.insert(customer, basket.clone());
        let oldest = {
            let mut order = self.order.lock();
            order.push_back(customer);
            if order.len() > OPEN_BASKETS {
                order.pop_front()
            } else {
                None
            }
        };
        if let Some(gone) = oldest {
            self.baskets.remove(&gone);
        }
        basket
    }

    fn neighbour(&self, customer: u64) -> Option<u32> {
        self.baskets.get(&customer.wrapping_sub(1)).map(|b| b.total())
    }
}

fn page(basket: &Basket, neighbour: Option<u32>) -> String {
    let mut html = format!("<h1>{}</h1><ul>", basket.greeting);
    for line in basket.lines.iter().take(8) {
        html.push_str(&format!(
            "<li>{} {}.{:02} <i>{}</i></li>",
            line.item,
            line.cents / 100,
            line.cents % 100,
            line.note.trim_end()
        ));
    }
    html.push_str(&format!("</ul><p>Basket: {} cents", basket.total()));
    if let Some(cents) = neighbour {
        html.push_str(&format!(", the one before you: {cents}"));
    }
    html.push_str("</p>");
    html
}

async fn front(State(shop): State<Arc<Shop>>) -> Html<String> {
    let customer = shop.customers.fetch_add(1, Ordering::Relaxed);
    let basket = if shop.broken { shop.open_basket(customer) } else { shop.open_basket_among(customer) };
    Html(page(&basket, shop.neighbour(customer)))
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let shop = Arc::new(Shop {
        baskets: DashMap::new(),
        order: Mutex::new(VecDeque::new()),
        customers: AtomicU64::new(1),
        broken,
    });
    let app = Router::new().route("/", get(front)).with_state(shop);
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, app).await
}
