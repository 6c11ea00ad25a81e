//! Feature flags: rules are asked of a control plane, whose client came with a thread of its own.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::Twin;

#[derive(Clone, Copy)]
struct Rule {
    percent: u64,
}

/// The control plane's client. Its requests run on its own thread.
#[derive(Clone)]
struct ControlPlane {
    handle: Handle,
}

impl ControlPlane {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new()
            .name("control-plane".into())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
        Ok(Self { handle })
    }

    async fn fetch(flag: u64) -> Rule {
        sleep(Duration::from_millis(11)).await;
        Rule { percent: flag * 37 % 100 }
    }

    /// For callers that are not async.
    fn rule(&self, flag: u64) -> Option<Rule> {
        let (send, receive) = mpsc::channel();
        self.handle.spawn(async move {
            let _ = send.send(Self::fetch(flag).await);
        });
        receive.recv_timeout(Duration::from_secs(2)).ok() // guilty
    }

    async fn rule_async(&self, flag: u64) -> Option<Rule> {
        let (send, receive) = oneshot::channel();
        self.handle.spawn(async move {
            let _ = send.send(Self::fetch(flag).await);
        });
        receive.await.ok()
    }
}

/// Rules that were fetched lately.
#[derive(Default)]
struct Fresh {
    rules: Mutex<HashMap<u64, (Instant, Rule)>>,
}

impl Fresh {
    fn get(&self, flag: u64) -> Option<Rule> {
        let rules = self.rules.lock();
        rules.get(&flag).filter(|(since, _)| since.elapsed() < Duration::from_millis(300)).map(|(_, rule)| *rule)
    }

    fn put(&self, flag: u64, rule: Rule) {
        self.rules.lock().insert(flag, (Instant::now(), rule));
    }
}

struct Flags {
    fresh: Fresh,
    plane: ControlPlane,
}

impl Flags {
    fn is_on(&self, flag: u64, user: u64) -> bool {
        let rule = self.fresh.get(flag).or_else(|| {
            let rule = self.plane.rule(flag)?;
            self.fresh.put(flag, rule);
            Some(rule)
        });
        rule.is_some_and(|rule| user % 100 < rule.percent)
    }

    async fn is_on_async(&self, flag: u64, user: u64) -> bool {
        let rule = match self.fresh.get(flag) {
            Some(rule) => Some(rule),
            None => self.plane.rule_async(flag).await.inspect(|rule| self.fresh.put(flag, *rule)),
        };
        rule.is_some_and(|rule| user % 100 < rule.percent)
    }
}

struct Storefront {
    flags: Flags,
    visits: AtomicU64,
    twin: Twin,
}

impl Storefront {
    async fn page(&self) -> Value {
        let user = self.visits.fetch_add(1, Ordering::Relaxed);
        let flag = user % 25;
        let on = match self.twin {
            Twin::Broken => self.flags.is_on(flag, user),
            Twin::Healthy => self.flags.is_on_async(flag, user).await,
        };
        json!({ "user": user, "banner": if on { "new" } else { "old" } })
    }
}

async fn page(State(store): State<Arc<Storefront>>) -> Json<Value> {
    Json(store.page().await)
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let flags = Flags { fresh: Fresh::default(), plane: ControlPlane::start()? };
    let store = Arc::new(Storefront { flags, visits: AtomicU64::new(0), twin });
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(page)).with_state(store);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
