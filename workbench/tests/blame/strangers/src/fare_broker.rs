//! Fares: asks the inventory over a small pool of connections, then reports the use of it to the partner
//! (after the answer has gone out).
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

const INVENTORY_CONNECTIONS: usize = 4;
const PARTNER_CONNECTIONS: usize = 64;

/// A peer that answers a line with a line, some time later.
async fn start_peer(takes: Duration) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                while matches!(stream.read_line(&mut line).await, Ok(n) if n > 0) {
                    sleep(takes).await;
                    let answer = format!("OK {}\n", 8_900 + line.len() * 130);
                    if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                    line.clear();
                }
            });
        }
    });
    Ok(addr)
}

struct Connection {
    id: u64,
    calls: u64,
    stream: BufReader<TcpStream>,
}

impl Connection {
    async fn ask(&mut self, question: &str) -> std::io::Result<String> {
        self.calls += 1;
        self.stream.get_mut().write_all(question.as_bytes()).await?;
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        Ok(line)
    }
}

struct Pool {
    peer: SocketAddr,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    opened: AtomicU64,
}

/// A connection on loan; goes back to the pool when dropped.
struct Lease {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    fn new(peer: SocketAddr, size: usize) -> Arc<Self> {
        Arc::new(Pool {
            peer,
            permits: Arc::new(Semaphore::new(size)),
            idle: Mutex::new(Vec::with_capacity(size)),
            opened: AtomicU64::new(0),
        })
    }

    async fn lease(self: &Arc<Self>) -> std::io::Result<Lease> {
        let permit = self.permits.clone().acquire_owned().await.map_err(std::io::Error::other)?;
        let kept = self.idle.lock().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(self.peer).await?;
                stream.set_nodelay(true)?;
                let id = self.opened.fetch_add(1, Ordering::Relaxed);
                Connection { id, calls: 0, stream: BufReader::new(stream) }
            }
        };
        Ok(Lease { pool: self.clone(), connection: Some(connection), _permit: permit })
    }
}

impl Lease {
    fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("on loan")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.idle.lock().push(connection);
        }
    }
}

#[derive(Clone)]
struct Broker {
    inventory: Arc<Pool>,
    partner: Arc<Pool>,
    asked: Arc<AtomicU64>,
    figures_only: bool,
}

#[derive(Serialize)]
struct Fare {
    flight: u64,
    fare: String,
}

/// Tells the partner how often the connection has been used for this flight.
async fn report_usage(partner: Arc<Pool>, mut lease: Lease, flight: u64) -> std::io::Result<()> {
    let used = lease.connection();
    let line = format!("USED {flight} {} {}\n", used.id, used.calls);
    let mut line_out = partner.lease().await?;
    line_out.connection().ask(&line).await?; // guilty
    Ok(())
}

async fn report_figures(partner: Arc<Pool>, id: u64, calls: u64, flight: u64) -> std::io::Result<()> {
    let line = format!("USED {flight} {id} {calls}\n");
    let mut line_out = partner.lease().await?;
    line_out.connection().ask(&line).await?;
    Ok(())
}

impl Broker {
    async fn fare(&self, flight: u64) -> std::io::Result<Fare> {
        let mut lease = self.inventory.lease().await?;
        let fare = lease.connection().ask(&format!("FARE {flight}\n")).await?;
        if self.figures_only {
            let (id, calls) = (lease.connection().id, lease.connection().calls);
            drop(lease);
            tokio::spawn(report_figures(self.partner.clone(), id, calls, flight));
        } else {
            tokio::spawn(report_usage(self.partner.clone(), lease, flight));
        }
        Ok(Fare { flight, fare: fare.trim_end().to_owned() })
    }
}

async fn quote(State(broker): State<Broker>) -> Result<Json<Fare>, StatusCode> {
    let flight = 300 + broker.asked.fetch_add(1, Ordering::Relaxed) % 600;
    broker.fare(flight).await.map(Json).map_err(|_| StatusCode::BAD_GATEWAY)
}

pub async fn run(broken: bool, port: u16) -> std::io::Result<()> {
    let inventory = start_peer(Duration::from_millis(4)).await?;
    let partner = start_peer(Duration::from_millis(50)).await?;
    let broker = Broker {
        inventory: Pool::new(inventory, INVENTORY_CONNECTIONS),
        partner: Pool::new(partner, PARTNER_CONNECTIONS),
        asked: Arc::new(AtomicU64::new(0)),
        figures_only: !broken,
    };
    let app = Router::new().route("/", get(quote)).with_state(broker);
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, app).await
}
