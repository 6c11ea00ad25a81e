//! What the services share: a runtime of two workers, and HTTP/1.1 with one task per connection.

use std::convert::Infallible;
use std::future::Future;
use std::io;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// A runtime as `#[tokio::main]` makes it on a machine of two CPUs.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// Answers every request with what `handle` returns.
pub(crate) async fn serve<H, F>(port: u16, handle: H) -> io::Result<()>
where
    H: Fn() -> F + Clone + Send + 'static,
    F: Future<Output = String> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let handle = handle.clone();
        tokio::spawn(async move {
            let service = service_fn(move |_request| {
                let answer = handle();
                async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(answer.await)))) }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
