//! Air-freight quote service: every quote needs one look-up at the tariff host, a line protocol spoken over a small connection pool.
use axum::{extract::State, routing::get, Router};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const POOL_SIZE: usize = 8;
const ABANDONED_AFTER: Duration = Duration::from_millis(1500);
const LANES: u64 = 997;

enum QuoteError {
    Io(io::Error),
    NotServed,
    Malformed,
}

impl From<io::Error> for QuoteError {
    fn from(e: io::Error) -> Self {
        QuoteError::Io(e)
    }
}

struct TariffConn {
    lease: u64,
    io: BufStream<TcpStream>,
}

impl TariffConn {
    async fn ask(&mut self, lane: u64) -> io::Result<String> {
        self.io.write_all(format!("RATE {lane}\n").as_bytes()).await?;
        self.io.flush().await?;
        let mut line = String::new();
        if self.io.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line)
    }
}

struct TariffPool {
    host: SocketAddr,
    slots: Semaphore,
    idle: Mutex<Vec<BufStream<TcpStream>>>,
    leases: Mutex<HashMap<u64, Instant>>,
    next_lease: AtomicU64,
}

impl TariffPool {
    fn new(host: SocketAddr) -> Self {
        TariffPool {
            host,
            slots: Semaphore::new(POOL_SIZE),
            idle: Mutex::new(Vec::new()),
            leases: Mutex::new(HashMap::new()),
            next_lease: AtomicU64::new(1),
        }
    }

    async fn checkout(&self) -> io::Result<TariffConn> {
        self.slots.acquire().await.expect("pool is never closed").forget();
        let reused = self.idle.lock().unwrap().pop();
        let io = match reused {
            Some(io) => io,
            None => match TcpStream::connect(self.host).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    BufStream::new(stream)
                }
                Err(e) => {
                    self.slots.add_permits(1);
                    return Err(e);
                }
            },
        };
        let lease = self.next_lease.fetch_add(1, Ordering::Relaxed);
        self.leases.lock().unwrap().insert(lease, Instant::now());
        Ok(TariffConn { lease, io })
    }

    fn checkin(&self, conn: TariffConn) {
        if self.leases.lock().unwrap().remove(&conn.lease).is_some() {
            self.idle.lock().unwrap().push(conn.io);
            self.slots.add_permits(1);
        }
    }

    /// Takes back the slots of connections whose borrower has been silent for too long.
    async fn reclaim_abandoned(&self) {
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        loop {
            tick.tick().await;
            let mut leases = self.leases.lock().unwrap();
            let before = leases.len();
            leases.retain(|_, since| since.elapsed() < ABANDONED_AFTER);
            self.slots.add_permits(before - leases.len());
        }
    }
}

fn parse_rate(line: &str) -> Result<u32, QuoteError> {
    match line.trim_end().split_once(' ') {
        Some(("OK", cents)) => cents.parse().map_err(|_| QuoteError::Malformed),
        Some(("NONE", _)) => Err(QuoteError::NotServed),
        _ => Err(QuoteError::Malformed),
    }
}

struct Quotes {
    pool: TariffPool,
    checkin_first: bool,
    seen: AtomicU64,
}

impl Quotes {
    async fn rate_for_lane(&self, lane: u64) -> Result<u32, QuoteError> {
        let mut conn = self.pool.checkout().await?;
        let line = conn.ask(lane).await?;
        if self.checkin_first {
            self.pool.checkin(conn);
            return parse_rate(&line);
        }
        let cents = parse_rate(&line)?; // guilty
        self.pool.checkin(conn);
        Ok(cents)
    }
}

async fn quote(State(quotes): State<Arc<Quotes>>) -> String {
    let lane = quotes.seen.fetch_add(1, Ordering::Relaxed).wrapping_mul(7919) % LANES;
    match quotes.rate_for_lane(lane).await {
        Ok(cents) => format!("lane {lane}: {}.{:02} per kg\n", cents / 100, cents % 100),
        Err(QuoteError::NotServed) => format!("lane {lane}: on request\n"),
        Err(QuoteError::Malformed) => format!("lane {lane}: unreadable tariff\n"),
        Err(QuoteError::Io(e)) => format!("lane {lane}: tariff host unavailable ({e})\n"),
    }
}

async fn tariff_host(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).ok();
        tokio::spawn(async move {
            let (rd, mut wr) = stream.into_split();
            let mut lines = BufReader::new(rd).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let lane: u64 = line.trim_start_matches("RATE ").parse().unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(1)).await;
                let reply = match lane % 40 {
                    7 => format!("NONE {lane}\n"),
                    _ => format!("OK {}\n", 180 + lane * 3 % 700),
                };
                if wr.write_all(reply.as_bytes()).await.is_err() {
                    break;
                }
            }
        });
    }
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let tariff = TcpListener::bind("127.0.0.1:0").await?;
    let host = tariff.local_addr()?;
    tokio::spawn(tariff_host(tariff));

    let quotes = Arc::new(Quotes { pool: TariffPool::new(host), checkin_first: !broken, seen: AtomicU64::new(0) });
    let janitor = quotes.clone();
    tokio::spawn(async move { janitor.pool.reclaim_abandoned().await });

    let app = Router::new().route("/", get(quote)).with_state(quotes);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await
}
