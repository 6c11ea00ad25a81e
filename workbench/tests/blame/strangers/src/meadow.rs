//! Clicks are gathered by an actor that answers with the running total.
use axum::{extract::State, routing::get, Router};
use futures_channel::mpsc;
use futures_util::StreamExt;
use std::{collections::HashMap, time::Duration};
use tokio::sync::oneshot;
enum Message {
    Click(u64),
    Total(oneshot::Sender<u64>),
}
#[derive(Default)]
struct Totals {
    by_page: HashMap<u64, u64>,
    sum: u64,
    recount: bool,
}
impl Totals {
    fn click(&mut self, page: u64) {
        *self.by_page.entry(page % 4_000).or_default() += 1;
        if self.recount {
            self.recount()
        } else {
            self.sum += 1
        }
    }
    fn recount(&mut self) {
        self.sum = self.by_page.values().sum(); // guilty
    }
}
async fn actor(mut inbox: mpsc::UnboundedReceiver<Message>, recount: bool) {
    let mut totals = Totals { recount, ..Totals::default() };
    while let Some(message) = inbox.next().await {
        match message {
            Message::Click(page) => totals.click(page),
            Message::Total(reply) => {
                let _ = reply.send(totals.sum);
            }
        }
    }
}
#[derive(Clone)]
struct App {
    inbox: mpsc::UnboundedSender<Message>,
}
async fn total(State(app): State<App>) -> String {
    let (reply, answer) = oneshot::channel();
    app.inbox.unbounded_send(Message::Total(reply)).ok();
    answer.await.unwrap().to_string()
}
pub fn app(broken: bool) -> Router {
    let (send, take) = mpsc::unbounded();
    tokio::spawn(actor(take, broken));
    let feed = send.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        let mut page = 0u64;
        loop {
            tick.tick().await;
            for _ in 0..4_000 {
                page = page.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                feed.unbounded_send(Message::Click(page >> 33)).ok();
            }
        }
    });
    Router::new().route("/", get(total)).with_state(App { inbox: send })
}
