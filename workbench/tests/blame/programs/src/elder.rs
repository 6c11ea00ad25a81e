//! The parts of a page are asked for one after the other, each of a neighbour that takes 6 ms, though none needs another.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures_util::future::join_all;
use tokio::net::TcpListener;

use crate::Twin;

type Answer<'a> = Pin<Box<dyn Future<Output = u64> + Send + 'a>>;

trait Neighbour: Send + Sync {
    fn ask(&self, about: u64) -> Answer<'_>;
}

struct Far {
    takes: Duration,
}

impl Neighbour for Far {
    fn ask(&self, about: u64) -> Answer<'_> {
        Box::pin(async move {
            tokio::time::sleep(self.takes).await;
            about * 2
        })
    }
}

struct Page {
    neighbours: Vec<Box<dyn Neighbour>>,
}

impl Page {
    async fn in_turn(&self) -> u64 {
        let mut sum = 0;
        for (at, neighbour) in self.neighbours.iter().enumerate() {
            sum += neighbour.ask(at as u64).await; // guilty
        }
        sum
    }

    async fn together(&self) -> u64 {
        let asked = self.neighbours.iter().enumerate().map(|(at, neighbour)| neighbour.ask(at as u64));
        join_all(asked).await.into_iter().sum()
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let neighbours = (0..9).map(|_| Box::new(Far { takes: Duration::from_millis(6) }) as Box<dyn Neighbour>);
        let page = Arc::new(Page { neighbours: neighbours.collect() });
        let handler = move || {
            let page = Arc::clone(&page);
            async move {
                let sum = match twin {
                    Twin::Broken => page.in_turn().await,
                    Twin::Healthy => page.together().await,
                };
                sum.to_string()
            }
        };
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, Router::new().route("/", get(handler))).await
    })
}
