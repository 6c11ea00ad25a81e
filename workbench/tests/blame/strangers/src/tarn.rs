//! Leases: a connection from a small pool, kept while the page is rendered and a partner is asked.
use axum::{extract::State, routing::get, Router};
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
struct Pool {
    free: Arc<Semaphore>,
}
struct Lease {
    _permit: OwnedSemaphorePermit,
}
impl Pool {
    async fn lease(&self) -> Lease {
        Lease { _permit: self.free.clone().acquire_owned().await.unwrap() }
    }
}
impl Lease {
    async fn query(&self) -> u64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        42
    }
}
trait Partner: Send + Sync {
    fn rating(&self, id: u64) -> futures_util::future::BoxFuture<'_, u64>;
}
struct Remote;
impl Partner for Remote {
    fn rating(&self, id: u64) -> futures_util::future::BoxFuture<'_, u64> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            id % 5
        })
    }
}
struct Shop {
    pool: Pool,
    partner: Box<dyn Partner>,
    keeps: bool,
}
impl Shop {
    async fn page_keeping(&self) -> u64 {
        let lease = self.pool.lease().await; // guilty
        let id = lease.query().await;
        let rating = self.partner.rating(id).await;
        rating + lease.query().await
    }
    async fn page(&self) -> u64 {
        let id = { self.pool.lease().await.query().await };
        let rating = self.partner.rating(id).await;
        rating + self.pool.lease().await.query().await
    }
}
async fn page(State(shop): State<Arc<Shop>>) -> String {
    if shop.keeps {
        shop.page_keeping().await.to_string()
    } else {
        shop.page().await.to_string()
    }
}
pub fn app(broken: bool) -> Router {
    let shop = Shop { pool: Pool { free: Arc::new(Semaphore::new(3)) }, partner: Box::new(Remote), keeps: broken };
    Router::new().route("/", get(page)).with_state(Arc::new(shop))
}
