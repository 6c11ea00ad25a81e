//! Exchange rates: cached, and fetched once for all who ask for the same pair at a time.
use crate::bram::{mix, runtime, serve, Dice};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex as AsyncMutex, Notify};

type Pair = u16;
const PAIRS: u64 = 90;

#[derive(Clone, Copy, Debug)]
struct Rate {
    micros: u64,
}

#[derive(Clone, Copy, Debug)]
enum FeedError {
    Stale,
    Wire,
}

impl From<std::io::Error> for FeedError {
    fn from(_: std::io::Error) -> Self {
        FeedError::Wire
    }
}

/// The market feed: 16 bytes there, 9 bytes back.
mod feed {
    use super::*;

    pub async fn run(l: TcpListener) {
        let dice = Arc::new(Dice::new(71));
        while let Ok((s, _)) = l.accept().await {
            tokio::spawn(session(s, dice.clone()));
        }
    }

    async fn session(mut s: TcpStream, dice: Arc<Dice>) -> std::io::Result<()> {
        s.set_nodelay(true)?;
        loop {
            let pair = s.read_u16().await?;
            tokio::time::sleep(Duration::from_millis(4)).await;
            let mut reply = [0u8; 9];
            reply[0] = (dice.below(50) == 0) as u8;
            reply[1..].copy_from_slice(&(mix(pair as u64) % 2_000_000 + dice.below(900)).to_be_bytes());
            s.write_all(&reply).await?;
        }
    }
}

struct Upstream {
    addr: std::net::SocketAddr,
    idle: AsyncMutex<Vec<TcpStream>>,
}

impl Upstream {
    async fn fetch(&self, pair: Pair) -> Result<Rate, FeedError> {
        let spare = self.idle.lock().await.pop();
        let mut s = match spare {
            Some(s) => s,
            None => TcpStream::connect(self.addr).await?,
        };
        s.set_nodelay(true)?;
        s.write_u16(pair).await?;
        let status = s.read_u8().await?;
        let micros = s.read_u64().await?;
        self.idle.lock().await.push(s);
        match status {
            0 => Ok(Rate { micros }),
            _ => Err(FeedError::Stale),
        }
    }
}

#[derive(Default)]
struct Flight {
    outcome: OnceLock<Result<Rate, FeedError>>,
    landed: Notify,
}

impl Flight {
    fn land(&self, outcome: Result<Rate, FeedError>) {
        let _ = self.outcome.set(outcome);
        self.landed.notify_waiters();
    }

    async fn outcome(&self) -> Result<Rate, FeedError> {
        loop {
            let landed = self.landed.notified();
            tokio::pin!(landed);
            landed.as_mut().enable();
            if let Some(o) = self.outcome.get() {
                return *o;
            }
            landed.await;
        }
    }
}

struct Board {
    fresh: Mutex<HashMap<Pair, (Rate, Instant)>>,
    flights: Mutex<HashMap<Pair, Arc<Flight>>>,
    upstream: Upstream,
    fetched: AtomicU64,
    revised: bool,
}

impl Board {
    fn cached(&self, pair: Pair) -> Option<Rate> {
        let fresh = self.fresh.lock();
        fresh.get(&pair).filter(|(_, at)| at.elapsed() < Duration::from_millis(300)).map(|(r, _)| *r)
    }

    async fn rate(&self, pair: Pair) -> Result<Rate, FeedError> {
        if let Some(r) = self.cached(pair) {
            return Ok(r);
        }
        let (flight, mine) = {
            let mut flights = self.flights.lock();
            match flights.get(&pair) {
                Some(f) => (f.clone(), false),
                None => {
                    let f = Arc::new(Flight::default());
                    flights.insert(pair, f.clone());
                    (f, true)
                }
            }
        };
        if mine {
            self.pilot(pair, &flight).await
        } else {
            flight.outcome().await
        }
    }

    async fn pilot(&self, pair: Pair, flight: &Flight) -> Result<Rate, FeedError> {
        let outcome = self.upstream.fetch(pair).await;
        if self.revised && outcome.is_err() {
            self.flights.lock().remove(&pair);
            flight.land(outcome);
        }
        let rate = outcome?; // guilty
        self.fetched.fetch_add(1, Ordering::Relaxed);
        self.fresh.lock().insert(pair, (rate, Instant::now()));
        self.flights.lock().remove(&pair);
        flight.land(Ok(rate));
        Ok(rate)
    }
}

fn convert(amount: u64, rate: Rate) -> String {
    let cents = amount as u128 * rate.micros as u128 / 1_000_000;
    format!("{}.{:02}", cents / 100, cents % 100)
}

async fn answer(board: Arc<Board>, dice: Arc<Dice>) -> String {
    let pair = dice.below(PAIRS) as Pair;
    let amount = 1_000 + dice.below(500_000);
    match board.rate(pair).await {
        Ok(rate) => format!("{pair}: {}\n", convert(amount, rate)),
        Err(e) => format!("{pair}: indicative only ({e:?})\n"),
    }
}

async fn prune(board: Arc<Board>) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tick.tick().await;
        board.fresh.lock().retain(|_, (_, at)| at.elapsed() < Duration::from_secs(2));
    }
}

async fn open(revised: bool, port: u16) -> std::io::Result<()> {
    let l = TcpListener::bind("127.0.0.1:0").await?;
    let addr = l.local_addr()?;
    tokio::spawn(feed::run(l));
    let board = Arc::new(Board {
        fresh: Mutex::default(),
        flights: Mutex::default(),
        upstream: Upstream { addr, idle: AsyncMutex::default() },
        fetched: AtomicU64::new(0),
        revised,
    });
    tokio::spawn(prune(board.clone()));
    let dice = Arc::new(Dice::new(5));
    let front = TcpListener::bind(("127.0.0.1", port)).await?;
    serve(front, move |_path| answer(board.clone(), dice.clone())).await;
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    runtime().block_on(open(!broken, port)).expect("run");
}
