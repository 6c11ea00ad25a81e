//! Currency desk: converts an amount with the vendor's rate. The vendor allows us 100 calls a second.
use axum::{extract::State, routing::get, Router};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const PAIRS: [&str; 12] = [
    "EURUSD", "EURGBP", "EURCHF", "EURSEK", "EURNOK", "EURPLN", "USDJPY", "USDCAD", "USDMXN", "GBPUSD", "GBPJPY",
    "AUDUSD",
];
const FRESH_FOR: Duration = Duration::from_secs(2);

/// Token bucket in front of the vendor.
struct Quota {
    per_second: f64,
    burst: f64,
    state: Mutex<(f64, Instant)>,
}

impl Quota {
    fn new(per_second: f64, burst: f64) -> Self {
        Quota { per_second, burst, state: Mutex::new((burst, Instant::now())) }
    }

    async fn take(&self) {
        let owed = {
            let mut s = self.state.lock().unwrap();
            let now = Instant::now();
            s.0 = (s.0 + now.duration_since(s.1).as_secs_f64() * self.per_second).min(self.burst);
            s.1 = now;
            s.0 -= 1.0;
            -s.0
        };
        if owed > 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(owed / self.per_second)).await;
        }
    }
}

struct Desk {
    quota: Quota,
    cache: Mutex<HashMap<&'static str, (f64, Instant)>>,
    vendor: SocketAddr,
    next: AtomicUsize,
    strict: bool,
}

impl Desk {
    fn cached(&self, pair: &str) -> Option<f64> {
        let cache = self.cache.lock().unwrap();
        cache.get(pair).filter(|(_, at)| at.elapsed() < FRESH_FOR).map(|(rate, _)| *rate)
    }

    async fn call_vendor(&self, pair: &'static str) -> std::io::Result<f64> {
        let mut conn = BufReader::new(TcpStream::connect(self.vendor).await?);
        conn.write_all(format!("{pair}\n").as_bytes()).await?;
        let mut line = String::new();
        conn.read_line(&mut line).await?;
        let rate = line.trim().parse().unwrap_or(1.0);
        self.cache.lock().unwrap().insert(pair, (rate, Instant::now()));
        Ok(rate)
    }

    async fn rate_for(&self, pair: &'static str) -> std::io::Result<f64> {
        self.quota.take().await; // guilty
        if let Some(rate) = self.cached(pair) {
            return Ok(rate);
        }
        self.call_vendor(pair).await
    }

    async fn fresh_rate(&self, pair: &'static str) -> std::io::Result<f64> {
        match self.cached(pair) {
            Some(rate) => Ok(rate),
            None => {
                self.quota.take().await;
                self.call_vendor(pair).await
            }
        }
    }
}

fn slip(pair: &str, amount: u64, rate: f64) -> String {
    let gross = amount as f64 * rate;
    let fee = (gross * 0.0015 * 100.0).round() / 100.0;
    format!("{pair} {amount} -> {:.2} (rate {rate:.4}, fee {fee:.2})\n", gross - fee)
}

async fn convert(State(desk): State<Arc<Desk>>) -> String {
    let n = desk.next.fetch_add(1, Ordering::Relaxed);
    let pair = PAIRS[n % PAIRS.len()];
    let rate = if desk.strict { desk.rate_for(pair).await } else { desk.fresh_rate(pair).await };
    slip(pair, 100 + (n as u64 * 37) % 900, rate.unwrap_or(1.0))
}

async fn vendor(listener: TcpListener) {
    while let Ok((sock, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut conn = BufReader::new(sock);
            let mut line = String::new();
            while conn.read_line(&mut line).await.unwrap_or(0) > 0 {
                let seed: u32 = line.bytes().map(u32::from).sum();
                let _ = conn.write_all(format!("{:.4}\n", 0.5 + (seed % 97) as f64 / 60.0).as_bytes()).await;
                line.clear();
            }
        });
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let desk = Arc::new(Desk {
            quota: Quota::new(100.0, 20.0),
            cache: Mutex::new(HashMap::new()),
            vendor: upstream.local_addr().unwrap(),
            next: AtomicUsize::new(0),
            strict: broken,
        });
        tokio::spawn(vendor(upstream));
        let app = Router::new().route("/", get(convert)).with_state(desk);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
