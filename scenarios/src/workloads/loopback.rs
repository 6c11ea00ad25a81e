//! A server on loopback and a client for it, for tests.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::workload::{BoxFuture, Drained, Shutdown, ShutdownTrigger, WorkloadError};

/// A bound after which a test that hangs fails instead. Never reached by one that works.
const HANG: Duration = Duration::from_secs(60);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    trigger: ShutdownTrigger,
    task: JoinHandle<Result<Drained, WorkloadError>>,
}

impl Server {
    pub(crate) fn start(
        deadline: Duration,
        serve: impl FnOnce(TcpListener, Shutdown) -> BoxFuture<Result<Drained, WorkloadError>>,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (trigger, shutdown) = Shutdown::new(deadline);
        Self { address, trigger, task: tokio::spawn(serve(listener, shutdown)) }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.unwrap() }
    }

    pub(crate) fn ask_to_stop(&self) {
        self.trigger.trigger();
    }

    /// What the drain did, less its duration.
    pub(crate) async fn stopped(self) -> Drained {
        let drained = tokio::time::timeout(HANG, self.task).await.unwrap().unwrap().unwrap();
        Drained { took: Duration::ZERO, ..drained }
    }
}

/// One connection, kept alive.
pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) -> (u16, String) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).await;
        self.answer().await.unwrap()
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n");
        self.send(head.as_bytes()).await;
        self.send(body.as_bytes()).await;
        self.answer().await.unwrap()
    }

    /// The next answer, or `None` if the server closed or reset the connection first.
    pub(crate) async fn answer(&mut self) -> Option<(u16, String)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((status, String::from_utf8(body).unwrap()))
    }

    /// Whether a byte has come that was not read yet.
    pub(crate) async fn readable(&self) -> bool {
        matches!(self.stream.peek(&mut [0]).await, Ok(1))
    }

    /// Whether the server closed the connection without another byte.
    pub(crate) async fn closed(&mut self) -> bool {
        matches!(tokio::time::timeout(HANG, self.stream.read_u8()).await, Ok(Err(_)))
    }
}
