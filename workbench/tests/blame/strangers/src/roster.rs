//! Who is online, in a concurrent map.
use axum::{extract::State, routing::get, Router};
use dashmap::DashMap;
use std::{
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
    time::Duration,
};
struct Roster {
    online: DashMap<u64, u64>,
    next: AtomicU64,
    holds: bool,
}
async fn audit(_user: u64) {
    tokio::time::sleep(Duration::from_millis(15)).await
}
impl Roster {
    async fn touch(&self) -> u64 {
        let user = self.next.fetch_add(1, Ordering::Relaxed) % 16;
        if self.holds {
            self.touch_and_audit(user).await
        } else {
            let seen = {
                let mut seen = self.online.entry(user).or_insert(0);
                *seen += 1;
                *seen
            };
            audit(user).await;
            seen
        }
    }
    async fn touch_and_audit(&self, user: u64) -> u64 {
        let mut seen = self.online.entry(user).or_insert(0); // guilty
        *seen += 1;
        audit(user).await;
        *seen
    }
}
async fn touch(State(roster): State<Arc<Roster>>) -> String {
    roster.touch().await.to_string()
}
pub fn app(broken: bool) -> Router {
    let roster = Arc::new(Roster { online: DashMap::with_shard_amount(4), next: AtomicU64::new(0), holds: broken });
    Router::new().route("/", get(touch)).with_state(roster)
}
