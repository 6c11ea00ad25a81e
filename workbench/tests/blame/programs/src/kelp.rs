//! Who wants one price gets a copy of the whole list first.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::Twin;

#[derive(Clone)]
struct Price {
    currency: String,
    cents: u64,
}

#[derive(Default)]
struct List {
    prices: Mutex<HashMap<String, Price>>,
}

impl List {
    fn all(&self) -> HashMap<String, Price> {
        self.prices.lock().clone() // guilty
    }

    fn one(&self, item: &str) -> Option<Price> {
        self.prices.lock().get(item).cloned()
    }
}

fn quote(list: &List, item: &str, twin: Twin) -> String {
    let price = match twin {
        Twin::Broken => list.all().remove(item), // guilty
        Twin::Healthy => list.one(item),
    };
    price.map_or_else(String::new, |price| format!("{} {}", price.cents, price.currency))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let list = Arc::new(List::default());
    for item in 0..12_000 {
        list.prices.lock().insert(format!("item-{item}"), Price { currency: "EUR".to_owned(), cents: item * 7 });
    }
    crate::http::runtime()?.block_on(async move {
        let handler = move || {
            let list = Arc::clone(&list);
            async move { quote(&list, "item-77", twin) }
        };
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, Router::new().route("/", get(handler))).await
    })
}
