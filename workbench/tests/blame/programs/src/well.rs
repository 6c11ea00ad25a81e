//! Services with nothing wrong: busy, streaming, waiting for others, with work beside. Nothing may be said of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::Twin;
use crate::http::serve;

/// Much CPU, in polls of some tenths of a millisecond.
pub(crate) fn busy(_: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(signed));
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}

async fn signed() -> String {
    let digest = (0..2000).fold(Sha256::digest("order"), |digest, _| Sha256::digest(digest));
    format!("{digest:02x?}")
}

/// Answers of 60 KB that leave in parts as they are made.
pub(crate) fn streaming(_: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            tokio::spawn(stream_all(socket));
        }
    })
}

async fn stream_all(mut socket: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    loop {
        request.clear();
        while !request.ends_with(b"\r\n\r\n") {
            if socket.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let (parts, mut queue) = mpsc::channel::<Vec<u8>>(2);
        tokio::spawn(async move {
            for number in 0..6_u8 {
                if parts.send(vec![b'a' + number; 10_000]).await.is_err() {
                    return;
                }
            }
        });
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n").await?;
        while let Some(part) = queue.recv().await {
            socket.write_all(&part).await?;
        }
    }
}

/// Asks another service, which takes its time, over a pool of connections that is large enough.
pub(crate) fn gateway(_: Twin, port: u16) -> io::Result<()> {
    let upstream = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let address = upstream.local_addr()?.port();
    std::thread::Builder::new().name("upstream".into()).spawn(move || upstream_of_another_host(upstream))?;
    crate::http::runtime()?
        .block_on(serve(port, move || async move { ask(address).await.unwrap_or_else(|error| error.to_string()) }))
}

async fn ask(port: u16) -> io::Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
    socket.set_nodelay(true)?;
    socket.write_all(b"?").await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn upstream_of_another_host(listener: std::net::TcpListener) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        listener.set_nonblocking(true).expect("a listener");
        let listener = TcpListener::from_std(listener).expect("a listener");
        let asked = Arc::new(AtomicU64::new(0));
        while let Ok((mut socket, _)) = listener.accept().await {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(4 + number * 7 % 9)).await;
                let _ = socket.write_all(b"yes").await;
            });
        }
    });
}

/// Answers at once, and has a job beside that takes a thread of its own for a while, again and again.
pub(crate) fn beside(_: Twin, port: u16) -> io::Result<()> {
    let done = Arc::new(AtomicU64::new(0));
    crate::http::runtime()?.block_on(async move {
        let counted = Arc::clone(&done);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let summed = tokio::task::spawn_blocking(|| {
                    (0..4_000_000_u64).fold(0, |sum: u64, n| sum.rotate_left(3) ^ std::hint::black_box(n))
                });
                if summed.await.is_ok() {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        serve(port, move || {
            let done = Arc::clone(&done);
            async move { done.load(Ordering::Relaxed).to_string() }
        })
        .await
    })
}
