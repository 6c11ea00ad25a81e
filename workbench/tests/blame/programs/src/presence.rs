//! Who is online: heartbeats come in, friends ask, and the roster is shipped to the analytics pipeline now and then.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tokio::time::sleep;

use crate::Twin;

const USERS: u64 = 4_000;
const FRIENDS: u64 = 60;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Online,
    Away,
}

#[derive(Clone, Copy)]
struct Entry {
    status: Status,
    seen: Instant,
}

#[derive(Default)]
struct Roster {
    entries: RwLock<HashMap<u64, Entry>>,
}

impl Roster {
    async fn touch(&self, user: u64) {
        let mut entries = self.entries.write().await;
        entries.insert(user, Entry { status: Status::Online, seen: Instant::now() });
    }

    async fn online_of(&self, friends: impl Iterator<Item = u64>) -> usize {
        let entries = self.entries.read().await;
        friends.filter(|friend| entries.get(friend).is_some_and(|entry| entry.status == Status::Online)).count()
    }

    async fn expire(&self, after: Duration) {
        let mut entries = self.entries.write().await;
        for entry in entries.values_mut().filter(|entry| entry.seen.elapsed() > after) {
            entry.status = Status::Away;
        }
    }
}

/// The other end of the pipeline. It takes one page at a time.
struct Pipeline {
    shipped: AtomicU64,
}

impl Pipeline {
    async fn ship(&self, page: &[(u64, bool)]) {
        sleep(Duration::from_millis(7)).await;
        self.shipped.fetch_add(page.len() as u64, Ordering::Relaxed);
    }
}

struct Analytics {
    roster: Arc<Roster>,
    pipeline: Pipeline,
    twin: Twin,
}

impl Analytics {
    async fn run(self) {
        loop {
            sleep(Duration::from_millis(40)).await;
            match self.twin {
                Twin::Broken => self.export().await,
                Twin::Healthy => self.export_copy().await,
            }
        }
    }

    async fn export(&self) {
        let entries = self.roster.entries.read().await;
        let rows: Vec<(u64, bool)> =
            entries.iter().map(|(user, entry)| (*user, entry.status == Status::Online)).collect();
        for page in rows.chunks(500) {
            self.pipeline.ship(page).await; // guilty
        }
        tracing_line(entries.len());
    }

    async fn export_copy(&self) {
        let rows: Vec<(u64, bool)> = {
            let entries = self.roster.entries.read().await;
            entries.iter().map(|(user, entry)| (*user, entry.status == Status::Online)).collect()
        };
        for page in rows.chunks(500) {
            self.pipeline.ship(page).await;
        }
        tracing_line(rows.len());
    }
}

fn tracing_line(rows: usize) {
    std::hint::black_box(rows);
}

struct Presence {
    roster: Arc<Roster>,
    asked: AtomicU64,
}

impl Presence {
    async fn friends_online(&self) -> usize {
        let user = self.asked.fetch_add(1, Ordering::Relaxed) * 13 % USERS;
        self.roster.online_of((user..user + FRIENDS).map(|friend| friend % USERS)).await
    }
}

async fn friends(State(presence): State<Arc<Presence>>) -> Json<Value> {
    Json(json!({ "online": presence.friends_online().await }))
}

/// What the phones send.
async fn heartbeats(roster: Arc<Roster>) {
    for beat in 0_u64.. {
        roster.touch(beat * 7 % USERS).await;
        if beat % 50 == 0 {
            roster.expire(Duration::from_secs(30)).await;
        }
        sleep(Duration::from_millis(9)).await;
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let roster = Arc::new(Roster::default());
        for user in 0..USERS {
            roster.touch(user).await;
        }
        tokio::spawn(heartbeats(Arc::clone(&roster)));
        let pipeline = Pipeline { shipped: AtomicU64::new(0) };
        tokio::spawn(Analytics { roster: Arc::clone(&roster), pipeline, twin }.run());
        let presence = Arc::new(Presence { roster, asked: AtomicU64::new(0) });
        let router = Router::new().route("/", get(friends)).with_state(presence);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
