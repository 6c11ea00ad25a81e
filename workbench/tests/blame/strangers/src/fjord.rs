//! Prices behind a read-write lock, refreshed by a thread.
use axum::{extract::State, routing::get, Router};
use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
    time::Duration,
};
type Book = BTreeMap<u64, u64>;
fn rebuilt(turn: u64) -> Book {
    (0..120_000u64).map(|n| (n, n.wrapping_mul(turn | 1) % 977)).collect()
}
struct Prices {
    book: RwLock<Book>,
    in_place: bool,
}
impl Prices {
    fn refresh_for_ever(&self) {
        for turn in 1.. {
            std::thread::sleep(Duration::from_millis(150));
            if self.in_place {
                self.refresh(turn)
            } else {
                let new = rebuilt(turn);
                *self.book.write().unwrap() = new;
            }
        }
    }
    fn refresh(&self, turn: u64) {
        let mut book = self.book.write().unwrap(); // guilty
        book.clear();
        book.extend(rebuilt(turn));
    }
    fn total(&self) -> u64 {
        self.book.read().unwrap().values().take(400).sum()
    }
}
async fn price(State(prices): State<Arc<Prices>>) -> String {
    prices.total().to_string()
}
pub fn app(broken: bool) -> Router {
    let prices = Arc::new(Prices { book: RwLock::new(rebuilt(1)), in_place: broken });
    let refresher = prices.clone();
    std::thread::spawn(move || refresher.refresh_for_ever());
    Router::new().route("/", get(price)).with_state(prices)
}
