//! Parcel tracking: `/` prints the waybill of the next parcel.
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::{from_fn_with_state, Next};
use axum::response::Response;
use axum::{routing::get, Router};
use depotkit::digest;
use depotkit::waybill::Waybill;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

struct Desk {
    waybills: Vec<Waybill>,
    next: AtomicU64,
    seen: Mutex<HashMap<u64, u32>>,
    tuned: bool,
}

type Shared = Arc<Desk>;

async fn sign(State(desk): State<Shared>, req: Request, next: Next) -> Response {
    let key = digest::stretched(req.uri().path().as_bytes(), 2_000);
    let mut res = next.run(req).await;
    let total: u32 = desk.seen.lock().values().sum();
    res.headers_mut().insert("x-signature", HeaderValue::from_str(&format!("{key:x}-{total}")).unwrap());
    res
}

async fn lookup(desk: &Desk) -> &Waybill {
    // the index lives in another service
    tokio::time::sleep(Duration::from_millis(3)).await;
    let n = desk.next.fetch_add(1, Ordering::Relaxed);
    *desk.seen.lock().entry(n % 64).or_default() += 1;
    &desk.waybills[n as usize % desk.waybills.len()]
}

async fn show(State(desk): State<Shared>) -> String {
    let bill = lookup(&desk).await;
    let mut page = format!("# {} min\n", bill.minutes());
    if desk.tuned {
        page += &bill.compact().to_string();
    } else {
        page += &bill.to_string();
    }
    page
}

pub fn run(port: u16, tuned: bool) {
    crate::serve(port, async move {
        let waybills = (0..50).map(|n| Waybill::sample(n, 700)).collect();
        let desk = Arc::new(Desk { waybills, next: AtomicU64::new(0), seen: Mutex::default(), tuned });
        Router::new().route("/", get(show)).layer(from_fn_with_state(desk.clone(), sign)).with_state(desk)
    });
}
