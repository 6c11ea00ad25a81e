//! A catalogue that every request filters.
use axum::{extract::State, routing::get, Router};
use std::sync::Arc;
#[derive(Clone)]
struct Item {
    name: String,
    tags: Vec<String>,
    price: u64,
}
struct Catalogue {
    items: Vec<Item>,
    copies: bool,
}
impl Catalogue {
    fn new(copies: bool) -> Self {
        let item = |n: u64| Item {
            name: format!("item {n}"),
            tags: (0..4).map(|t| format!("tag-{}", (n + t) % 50)).collect(),
            price: n % 700,
        };
        Self { items: (0..8_000).map(item).collect(), copies }
    }
    fn snapshot(&self) -> Vec<Item> {
        self.items.clone() // guilty
    }
    fn cheap(&self) -> usize {
        if self.copies {
            self.snapshot()
                .into_iter()
                .filter(|item| item.price < 100 && item.tags.len() > 2 && !item.name.is_empty())
                .count()
        } else {
            self.items.iter().filter(|item| item.price < 100 && item.tags.len() > 2 && !item.name.is_empty()).count()
        }
    }
}
async fn cheap(State(all): State<Arc<Catalogue>>) -> String {
    all.cheap().to_string()
}
pub fn app(broken: bool) -> Router {
    Router::new().route("/", get(cheap)).with_state(Arc::new(Catalogue::new(broken)))
}
