//! Each request gives news 40 ms to arrive before it answers from what it has, and there are none.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::Twin;

struct Board {
    news: watch::Sender<u64>,
    twin: Twin,
}

impl Board {
    async fn newest(&self) -> u64 {
        let mut news = self.news.subscribe();
        if self.twin == Twin::Broken {
            let _ = tokio::time::timeout(Duration::from_millis(40), news.changed()).await; // guilty
        }
        *news.borrow_and_update()
    }
}

async fn read(State(board): State<Arc<Board>>) -> String {
    format!("edition {}", board.newest().await)
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let board = Arc::new(Board { news: watch::channel(1).0, twin });
        let router = Router::new().route("/", get(read)).with_state(board);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
