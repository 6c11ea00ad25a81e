//! Paths are matched against patterns that are compiled anew for each request.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use regex::Regex;
use tokio::net::TcpListener;

use crate::Twin;

const PATTERNS: [&str; 4] = [
    r"^/(?<tenant>[a-z]{3,12})/orders/(?<id>[0-9]{1,9})$",
    r"^/(?<tenant>[a-z]{3,12})/users/(?<name>[a-z0-9]{1,20})$",
    r"^/static/(?<file>[\w/-]+)\.(css|js|png)$",
    r"^/(?<year>[0-9]{4})/(?<month>[0-9]{2})/(?<title>[a-z-]+)$",
];

static COMPILED: LazyLock<Vec<Regex>> = LazyLock::new(|| PATTERNS.iter().map(|pattern| compile(pattern)).collect());

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern that was tried")
}

/// The first of the rules that takes a path.
struct Rules<'a>(std::borrow::Cow<'a, [Regex]>);

impl Rules<'_> {
    fn load() -> Rules<'static> {
        Rules(PATTERNS.iter().map(|pattern| compile(pattern)).collect()) // guilty
    }

    fn kept() -> Rules<'static> {
        Rules(std::borrow::Cow::Borrowed(&COMPILED))
    }

    fn first(&self, path: &str) -> Option<usize> {
        self.0.iter().position(|rule| rule.is_match(path))
    }
}

fn route(path: &str, twin: Twin) -> Option<usize> {
    let rules = match twin {
        Twin::Broken => Rules::load(), // guilty
        Twin::Healthy => Rules::kept(),
    };
    rules.first(path)
}

async fn handler(State((asked, twin)): State<(Arc<AtomicU64>, Twin)>) -> String {
    let number = asked.fetch_add(1, Ordering::Relaxed);
    format!("{:?}", route(&format!("/acme/orders/{number}"), twin))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(handler)).with_state((Arc::default(), twin));
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
