//! Box office: while a customer's price is being worked out, the seat is held by a lease
//! that has to be renewed, and is let go when the quote is ready.

use axum::{extract::State, routing::get, Router};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{interval_at, Duration, Instant};

const LEASE: Duration = Duration::from_secs(1);
const RENEW: Duration = Duration::from_millis(250);
const SEATS: u64 = 2_400;

struct Hall {
    signalled: bool,
    leases: Mutex<HashMap<u64, Instant>>,
    next: AtomicU64,
    renewals: AtomicU64,
}

struct Lease {
    seat: u64,
    holder: String,
    terms: Vec<u8>,
}

impl Lease {
    fn new(seat: u64, order: u64) -> Lease {
        let holder = format!("order-{order:08}");
        let mut terms = Vec::with_capacity(6 * 1024);
        while terms.len() < 6_000 {
            terms.extend_from_slice(holder.as_bytes());
            terms.extend_from_slice(&seat.to_le_bytes());
        }
        Lease { seat, holder, terms }
    }
}

struct Renewer(JoinHandle<()>);

impl Drop for Renewer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Hall {
    fn take(&self, seat: u64) {
        self.leases.lock().insert(seat, Instant::now() + LEASE);
    }

    fn let_go(&self, seat: u64) {
        self.leases.lock().remove(&seat);
    }

    fn extend(&self, lease: &Lease) {
        if let Some(until) = self.leases.lock().get_mut(&lease.seat) {
            *until = Instant::now() + LEASE;
        }
        self.renewals.fetch_add(1 + (lease.terms.len() == 0) as u64, Ordering::Relaxed);
    }
}

async fn renew_until(hall: Arc<Hall>, lease: Lease, released: Arc<Notify>) {
    let mut tick = interval_at(Instant::now() + RENEW, RENEW);
    loop {
        tokio::select! {
            _ = released.notified() => break,
            _ = tick.tick() => hall.extend(&lease),
        }
    }
    drop(lease.holder);
}

fn price(seat: u64, order: u64) -> u64 {
    let row = seat / 40;
    let base = 9_500 - row * 110;
    let side = (seat % 40).abs_diff(20) * 35;
    base.saturating_sub(side) + order % 7 * 5
}

fn quote_text(seat: u64, order: u64) -> String {
    let cents = price(seat, order);
    format!("order {order}\nrow {} seat {}\nprice {}.{:02}\n", seat / 40 + 1, seat % 40 + 1, cents / 100, cents % 100)
}

fn quote_with_guard(hall: &Arc<Hall>, seat: u64, order: u64) -> String {
    let lease = Lease::new(seat, order);
    let task = tokio::spawn(renew_until(hall.clone(), lease, Arc::new(Notify::new())));
    let _renewer = Renewer(task);
    quote_text(seat, order)
}

fn quote_with_signal(hall: &Arc<Hall>, seat: u64, order: u64) -> String {
    let lease = Lease::new(seat, order);
    let released = Arc::new(Notify::new());
    tokio::spawn(renew_until(hall.clone(), lease, released.clone())); // guilty
    let text = quote_text(seat, order);
    released.notify_waiters(); // guilty
    text
}

async fn quote(State(hall): State<Arc<Hall>>) -> String {
    let order = hall.next.fetch_add(1, Ordering::Relaxed);
    let seat = order * 7 % SEATS;
    hall.take(seat);
    let text =
        if hall.signalled { quote_with_signal(&hall, seat, order) } else { quote_with_guard(&hall, seat, order) };
    hall.let_go(seat);
    text
}

pub async fn run(broken: bool, port: u16) {
    let hall = Arc::new(Hall {
        signalled: broken,
        leases: Mutex::default(),
        next: AtomicU64::new(1),
        renewals: AtomicU64::new(0),
    });
    let app = Router::new().route("/", get(quote)).with_state(hall);
    let door = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(door, app).await.expect("serve");
}
