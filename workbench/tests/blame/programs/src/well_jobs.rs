//! Jobs of a print shop, as they should be: one thread, a machine that takes some at a time, a list of what is done that
//! stays short, and somebody who tidies up in small steps.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::Twin;

struct Sheet {
    number: u64,
    ink: u64,
}

/// Prints up to eight sheets at once.
struct Machine {
    trays: Semaphore,
}

impl Machine {
    async fn print(&self, number: u64) -> Option<Sheet> {
        let _tray = self.trays.acquire().await.ok()?;
        sleep(Duration::from_millis(5 + number % 4)).await;
        Some(Sheet { number, ink: number * 19 % 101 })
    }
}

#[derive(Default)]
struct Done {
    sheets: Mutex<VecDeque<Sheet>>,
}

impl Done {
    fn put(&self, sheet: Sheet) {
        let mut sheets = self.sheets.lock();
        sheets.push_back(sheet);
        if sheets.len() > 400 {
            sheets.pop_front();
        }
    }

    fn len(&self) -> usize {
        self.sheets.lock().len()
    }

    /// Adds up a few sheets.
    fn ink(&self, from: usize) -> u64 {
        self.sheets.lock().iter().skip(from).take(50).map(|sheet| sheet.ink + sheet.number % 2).sum()
    }
}

struct Shop {
    machine: Machine,
    done: Done,
    jobs: AtomicU64,
    ink: AtomicU64,
}

impl Shop {
    /// A job is two sheets, printed at once.
    async fn job(self: &Arc<Self>) -> Option<u64> {
        let job = self.jobs.fetch_add(1, Ordering::Relaxed);
        let mut sheets = JoinSet::new();
        for side in 0..2 {
            let shop = Arc::clone(self);
            sheets.spawn(async move { shop.machine.print(job * 2 + side).await });
        }
        while let Some(sheet) = sheets.join_next().await {
            self.done.put(sheet.ok()??);
        }
        Some(job)
    }

    async fn tidy(self: Arc<Self>) {
        let mut ticks = interval(Duration::from_millis(400));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let mut sum = 0;
            for from in (0..self.done.len()).step_by(50) {
                sum += self.done.ink(from);
                yield_now().await;
            }
            self.ink.store(sum, Ordering::Relaxed);
        }
    }
}

async fn job(State(shop): State<Arc<Shop>>) -> Result<Json<Value>, StatusCode> {
    let job = shop.job().await.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({ "job": job, "ink": shop.ink.load(Ordering::Relaxed) })))
}

pub(crate) fn run(_twin: Twin, port: u16) -> io::Result<()> {
    let machine = Machine { trays: Semaphore::new(8) };
    let shop = Arc::new(Shop { machine, done: Done::default(), jobs: AtomicU64::new(0), ink: AtomicU64::new(0) });
    Builder::new_current_thread().enable_all().build()?.block_on(async move {
        tokio::spawn(Arc::clone(&shop).tidy());
        let router = Router::new().route("/", get(job)).with_state(shop);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
