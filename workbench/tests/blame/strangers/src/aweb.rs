//! Just enough HTTP/1.1 over tokio: GET with keep-alive.
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Conn {
    stream: TcpStream,
    buf: Vec<u8>,
}

impl Conn {
    pub fn new(stream: TcpStream) -> io::Result<Conn> {
        stream.set_nodelay(true)?;
        Ok(Conn { stream, buf: Vec::with_capacity(2048) })
    }

    /// The path of the next request, or None when the peer is gone.
    pub async fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.buf.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buf[..end]).into_owned();
                self.buf.drain(..end + 4);
                let path = head.split(' ').nth(1).unwrap_or("/").to_string();
                return Ok(Some(path));
            }
            if self.buf.len() > 16 * 1024 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "header too long"));
            }
            if self.stream.read_buf(&mut self.buf).await? == 0 {
                return Ok(None);
            }
        }
    }

    pub async fn reply(&mut self, status: &str, body: &str) -> io::Result<()> {
        let text =
            format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        self.stream.write_all(text.as_bytes()).await
    }
}
