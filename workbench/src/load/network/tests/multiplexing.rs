//! A small server of HTTP/2, with TLS or without, that behaves and misbehaves.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::Reason;
use http::Response;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::load::network::{Endpoint, Protocol};

/// What to do with a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reply {
    /// Status and body.
    Answer(u16, &'static str),
    /// Nothing, ever.
    Silence,
    /// `RST_STREAM`.
    Reset,
    /// Half of the body announced, then `RST_STREAM`.
    Half,
    /// The connection is cut.
    Cut,
    /// This answer, and no more requests over this connection.
    Last,
}

/// A listening server; its thread ends with the test process.
pub(super) struct Http2Server {
    pub(super) address: SocketAddr,
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) requests: Arc<AtomicUsize>,
}

type Respond = Arc<dyn Fn(&str, usize) -> Reply + Send + Sync>;

impl Http2Server {
    /// Answers each request by its path and number.
    pub(super) fn start(
        tls: Option<ServerConfig>,
        respond: impl Fn(&str, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = (Arc::clone(&connections), Arc::clone(&requests));
        let respond: Respond = Arc::new(respond);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    counts.0.fetch_add(1, Ordering::SeqCst);
                    let (acceptor, respond, requests) = (acceptor.clone(), Arc::clone(&respond), Arc::clone(&counts.1));
                    tokio::task::spawn_local(async move {
                        match acceptor {
                            None => serve(stream, respond, requests).await,
                            Some(acceptor) => {
                                if let Ok(stream) = acceptor.accept(stream).await {
                                    serve(stream, respond, requests).await;
                                }
                            }
                        }
                    });
                }
            });
        });
        Self { address, connections, requests }
    }

    /// By prior knowledge.
    pub(super) fn target(&self) -> Endpoint {
        Endpoint { protocol: Protocol::Http2, ..Endpoint::new(self.address) }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, respond: Respond, requests: Arc<AtomicUsize>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let mut silent = Vec::new();
    while let Some(Ok((request, mut answering))) = connection.accept().await {
        let reply = respond(request.uri().path(), requests.fetch_add(1, Ordering::SeqCst));
        let head = |status| Response::builder().status(status).body(()).unwrap();
        match reply {
            Reply::Answer(status, body) => {
                let mut sending = answering.send_response(head(status), body.is_empty()).unwrap();
                if !body.is_empty() {
                    sending.send_data(Bytes::from_static(body.as_bytes()), true).unwrap();
                }
            }
            Reply::Silence => silent.push((request, answering)),
            Reply::Reset => answering.send_reset(Reason::INTERNAL_ERROR),
            Reply::Half => {
                let mut sending = answering.send_response(head(200), false).unwrap();
                sending.send_data(Bytes::from_static(b"half"), false).unwrap();
                sending.send_reset(Reason::INTERNAL_ERROR);
            }
            Reply::Cut => return,
            Reply::Last => {
                answering.send_response(head(200), true).unwrap();
                connection.graceful_shutdown();
            }
        }
    }
}
