//! A shop's carts, as they should be: one task owns them all, answers over oneshot channels, and a snapshot of them is
//! written down aside once a second.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::Twin;

const CARTS: u64 = 800;

#[derive(Clone, Default)]
struct Cart {
    lines: Vec<(u64, u32)>,
}

impl Cart {
    fn add(&mut self, article: u64) {
        match self.lines.iter_mut().find(|(known, _)| *known == article) {
            Some((_, units)) => *units += 1,
            None => self.lines.push((article, 1)),
        }
        if self.lines.len() > 30 {
            self.lines.remove(0);
        }
    }

    fn units(&self) -> u32 {
        self.lines.iter().map(|(_, units)| units).sum()
    }
}

enum Command {
    Add { cart: u64, article: u64, reply: oneshot::Sender<u32> },
}

struct Owner {
    carts: HashMap<u64, Cart>,
    commands: mpsc::Receiver<Command>,
}

impl Owner {
    async fn run(mut self) {
        let mut snapshots = interval(Duration::from_secs(1));
        snapshots.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                _ = snapshots.tick() => self.snapshot(),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let Command::Add { cart, article, reply } = command;
        let cart = self.carts.entry(cart).or_default();
        cart.add(article);
        let _ = reply.send(cart.units());
    }

    fn snapshot(&self) {
        let carts: Vec<(u64, Cart)> = self.carts.iter().map(|(id, cart)| (*id, cart.clone())).collect();
        tokio::task::spawn_blocking(move || write_down(&carts));
    }
}

fn write_down(carts: &[(u64, Cart)]) -> io::Result<()> {
    let path = std::env::temp_dir().join(format!("carts-{}.json", std::process::id()));
    let mut file = io::BufWriter::new(std::fs::File::create(&path)?);
    for (id, cart) in carts {
        writeln!(file, "{}", json!({ "id": id, "lines": cart.lines }))?;
    }
    file.flush()?;
    std::fs::remove_file(path)
}

struct Shop {
    commands: mpsc::Sender<Command>,
    clicks: AtomicU64,
}

impl Shop {
    async fn add(&self) -> Result<u32, StatusCode> {
        let click = self.clicks.fetch_add(1, Ordering::Relaxed);
        let (reply, units) = oneshot::channel();
        let command = Command::Add { cart: click * 7 % CARTS, article: click % 43, reply };
        self.commands.send(command).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let units = timeout(Duration::from_millis(500), units).await;
        units.map_err(|_| StatusCode::GATEWAY_TIMEOUT)?.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
    }
}

async fn add(State(shop): State<Arc<Shop>>) -> Result<Json<Value>, StatusCode> {
    Ok(Json(json!({ "units": shop.add().await? })))
}

pub(crate) fn run(_twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let (commands, received) = mpsc::channel(128);
        tokio::spawn(Owner { carts: HashMap::new(), commands: received }.run());
        let shop = Arc::new(Shop { commands, clicks: AtomicU64::new(0) });
        let router = Router::new().route("/", get(add)).with_state(shop);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
