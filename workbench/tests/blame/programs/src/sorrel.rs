//! Two routes: one that answers at once and is measured, and an import beside it that parses a large document in place.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::Twin;

struct Inbox {
    twin: Twin,
    document: String,
}

fn document() -> String {
    let row = |number: u64| {
        format!(
            r#"{{"id":{number},"name":"customer {number}","tags":["a","b\u00e9","{number}"],"score":{}.25}}"#,
            number % 97
        )
    };
    let rows: Vec<String> = (0..30_000).map(row).collect();
    format!("[{}]", rows.join(","))
}

fn count(text: &str) -> usize {
    let rows: Value = serde_json::from_str(text).unwrap_or_default(); // guilty
    rows.as_array().map_or(0, |rows| rows.iter().filter(|row| row["score"].as_f64() > Some(50.0)).count())
}

async fn import(State(inbox): State<Arc<Inbox>>) -> String {
    let rows = match inbox.twin {
        Twin::Broken => count(&inbox.document), // guilty
        Twin::Healthy => tokio::task::spawn_blocking(move || count(&inbox.document)).await.unwrap_or_default(),
    };
    format!("{rows} rows")
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let inbox = Arc::new(Inbox { twin, document: document() });
        let router = Router::new().route("/", get(|| async { "here" })).route("/import", get(import)).with_state(inbox);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
