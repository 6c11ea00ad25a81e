//! Coupons, and what clears away those that nobody took.

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
use tokio::time::sleep;

use crate::Twin;

const SHARDS: usize = 64;
const PER_SHARD: u64 = 9_000;

#[derive(Clone)]
struct Coupon {
    code: String,
    cents: u64,
}

/// Coupons, in shards, so that nobody waits long for a lock.
struct Coupons {
    shards: Vec<Mutex<HashMap<u64, Coupon>>>,
}

impl Coupons {
    fn load() -> Self {
        let shard = |at: u64| (0..PER_SHARD).map(|n| (n, coupon(at * PER_SHARD + n))).collect();
        Self { shards: (0..SHARDS as u64).map(|at| Mutex::new(shard(at))).collect() }
    }

    fn value(&self, n: u64) -> u64 {
        let shard = self.shards[n as usize % SHARDS].lock();
        shard.get(&(n % PER_SHARD)).map_or(0, |coupon| coupon.cents)
    }
}

fn coupon(n: u64) -> Coupon {
    Coupon { code: format!("SPRING-{:08X}", n.wrapping_mul(0x9e37_79b9)), cents: n % 50 * 100 }
}

/// Looks through all coupons for those that are void.
struct Janitor {
    coupons: Arc<Coupons>,
    void: Arc<AtomicU64>,
    twin: Twin,
}

impl Janitor {
    async fn run(self) {
        let this = Arc::new(self);
        loop {
            sleep(Duration::from_millis(1_400)).await;
            match this.twin {
                Twin::Broken => this.sweep(),
                Twin::Healthy => {
                    let this = Arc::clone(&this);
                    let _ = tokio::task::spawn_blocking(move || this.sweep()).await;
                }
            }
        }
    }

    fn sweep(&self) {
        let mut void = 0;
        for at in 0..SHARDS {
            // Copied out of the shard first: checking takes its time.
            let shard: Vec<Coupon> = self.coupons.shards[at].lock().values().cloned().collect();
            void += shard.iter().filter(|coupon| is_void(coupon)).count() as u64; // guilty
        }
        self.void.store(void, Ordering::Relaxed);
    }
}

fn is_void(coupon: &Coupon) -> bool {
    let mut check = 0_u32;
    for round in 0..4 {
        for byte in coupon.code.bytes() {
            check = check.rotate_left(7).wrapping_mul(31) ^ u32::from(byte) ^ round; // guilty
        }
    }
    check.is_multiple_of(1_009)
}

struct Till {
    coupons: Arc<Coupons>,
    void: Arc<AtomicU64>,
    taken: AtomicU64,
}

async fn redeem(State(till): State<Arc<Till>>) -> Json<Value> {
    let n = till.taken.fetch_add(1, Ordering::Relaxed);
    Json(json!({ "cents": till.coupons.value(n * 7), "void": till.void.load(Ordering::Relaxed) }))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let (coupons, void) = (Arc::new(Coupons::load()), Arc::new(AtomicU64::new(0)));
    crate::http::runtime()?.block_on(async move {
        tokio::spawn(Janitor { coupons: Arc::clone(&coupons), void: Arc::clone(&void), twin }.run());
        let till = Arc::new(Till { coupons, void, taken: AtomicU64::new(0) });
        let router = Router::new().route("/", get(redeem)).with_state(till);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
