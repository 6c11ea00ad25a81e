//! The subscriber and its server, on a thread of their own.
//!
//! console-subscriber's own server runs its aggregator as an ordinary task, which tokio's cooperative budget stops
//! after 128 events a wake-up: a service that spawns 1,500 tasks a second outruns it, and most of them are never seen
//! although none counts as dropped (measured with 0.5.0: 2,064 of 12,340 tasks). Here it runs unconstrained.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use console_subscriber::{ConsoleLayer, ServerParts};
use tokio::sync::oneshot;
use tokio_stream::wrappers::TcpListenerStream;
use tracing::Metadata;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::SubscriberExt;

use super::{ConsoleError, Options};

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Listens, subscribes, serves.
pub(super) fn start(options: &Options) -> Result<Server, ConsoleError> {
    let listener = listen(options.address)?;
    let address = listener.local_addr()?;
    let (layer, server) = ConsoleLayer::builder()
        .retention(options.retention)
        .publish_interval(options.publish_interval)
        .client_buffer_capacity(options.client_buffer)
        .build();
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(FilterFn::new(is_runtime)));
    // The thread first: a subscriber without a server cannot be taken back.
    let (stop, stopped) = oneshot::channel();
    let (go, ready) = std::sync::mpsc::sync_channel::<()>(1);
    let thread = std::thread::Builder::new().name("console-server".into()).spawn(move || {
        // What the server itself spawns and locks is nobody's business.
        let _unseen = tracing::subscriber::set_default(NoSubscriber::default());
        if ready.recv().is_ok() {
            let _ = serve(listener, server.into_parts(), stopped);
        }
    })?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| ConsoleError::Subscribed)?;
    let _ = go.send(());
    Ok(Server { address, stop: Some(stop), thread: Some(thread) })
}

fn listen(address: SocketAddr) -> Result<TcpListener, ConsoleError> {
    let listener = TcpListener::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ConsoleError::PortTaken(address),
        _ => ConsoleError::Listen { address, source },
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn serve(listener: TcpListener, parts: ServerParts, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener)?);
        tokio::spawn(tokio::task::unconstrained(parts.aggregator.run()));
        let router = tonic::transport::Server::builder().add_service(parts.instrument_server);
        // Not shut down gracefully: a client's streams have no end of their own.
        tokio::select! {
            served = router.serve_with_incoming(incoming) => served.map_err(io::Error::other),
            _ = stopped => Ok(()),
        }
    })
}

/// What tokio says about itself, and what [`super::gauge`] says in its words: events are told by target, spans by name.
fn is_runtime(metadata: &Metadata<'_>) -> bool {
    let of_tokio = metadata.target().starts_with("tokio");
    if metadata.is_event() {
        of_tokio || metadata.target().starts_with("runtime")
    } else {
        of_tokio || metadata.name().starts_with("runtime.")
    }
}
