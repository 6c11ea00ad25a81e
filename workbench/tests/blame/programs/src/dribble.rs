//! The answer leaves a few bytes at a time, one system call each.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::{TcpListener, TcpStream};

use crate::Twin;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
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
        match twin {
            Twin::Broken => write_table(&mut socket).await?,
            Twin::Healthy => {
                let mut buffered = BufWriter::with_capacity(64 * 1024, &mut socket);
                write_table_to(&mut buffered).await?;
                buffered.flush().await?;
            }
        }
    }
}

const ROWS: usize = 600;
const ROW: &[u8] = b"cell,cell,cell\n";

fn head() -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", ROWS * ROW.len())
}

async fn write_table(socket: &mut TcpStream) -> io::Result<()> {
    socket.write_all(head().as_bytes()).await?;
    for _ in 0..ROWS {
        socket.write_all(ROW).await?; // guilty
    }
    Ok(())
}

async fn write_table_to(out: &mut BufWriter<&mut TcpStream>) -> io::Result<()> {
    out.write_all(head().as_bytes()).await?;
    for _ in 0..ROWS {
        out.write_all(ROW).await?;
    }
    Ok(())
}
