//! A guard that lives to the end of a `match`: the map stays locked while its neighbour is asked.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::Twin;

struct Tenants {
    twin: Twin,
    plans: Mutex<HashMap<u64, u64>>,
    asked: AtomicU64,
}

impl Tenants {
    /// The service that counts what was used is elsewhere.
    async fn used(&self, plan: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(6)).await;
        plan / 2
    }

    async fn allows(&self, tenant: u64) -> bool {
        match self.plans.lock().await.get(&tenant) {
            // guilty
            Some(plan) => self.used(*plan).await < *plan,
            None => true,
        }
    }

    async fn allows_unlocked(&self, tenant: u64) -> bool {
        let plan = self.plans.lock().await.get(&tenant).copied();
        match plan {
            Some(plan) => self.used(plan).await < plan,
            None => true,
        }
    }
}

async fn meter(State(tenants): State<Arc<Tenants>>, request: axum::extract::Request, next: Next) -> Response {
    let tenant = tenants.asked.fetch_add(1, Ordering::Relaxed) % 50;
    let allows = match tenants.twin {
        Twin::Broken => tenants.allows(tenant).await,
        Twin::Healthy => tenants.allows_unlocked(tenant).await,
    };
    if allows { next.run(request).await } else { Response::default() }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let plans = Mutex::new((0..50).map(|tenant| (tenant, 100 + tenant)).collect());
    let tenants = Arc::new(Tenants { twin, plans, asked: AtomicU64::new(0) });
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(|| async { "allowed" })).layer(from_fn_with_state(tenants, meter));
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
