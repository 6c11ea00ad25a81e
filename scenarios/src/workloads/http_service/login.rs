//! `POST /login`: the handler that this service is mostly about.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::HttpService;
use super::accounts::verify_password;
use super::reply::{Refusal, read_json};
use crate::workload::{Context, WorkloadError};

/// Where passwords are verified.
#[derive(Debug)]
pub(super) enum Verification {
    /// On the async worker, inside the handler: every other task of that worker waits.
    Inline,
    /// In tokio's blocking pool, so many at a time.
    Pool(Arc<Semaphore>),
}

impl Verification {
    pub(super) fn from_parameters(context: &Context) -> Result<Self, WorkloadError> {
        let limit = context.parameter_in("login_limit", spare_cores(), 1..=1024)?;
        Ok(match context.choice("login", &["inline", "pool"])? {
            "pool" => Self::Pool(Arc::new(Semaphore::new(limit))),
            _ => Self::Inline,
        })
    }
}

/// Cores that hashing may use while one is left to the workers; affinity and quota count.
fn spare_cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).saturating_sub(1).max(1)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    user: String,
    password: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Session {
    user: String,
    /// Not a secret: this service guards nothing but a measurement.
    session: String,
}

pub(super) async fn login(State(service): State<Arc<HttpService>>, body: Bytes) -> Result<Json<Session>, Refusal> {
    let Credentials { user, password } = read_json(&body)?;
    let Some(hash) = service.accounts.hash_of(&user) else { return Err(denied()) };
    let verified = match &service.verification {
        Verification::Inline => verify_password(&password, hash),
        Verification::Pool(limit) => {
            let permit = limit.clone().acquire_owned().await.map_err(|_| unavailable())?;
            let hash = hash.clone();
            tokio::task::spawn_blocking(move || {
                // Held by the hash, not by the request: a client that hangs up must not free the
                // permit while its hash still burns CPU.
                let _permit = permit;
                verify_password(&password, &hash)
            })
            .await
            .map_err(|_| unavailable())?
        }
    };
    if !verified {
        return Err(denied());
    }
    let session = format!("{user}.{:016x}", service.accounts.next_session());
    Ok(Json(Session { user, session }))
}

/// One answer for unknown users and wrong passwords alike.
fn denied() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "unknown user or wrong password")
}

/// The runtime is shutting down.
fn unavailable() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "shutting down")
}
