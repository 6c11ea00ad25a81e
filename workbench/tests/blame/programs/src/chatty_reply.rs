//! Head and body of the answer leave in two writes, and Nagle's algorithm keeps the second until the first is acknowledged.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Twin;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(async move {
                let _ = converse(socket, twin).await;
            });
        }
    })
}

async fn converse(mut socket: TcpStream, twin: Twin) -> io::Result<()> {
    let mut request = Vec::new();
    loop {
        request.clear();
        while !request.ends_with(b"\r\n\r\n") {
            if socket.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let body = "a line of text\n".repeat(20);
        match twin {
            Twin::Broken => reply(&mut socket, &body).await?,
            Twin::Healthy => reply_at_once(&mut socket, &body).await?,
        }
    }
}

fn head(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len())
}

async fn reply(socket: &mut TcpStream, body: &str) -> io::Result<()> {
    socket.write_all(head(body).as_bytes()).await?;
    socket.write_all(body.as_bytes()).await // guilty
}

async fn reply_at_once(socket: &mut TcpStream, body: &str) -> io::Result<()> {
    socket.write_all((head(body) + body).as_bytes()).await
}
