//! A client library that is not async asks another service from inside a handler.

use std::io::{self, Read, Write};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::Twin;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let stock = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let stock_port = stock.local_addr()?.port();
    std::thread::Builder::new().name("stock".into()).spawn(move || stock_of_another_host(&stock))?;
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(item)).with_state((twin, stock_port));
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}

async fn item(State((twin, port)): State<(Twin, u16)>) -> String {
    let left = match twin {
        Twin::Broken => left_in_stock(port),
        Twin::Healthy => left_in_stock_async(port).await,
    };
    left.unwrap_or_else(|error| error.to_string())
}

fn left_in_stock(port: u16) -> io::Result<String> {
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port))?;
    socket.write_all(b"?")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?; // guilty
    Ok(answer)
}

async fn left_in_stock_async(port: u16) -> io::Result<String> {
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    socket.write_all(b"?").await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn stock_of_another_host(listener: &std::net::TcpListener) {
    for socket in listener.incoming() {
        let Ok(mut socket) = socket else { return };
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(9));
            let _ = socket.write_all(b"17");
        });
    }
}
