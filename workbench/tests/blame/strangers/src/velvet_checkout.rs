//! Checkout: puts the cart's stock on hold, takes the payment, books the order. A hold that is not
//! paid within `HOLD_FOR` goes back on the shelf.
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const HOLD_FOR: Duration = Duration::from_secs(900);
const PAYMENT_TIME: Duration = Duration::from_millis(3);
const SKUS: u64 = 400;

#[derive(Clone)]
struct CartLine {
    sku: u64,
    quantity: u32,
    unit_cents: u64,
    title: String,
    gift_note: [u8; 256],
}

#[derive(Clone)]
struct Cart {
    order: u64,
    lines: Vec<CartLine>,
}

impl Cart {
    fn sample(order: u64) -> Self {
        let lines = (0..24)
            .map(|i| CartLine {
                sku: (order * 31 + i * 17) % SKUS,
                quantity: 1 + (i % 3) as u32,
                unit_cents: 199 + (order + i) * 53 % 4_000,
                title: format!("article {} in velvet, size {}", (order + i) % 90, i),
                gift_note: [b' '; 256],
            })
            .collect();
        Cart { order, lines }
    }

    fn total(&self) -> u64 {
        self.lines.iter().map(|l| l.unit_cents * u64::from(l.quantity)).sum()
    }

    fn gift_wrapped(&self) -> bool {
        self.lines.iter().any(|l| !l.title.is_empty() && l.gift_note[0] != b' ')
    }
}

#[derive(Default)]
struct Stock {
    held: Mutex<HashMap<u64, u32>>,
    open_holds: Mutex<HashMap<u64, ()>>,
}

impl Stock {
    fn hold(&self, cart: &Cart) {
        let mut held = self.held.lock().unwrap();
        for line in &cart.lines {
            *held.entry(line.sku).or_default() += line.quantity;
        }
        self.open_holds.lock().unwrap().insert(cart.order, ());
    }

    /// Returns false if the hold has already been settled.
    fn release(&self, cart: &Cart) -> bool {
        if self.open_holds.lock().unwrap().remove(&cart.order).is_none() {
            return false;
        }
        let mut held = self.held.lock().unwrap();
        for line in &cart.lines {
            if let Some(quantity) = held.get_mut(&line.sku) {
                *quantity = quantity.saturating_sub(line.quantity);
            }
        }
        true
    }
}

struct Shop {
    stock: Arc<Stock>,
    orders: AtomicU64,
    settle_expiry: bool,
}

#[derive(Serialize)]
struct Receipt {
    order: u64,
    total_cents: u64,
    gift: bool,
}

fn hold_with_expiry(stock: &Arc<Stock>, cart: &Cart) -> JoinHandle<()> {
    stock.hold(cart);
    let (stock, cart) = (stock.clone(), cart.clone());
    tokio::spawn(async move {
        // guilty
        tokio::time::sleep(HOLD_FOR).await;
        if stock.release(&cart) {
            eprintln!("hold of order {} expired", cart.order);
        }
    })
}

async fn take_payment(cents: u64) -> Result<(), &'static str> {
    tokio::time::sleep(PAYMENT_TIME).await;
    if cents == 0 {
        return Err("nothing to pay");
    }
    Ok(())
}

async fn checkout(State(shop): State<Arc<Shop>>) -> impl IntoResponse {
    let cart = Cart::sample(shop.orders.fetch_add(1, Ordering::Relaxed));
    let expiry = hold_with_expiry(&shop.stock, &cart);
    let total_cents = cart.total();
    let paid = take_payment(total_cents).await;
    shop.stock.release(&cart);
    if shop.settle_expiry {
        expiry.abort();
    }
    match paid {
        Ok(()) => Json(Receipt { order: cart.order, total_cents, gift: cart.gift_wrapped() }).into_response(),
        Err(reason) => (StatusCode::PAYMENT_REQUIRED, reason).into_response(),
    }
}

pub async fn run(broken: bool, port: u16) -> std::io::Result<()> {
    let shop = Arc::new(Shop { stock: Arc::default(), orders: AtomicU64::new(1), settle_expiry: !broken });
    let router = Router::new().route("/", get(checkout)).with_state(shop);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?.tap_io(|io| {
        let _ = io.set_nodelay(true);
    });
    axum::serve(listener, router).await
}
