//! Orders, on a runtime of one thread, with a journal of requests for whoever has to debug them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::Twin;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Debug,
    Info,
}

#[derive(Clone, Debug)]
struct Article {
    name: String,
    cents: u64,
    tags: Vec<&'static str>,
}

#[derive(Debug)]
struct Catalogue {
    articles: BTreeMap<u64, Article>,
}

impl Catalogue {
    fn load() -> Self {
        let article = |id: u64| Article {
            name: format!("Article no. {id}"),
            cents: id * 7 % 900 + 100,
            tags: vec!["new", "stock", "small"],
        };
        Self { articles: (0..3_000).map(|id| (id, article(id))).collect() }
    }
}

#[derive(Debug)]
struct Orders {
    catalogue: Catalogue,
    placed: AtomicU64,
}

impl Orders {
    fn place(&self) -> Value {
        let order = self.placed.fetch_add(1, Ordering::Relaxed);
        let wanted = self.catalogue.articles.range(order % 2_900..).take(5);
        let (mut cents, mut names) = (0, Vec::new());
        for (_, article) in wanted {
            cents += article.cents;
            names.push(format!("{} ({})", article.name, article.tags.join(", ")));
        }
        json!({ "order": order, "cents": cents, "articles": names })
    }
}

/// The last lines that were written.
struct Journal {
    level: Level,
    lines: Mutex<Vec<String>>,
}

impl Journal {
    fn write(&self, level: Level, line: String) {
        if level < self.level {
            return;
        }
        let mut lines = self.lines.lock();
        if lines.len() >= 200 {
            lines.clear();
        }
        lines.push(line);
    }

    fn write_with(&self, level: Level, line: impl FnOnce() -> String) {
        if level >= self.level {
            self.write(level, line());
        }
    }
}

#[derive(Clone)]
struct App {
    orders: Arc<Orders>,
    journal: Arc<Journal>,
    twin: Twin,
}

async fn journalled(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    app.journal.write(Level::Info, format!("{path}: {}", response.status()));
    match app.twin {
        Twin::Broken => app.journal.write(Level::Debug, state_of(&app.orders)),
        Twin::Healthy => app.journal.write_with(Level::Debug, || state_of(&app.orders)),
    }
    response
}

fn state_of(orders: &Orders) -> String {
    format!("{orders:?}") // guilty
}

async fn place(State(app): State<App>) -> Json<Value> {
    Json(app.orders.place())
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let orders = Arc::new(Orders { catalogue: Catalogue::load(), placed: AtomicU64::new(0) });
    let journal = Arc::new(Journal { level: Level::Info, lines: Mutex::default() });
    let app = App { orders, journal, twin };
    Builder::new_current_thread().enable_all().build()?.block_on(async move {
        let router = Router::new()
            .route("/", get(place))
            .layer(middleware::from_fn_with_state(app.clone(), journalled))
            .with_state(app);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
