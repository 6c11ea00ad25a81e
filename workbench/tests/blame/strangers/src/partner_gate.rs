//! Partner gate: exchange rates for partners, each within the number of calls per second it has
//! bought (a token bucket; callers over the limit are made to wait, in order).
use axum::{extract::State, http::header, response::IntoResponse, routing::get, Router};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const CALLS_PER_SECOND: u64 = 450;
const BURST: u64 = 25;

struct Bucket {
    tokens: f64,
    refilled: Instant,
    whole_millis: bool,
}

impl Bucket {
    fn new(whole_millis: bool) -> Self {
        Bucket { tokens: BURST as f64, refilled: Instant::now(), whole_millis }
    }

    fn top_up(&mut self) {
        if self.whole_millis {
            self.top_up_millis();
        } else {
            self.top_up_exact();
        }
    }

    fn top_up_millis(&mut self) {
        let now = Instant::now();
        let elapsed = now.duration_since(self.refilled).as_millis() as u64;
        let earned = elapsed * CALLS_PER_SECOND / 1000; // guilty
        self.tokens = (self.tokens + earned as f64).min(BURST as f64);
        self.refilled = now; // guilty
    }

    fn top_up_exact(&mut self) {
        let now = Instant::now();
        let elapsed = now.duration_since(self.refilled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * CALLS_PER_SECOND as f64).min(BURST as f64);
        self.refilled = now;
    }

    fn take(&mut self) -> Result<u64, Duration> {
        self.top_up();
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            Ok(self.tokens as u64)
        } else {
            Err(Duration::from_secs_f64((1.0 - self.tokens) / CALLS_PER_SECOND as f64))
        }
    }
}

struct Gate {
    bucket: Mutex<Bucket>,
    rates: BTreeMap<&'static str, f64>,
}

impl Gate {
    /// Takes one call out of the partner's allowance, waiting for it when there is none left.
    async fn admit(&self) -> u64 {
        let mut bucket = self.bucket.lock().await;
        loop {
            match bucket.take() {
                Ok(left) => return left,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    fn cross_rates(&self) -> String {
        let mut out = String::with_capacity(1024);
        for (a, ra) in &self.rates {
            for (b, rb) in self.rates.iter().filter(|(b, _)| *b != a) {
                out.push_str(&format!("{a}/{b} {:.5}\n", rb / ra));
            }
        }
        out
    }
}

async fn rates(State(gate): State<Arc<Gate>>) -> impl IntoResponse {
    let left = gate.admit().await;
    let head = [
        (header::CONTENT_TYPE, "text/plain".to_string()),
        (header::HeaderName::from_static("x-calls-left"), left.to_string()),
    ];
    (head, gate.cross_rates())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let gate = Arc::new(Gate {
        bucket: Mutex::new(Bucket::new(broken)),
        rates: BTreeMap::from([
            ("CHF", 0.97),
            ("EUR", 1.0),
            ("GBP", 0.86),
            ("JPY", 161.2),
            ("NOK", 11.6),
            ("USD", 1.09),
        ]),
    });
    let app = Router::new().route("/", get(rates)).with_state(gate);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(listener, app).await.expect("serve");
}
