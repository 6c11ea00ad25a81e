//! A task recomputes the rates under the write lock of a thread's lock; the other worker's handlers sleep in the kernel.

use std::io;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::Twin;

type Rates = Arc<RwLock<Vec<f64>>>;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let rates: Rates = Arc::new(RwLock::new(vec![1.0; 50_000]));
        let refreshed = Arc::clone(&rates);
        std::thread::Builder::new().name("refresh".into()).spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(120));
                match twin {
                    Twin::Broken => refresh_in_place(&refreshed),
                    Twin::Healthy => refresh_copy(&refreshed),
                }
            }
        })?;
        let router = Router::new().route("/", get(rate)).with_state(rates);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}

async fn rate(State(rates): State<Rates>) -> String {
    rates.read().expect("nobody panics")[7].to_string()
}

fn next(rate: f64) -> f64 {
    (0..60).fold(rate, |rate, step| rate + (f64::from(step) * rate).sin() * 1e-3)
}

fn refresh_in_place(rates: &Rates) {
    for rate in rates.write().expect("nobody panics").iter_mut() {
        *rate = next(*rate); // guilty
    }
}

fn refresh_copy(rates: &Rates) {
    let mut fresh = rates.read().expect("nobody panics").clone();
    for rate in &mut fresh {
        *rate = next(*rate);
    }
    *rates.write().expect("nobody panics") = fresh;
}
