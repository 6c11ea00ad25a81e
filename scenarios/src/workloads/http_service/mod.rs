//! A web shop's service: health check, login by password, orders.
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | 200 `{"status":"ok"}` |
//! | `POST /login` `{"user","password"}` | 200 `{"user","session"}`, 401 |
//! | `POST /orders` `{"customer","lines":[{"sku","quantity"}],"country"?,"coupon"?}` | 201 id and totals, 400, 422 |
//! | `GET /orders/{id}` | 200 the order with its receipt, 404 |
//!
//! Anything that is not the JSON asked for is 400. Users are `user-0` to `user-{users - 1}`; all of
//! them have the password [`PASSWORD`], each with a salt of its own.
//!
//! At the defaults a login costs some 18 ms of CPU and 4 MiB while it lasts; more memory would cross
//! jemalloc's `oversize_threshold` of 8 MiB and measure page faults instead. An order costs some 65 µs.
//!
//! | parameter | default | range | meaning |
//! |---|---|---|---|
//! | `login` | `inline` | `inline`, `pool` | verify passwords on the async worker, or in the blocking pool |
//! | `login_limit` | available cores − 1, at least 1 | 1–1024 | hashes at a time in the pool |
//! | `argon2_memory_kib` | 4096 | 8–1048576 | argon2id memory, KiB |
//! | `argon2_passes` | 14 | 1–1000 | argon2id passes over that memory |
//! | `users` | 8 | 1–256 | each costs one hash at start |
//! | `store_capacity` | 8192 | 16–1000000 | orders kept, about 2 KiB each; the oldest make room |

mod accounts;
mod delivery;
mod login;
mod orders;
mod pricing;
mod receipt;
mod reply;
mod store;
#[cfg(test)]
mod tests;

use std::net::TcpListener;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;

pub use self::accounts::PASSWORD;
use self::accounts::{Accounts, Hashing};
use self::login::Verification;
use self::pricing::PriceList;
use self::store::OrderStore;
use super::drain;
use crate::workload::{BoxFuture, Context, Drained, Networked, Shutdown, WorkloadError};

const PARAMETERS: [&str; 6] = ["login", "login_limit", "argon2_memory_kib", "argon2_passes", "users", "store_capacity"];

/// Largest request body, bytes. The largest valid order has about 5 KiB.
const BODY_LIMIT: usize = 64 * 1024;

/// The service and everything its handlers share.
#[derive(Debug)]
pub struct HttpService {
    accounts: Accounts,
    verification: Verification,
    prices: PriceList,
    orders: OrderStore,
}

impl HttpService {
    /// Builds the service: reads the parameters and hashes the passwords of the users.
    ///
    /// # Errors
    /// [`WorkloadError::Parameter`] for a parameter that is unknown or out of range.
    pub fn build(context: &Context) -> Result<Arc<Self>, WorkloadError> {
        context.accept_only(&PARAMETERS)?;
        let hashing = Hashing {
            memory_kib: context.parameter_in("argon2_memory_kib", 4096, 8..=1024 * 1024)?,
            passes: context.parameter_in("argon2_passes", 14, 1..=1000)?,
        };
        let users = context.parameter_in("users", 8, 1..=256)?;
        Ok(Arc::new(Self {
            verification: Verification::from_parameters(context)?,
            orders: OrderStore::new(context.parameter_in("store_capacity", 8192, 16..=1_000_000)?),
            prices: PriceList::new(),
            accounts: Accounts::seeded(users, hashing, context.seed())?,
        }))
    }

    fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/health", get(health))
            .route("/login", post(login::login))
            .route("/orders", post(orders::place_order))
            .route("/orders/{id}", get(orders::show_order))
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(self)
    }
}

impl Networked for HttpService {
    fn serve(self: Arc<Self>, listener: TcpListener, shutdown: Shutdown) -> BoxFuture<Result<Drained, WorkloadError>> {
        Box::pin(drain::serve(self.router(), listener, shutdown))
    }
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}
