//! Serves an axum router over HTTP/1 and drains it against a deadline.
//!
//! axum's own `serve` waits for every connection without a bound and says nothing about what it
//! waited for. This one counts requests, not connections, and reports how many were finished or cut.

mod connection;
mod ledger;
#[cfg(test)]
mod tests;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use self::ledger::Ledger;
use crate::workload::{Drained, Shutdown, WorkloadError};

/// Pause after a failed accept. Out of file descriptors the listener stays readable, and retrying
/// at once would burn the very CPU that the requests in flight need to finish and free some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Serves `router` on `listener` until `shutdown` is asked for, then drains.
///
/// Draining stops accepting, closes idle connections, lets requests in flight finish until
/// [`Shutdown::deadline`] and then cuts the rest. It ends as soon as the last request is answered:
/// connections that are idle, or that sent half a request, are not waited for.
///
/// A request is in flight from the moment its head was read until its response has been written
/// to the socket in full. Requests that arrive on an open connection before it learns of the
/// shutdown are counted too, so `in_flight` is always `drained + cut`.
///
/// # Errors
/// [`WorkloadError::Io`] if the listener cannot be used from the runtime.
pub async fn serve(router: Router, listener: TcpListener, mut shutdown: Shutdown) -> Result<Drained, WorkloadError> {
    let listener = into_tokio(listener)?;
    let ledger = Arc::new(Ledger::default());
    let (closing, closed) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.requested() => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    set_no_delay(&stream);
                    connections.spawn(connection::run(stream, router.clone(), ledger.clone(), closed.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    let began = Instant::now();
    drop(listener);
    let in_flight = ledger.begin_draining();
    closing.send_replace(true);
    tracing::debug!(in_flight, connections = connections.len(), "draining");
    // Late or not, the ledger knows what was finished.
    let _ = tokio::time::timeout(shutdown.deadline(), ledger.all_finished()).await;
    let counts = ledger.close();
    // Cuts what is left. Not awaited: a handler that never yields would hold up the shutdown.
    connections.abort_all();
    let drained = Drained {
        in_flight: counts.drained + counts.cut,
        drained: counts.drained,
        cut: counts.cut,
        took: began.elapsed(),
    };
    tracing::debug!(?drained, "drained");
    Ok(drained)
}

fn into_tokio(listener: TcpListener) -> Result<tokio::net::TcpListener, WorkloadError> {
    listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener))
        .map_err(|source| WorkloadError::Io { what: "taking over the listening socket".to_owned(), source })
}

/// Small responses must not wait for the client's delayed ACK (40 ms on Linux).
fn set_no_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::warn!(%error, "TCP_NODELAY refused");
    }
}

/// A panic in a handler ends its connection only; the client sees a reset and counts an error.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a request handler panicked");
    }
}
