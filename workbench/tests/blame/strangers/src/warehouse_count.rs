//! Stock counts of a warehouse: single bins mostly, and now and then the whole
//! aisle, read from the stock database over a pool of connections.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::Router;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const CONNECTIONS: usize = 16;
const AISLE_BINS: u64 = 8;
const QUERY_TIME: Duration = Duration::from_millis(3);
const PATIENCE: Duration = Duration::from_millis(60);

struct Pool {
    addr: SocketAddr,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<TcpStream>>,
}

struct Lease {
    pool: Arc<Pool>,
    stream: Option<TcpStream>,
    _permit: OwnedSemaphorePermit,
}

impl Deref for Lease {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        self.stream.as_ref().expect("leased")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut TcpStream {
        self.stream.as_mut().expect("leased")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.pool.idle.lock().push(stream);
        }
    }
}

impl Pool {
    fn new(addr: SocketAddr) -> Arc<Pool> {
        Arc::new(Pool {
            addr,
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Mutex::new(Vec::with_capacity(CONNECTIONS)),
        })
    }

    async fn lease(self: &Arc<Self>) -> Option<Lease> {
        let wait = self.permits.clone().acquire_owned();
        let permit = tokio::time::timeout(PATIENCE, wait).await.ok()?.ok()?;
        let kept = self.idle.lock().pop();
        let stream = match kept {
            Some(stream) => stream,
            None => {
                let fresh = TcpStream::connect(self.addr).await.ok()?;
                fresh.set_nodelay(true).ok()?;
                fresh
            }
        };
        Some(Lease { pool: self.clone(), stream: Some(stream), _permit: permit })
    }
}

async fn bin_count(connection: &mut TcpStream, bin: u64) -> Option<u64> {
    connection.write_u64(bin).await.ok()?;
    connection.read_u64().await.ok()
}

struct Warehouse {
    pool: Arc<Pool>,
    visits: AtomicU64,
    cursor_each: bool,
}

impl Warehouse {
    async fn count_bin(&self, bin: u64) -> Option<u64> {
        let mut connection = self.pool.lease().await?;
        bin_count(&mut connection, bin).await
    }

    async fn count_aisle(&self, aisle: u64) -> Option<u64> {
        let mut connection = self.pool.lease().await?;
        let mut total = 0;
        for bin in 0..AISLE_BINS {
            total += bin_count(&mut connection, aisle * AISLE_BINS + bin).await?;
        }
        Some(total)
    }

    /// A cursor for each bin, all of them open until the aisle is summed.
    async fn count_aisle_by_cursors(&self, aisle: u64) -> Option<u64> {
        let mut cursors = Vec::new();
        let mut total = 0;
        for bin in 0..AISLE_BINS {
            let mut connection = self.pool.lease().await?; // guilty
            total += bin_count(&mut connection, aisle * AISLE_BINS + bin).await?;
            cursors.push(connection);
        }
        Some(total)
    }

    async fn count(&self) -> (u64, Option<u64>) {
        let visit = self.visits.fetch_add(1, Ordering::Relaxed);
        let found = match (visit % 2, self.cursor_each) {
            (0, false) => self.count_aisle(visit % 40).await,
            (0, true) => self.count_aisle_by_cursors(visit % 40).await,
            _ => self.count_bin(visit % 320).await,
        };
        (visit, found)
    }
}

async fn report(State(warehouse): State<Arc<Warehouse>>) -> String {
    match warehouse.count().await {
        (visit, Some(pieces)) => format!("count {visit}: {pieces} pieces\n"),
        (visit, None) => format!("count {visit}: to be repeated\n"),
    }
}

async fn stock_session(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    while let Ok(bin) = stream.read_u64().await {
        tokio::time::sleep(QUERY_TIME).await;
        if stream.write_u64(17 + bin * 13 % 90).await.is_err() {
            return;
        }
    }
}

async fn stock_database() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let addr = listener.local_addr().expect("addr");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(stock_session(stream));
        }
    });
    addr
}

pub fn run(broken: bool, port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async move {
        let warehouse = Arc::new(Warehouse {
            pool: Pool::new(stock_database().await),
            visits: AtomicU64::new(0),
            cursor_each: broken,
        });
        let app = Router::new().route("/", get(report)).with_state(warehouse);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        axum::serve(listener, app).await.expect("serve");
    });
}
