//! Shelves behind a policy: a tower layer decides what the tenant may see.
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::{routing::get, Extension, Json, Router};
use depotkit::digest;
use depotkit::policy::{self, Grant, LivePolicy, LoadedPolicy, PolicySource};
use serde_json::json;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, Service};

#[derive(Clone)]
struct Allowed(Arc<Vec<Grant>>);

#[derive(Clone)]
struct GateLayer {
    source: Arc<dyn PolicySource>,
    turn: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Gate<S> {
    inner: S,
    layer: GateLayer,
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;
    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, layer: self.clone() }
    }
}

impl<S> Service<Request<Body>> for Gate<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<Body>) -> Self::Future {
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let layer = self.layer.clone();
        Box::pin(async move {
            let n = layer.turn.fetch_add(1, Ordering::Relaxed) % 250;
            let tenant = format!("tenant-{n:04}");
            let grants = layer.source.for_tenant(&tenant);
            if grants.is_empty() {
                return Ok(StatusCode::FORBIDDEN.into_response());
            }
            req.extensions_mut().insert(Allowed(Arc::new(grants)));
            inner.call(req).await
        })
    }
}

async fn shelves(Extension(Allowed(grants)): Extension<Allowed>) -> Json<serde_json::Value> {
    tokio::time::sleep(Duration::from_millis(4)).await;
    let writable = grants.iter().filter(|g| g.verb == "write").count();
    let quota: u32 = grants.iter().map(|g| g.quota).sum();
    let names: Vec<&str> = grants.iter().take(8).map(|g| g.resource.as_str()).collect();
    let etag = digest::stretched(names.join(",").as_bytes(), 1_000);
    Json(json!({ "shelves": names, "writable": writable, "quota": quota, "etag": format!("{etag:x}") }))
}

pub fn run(port: u16, tuned: bool) {
    crate::serve(port, async move {
        let text = policy::sample(250, 320);
        let source: Arc<dyn PolicySource> =
            if tuned { Arc::new(LoadedPolicy::new(&text)) } else { Arc::new(LivePolicy { text }) };
        let gate = GateLayer { source, turn: Arc::new(AtomicUsize::new(0)) };
        Router::new().route("/", get(shelves)).layer(gate)
    });
}
