//! Attempts are given up sooner than the upstream can answer, and made again: it works four times for each answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::Twin;
use crate::http::serve;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let upstream = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let address = upstream.local_addr()?.port();
    std::thread::Builder::new().name("upstream".into()).spawn(move || upstream_of_another_host(upstream))?;
    crate::http::runtime()?.block_on(serve(port, move || async move {
        let (patience, attempts) = match twin {
            Twin::Broken => (Duration::from_millis(4), 5),
            Twin::Healthy => (Duration::from_millis(500), 2),
        };
        insist(address, patience, attempts).await.unwrap_or_else(|error| error.to_string())
    }))
}

async fn insist(port: u16, patience: Duration, attempts: u32) -> io::Result<String> {
    for _ in 1..attempts {
        if let Ok(answer) = timeout(patience, ask(port)).await {
            // guilty
            return answer;
        }
    }
    ask(port).await
}

async fn ask(port: u16) -> io::Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
    socket.write_all(b"?").await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Three at a time, 6 ms each.
fn upstream_of_another_host(listener: std::net::TcpListener) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        listener.set_nonblocking(true).expect("a listener");
        let listener = TcpListener::from_std(listener).expect("a listener");
        let turns = Arc::new(Semaphore::new(3));
        while let Ok((mut socket, _)) = listener.accept().await {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move {
                let _turn = turns.acquire().await;
                tokio::time::sleep(Duration::from_millis(6)).await;
                let _ = socket.write_all(b"yes").await;
            });
        }
    });
}
