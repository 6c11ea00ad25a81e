//! Sessions with a replica far away: a stale session is loaded again before it is shown.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::Twin;

/// How long a reader waits at most before it looks again.
const PATIENCE: Duration = Duration::from_millis(180);

#[derive(Clone, Copy)]
struct Session {
    version: u64,
    user: u64,
}

/// Sessions as this node knows them.
#[derive(Default)]
struct Local {
    sessions: Mutex<HashMap<u64, Session>>,
    awaited: Mutex<HashMap<u64, Arc<Notify>>>,
}

impl Local {
    fn get(&self, id: u64) -> Option<Session> {
        self.sessions.lock().get(&id).copied()
    }

    fn put(&self, id: u64, session: Session) {
        let mut sessions = self.sessions.lock();
        if sessions.len() > 5_000 {
            sessions.clear();
        }
        sessions.insert(id, session);
        drop(sessions);
        if let Some(changed) = self.awaited.lock().remove(&id) {
            changed.notify_waiters();
        }
    }

    fn change_of(&self, id: u64) -> Arc<Notify> {
        Arc::clone(self.awaited.lock().entry(id).or_default())
    }
}

/// Counts what was stale. It goes through the agent on this machine.
#[derive(Default)]
struct Trail {
    stale: AtomicU64,
}

impl Trail {
    async fn stale(&self) {
        sleep(Duration::from_millis(3)).await;
        self.stale.fetch_add(1, Ordering::Relaxed);
    }
}

/// The replica: one answer takes it a few milliseconds.
#[derive(Clone)]
struct Replica {
    local: Arc<Local>,
}

impl Replica {
    fn request(&self, id: u64) {
        let local = Arc::clone(&self.local);
        tokio::spawn(async move {
            let far = if id.is_multiple_of(3) { 1 } else { 6 };
            sleep(Duration::from_millis(far)).await;
            local.put(id, Session { version: id + 1, user: id * 17 % 1_009 });
        });
    }
}

struct Store {
    local: Arc<Local>,
    replica: Replica,
    trail: Trail,
    ids: AtomicU64,
    twin: Twin,
}

impl Store {
    async fn session(&self, id: u64) -> Session {
        if let Some(session) = self.local.get(id) {
            return session;
        }
        let change = self.local.change_of(id);
        self.replica.request(id);
        match self.twin {
            Twin::Broken => self.await_session(id, &change).await,
            Twin::Healthy => self.await_change(id, &change).await,
        }
    }

    async fn await_session(&self, id: u64, change: &Notify) -> Session {
        loop {
            if let Some(session) = self.local.get(id) {
                return session;
            }
            self.trail.stale().await;
            let _ = timeout(PATIENCE, change.notified()).await; // guilty
        }
    }

    async fn await_change(&self, id: u64, change: &Notify) -> Session {
        loop {
            let changed = change.notified();
            if let Some(session) = self.local.get(id) {
                return session;
            }
            self.trail.stale().await;
            let _ = timeout(PATIENCE, changed).await;
        }
    }
}

async fn whoami(State(store): State<Arc<Store>>) -> Json<Value> {
    let id = store.ids.fetch_add(1, Ordering::Relaxed);
    let session = store.session(id).await;
    Json(json!({ "user": session.user, "version": session.version }))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let local = Arc::<Local>::default();
        let replica = Replica { local: Arc::clone(&local) };
        let store = Store { local, replica, trail: Trail::default(), ids: AtomicU64::new(0), twin };
        let router = Router::new().route("/", get(whoami)).with_state(Arc::new(store));
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
