//! Go-compatible debug endpoints for a service of one's own: `/debug/pprof/`, `/debug/metrics.json`, `/metrics`.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # async fn service() {}
//! let mut builder = tokio::runtime::Builder::new_multi_thread();
//! // http://127.0.0.1:6060/debug/pprof/ until `_debug` is dropped
//! let (runtime, _debug) = probe::endpoints::Endpoints::new().start_with(builder.enable_all())?;
//! runtime.block_on(service());
//! # Ok(())
//! # }
//! ```
//!
//! Within a runtime that exists already, `Endpoints::new().start()?` is enough for everything but
//! `/debug/pprof/goroutine` and `/sched/latencies:seconds`: tasks can only be recorded by hooks that are in place before
//! a runtime is built.
//!
//! The server lives on threads of its own and never on the runtime that it explains. It answers GET and HEAD, POST to look up symbols, closes
//! each connection after one answer, serves at most [`MOST_CONNECTIONS`] at a time (503 beyond), gives a client
//! [`REQUEST_TIME`] to send its request of at most [`MOST_REQUEST_BYTES`], and answers only to a `Host` that names this
//! machine, so that a web page cannot reach it through a name of its own (DNS rebinding).
//!
//! What has no counterpart answers 404, with the reason and the nearest thing that exists. The environment variable
//! [`TRACE_ENV`] prints lines shaped like Go's `schedtrace` and `gctrace` to standard error.

mod connection;
mod figures;
mod frames;
mod goroutine;
mod heap;
mod heap_text;
mod histogram;
mod host;
mod index;
mod memory;
mod metrics_json;
mod profile;
mod prometheus;
mod purge;
mod recording;
mod request;
mod response;
mod routes;
mod scheduler;
mod server;
mod stop;
mod symbol;
mod trace;

pub use self::connection::{MOST_REQUEST_BYTES, REQUEST_TIME};
pub use self::server::{DEFAULT_PORT, Endpoints, MOST_CONNECTIONS, Server, StartError};
pub use self::trace::ENV as TRACE_ENV;

#[cfg(test)]
mod tests;
