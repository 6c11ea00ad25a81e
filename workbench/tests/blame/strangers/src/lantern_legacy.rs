//! A page from two sources: a slow legacy library and a fast service.
use axum::{extract::State, routing::get, Router};
use std::time::Duration;
fn legacy_lookup(id: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(20)); // guilty
    id * 3
}
async fn fast(id: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(2)).await;
    id + 1
}
async fn legacy_in_place(id: u64) -> u64 {
    legacy_lookup(id) // guilty
}
async fn legacy_aside(id: u64) -> u64 {
    tokio::task::spawn_blocking(move || legacy_lookup(id)).await.unwrap()
}
async fn page(State(broken): State<bool>) -> String {
    let (a, b) =
        if broken { tokio::join!(legacy_in_place(7), fast(9)) } else { tokio::join!(legacy_aside(7), fast(9)) };
    format!("{a} {b}")
}
pub fn app(broken: bool) -> Router {
    Router::new().route("/", get(page)).with_state(broken)
}
