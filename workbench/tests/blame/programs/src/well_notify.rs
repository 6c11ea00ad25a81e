//! Notifications, as they should be: two services are asked at once over connections that stay open, each with a time limit
//! and one more try after a pause, while the configuration is watched for changes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::Twin;

const LIMIT: Duration = Duration::from_millis(400);

/// A service that answers eight bytes with eight bytes after a while.
async fn service(after: Duration) -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket, after));
        }
    });
    Ok(port)
}

async fn answer(mut socket: TcpStream, after: Duration) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut asked = [0; 8];
    loop {
        socket.read_exact(&mut asked).await?;
        sleep(after).await;
        socket.write_all(&u64::from_le_bytes(asked).rotate_left(9).to_le_bytes()).await?;
    }
}

/// Connections that are not in use.
struct Client {
    port: u16,
    idle: Mutex<Vec<TcpStream>>,
}

impl Client {
    fn new(port: u16) -> Self {
        Self { port, idle: Mutex::default() }
    }

    async fn connection(&self) -> io::Result<TcpStream> {
        let idle = self.idle.lock().pop();
        match idle {
            Some(socket) => Ok(socket),
            None => {
                let socket = TcpStream::connect(("127.0.0.1", self.port)).await?;
                socket.set_nodelay(true)?;
                Ok(socket)
            }
        }
    }

    async fn call(&self, question: u64) -> io::Result<u64> {
        let mut socket = self.connection().await?;
        socket.write_all(&question.to_le_bytes()).await?;
        let mut answer = [0; 8];
        socket.read_exact(&mut answer).await?;
        let mut idle = self.idle.lock();
        if idle.len() < 32 {
            idle.push(socket);
        }
        Ok(u64::from_le_bytes(answer))
    }

    async fn ask(&self, question: u64) -> io::Result<u64> {
        match timeout(LIMIT, self.call(question)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(_)) | Err(_) => sleep(Duration::from_millis(20 + question % 17)).await,
        }
        timeout(LIMIT, self.call(question)).await?
    }
}

struct Notifier {
    users: Client,
    devices: Client,
    quiet: watch::Receiver<bool>,
    sent: AtomicU64,
}

impl Notifier {
    async fn notify(&self) -> io::Result<(u64, bool)> {
        let user = self.sent.fetch_add(1, Ordering::Relaxed);
        let (profile, device) = tokio::try_join!(self.users.ask(user), self.devices.ask(user))?;
        Ok((profile ^ device, *self.quiet.borrow()))
    }
}

async fn notify(State(notifier): State<Arc<Notifier>>) -> Result<Json<Value>, StatusCode> {
    let (receipt, quiet) = notifier.notify().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(Json(json!({ "receipt": receipt, "quiet": quiet })))
}

async fn configuration(changed: watch::Sender<bool>) {
    let mut quiet = false;
    loop {
        sleep(Duration::from_millis(700)).await;
        quiet = !quiet;
        let _ = changed.send(quiet);
    }
}

pub(crate) fn run(_twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let users = Client::new(service(Duration::from_millis(12)).await?);
        let devices = Client::new(service(Duration::from_millis(7)).await?);
        let (changed, quiet) = watch::channel(false);
        tokio::spawn(configuration(changed));
        let notifier = Arc::new(Notifier { users, devices, quiet, sent: AtomicU64::new(0) });
        let router = Router::new().route("/", get(notify)).with_state(notifier);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
