//! Auction house: quotes the price of the current 20 ms round; one request asks the oracle, the others share its answer.
use axum::{extract::State, routing::get, Router};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

const ROUND: Duration = Duration::from_millis(20);

#[derive(Clone, Copy)]
struct Quote {
    round: u64,
    cents: u64,
}

#[derive(Debug)]
struct NoPrice;

type Ask = (u64, oneshot::Sender<Option<u64>>);

struct House {
    opened: Instant,
    asked: Mutex<HashMap<u64, watch::Sender<Option<Quote>>>>,
    settled: Mutex<Quote>,
    oracle: mpsc::Sender<Ask>,
    served: AtomicU64,
    careful: bool,
}

impl House {
    fn round(&self) -> u64 {
        (self.opened.elapsed().as_millis() / ROUND.as_millis()) as u64
    }

    fn settled_for(&self, round: u64) -> Option<Quote> {
        let q = *self.settled.lock().unwrap();
        (q.round == round).then_some(q)
    }

    /// Joins the question already under way for this round, or registers as the one who asks.
    fn join(&self, round: u64) -> Option<watch::Receiver<Option<Quote>>> {
        let mut asked = self.asked.lock().unwrap();
        if let Some(tx) = asked.get(&round) {
            return Some(tx.subscribe());
        }
        asked.insert(round, watch::channel(None).0);
        None
    }

    fn settle(&self, quote: Quote) {
        *self.settled.lock().unwrap() = quote;
        if let Some(tx) = self.asked.lock().unwrap().remove(&quote.round) {
            let _ = tx.send(Some(quote));
        }
    }

    async fn ask_oracle(&self, round: u64) -> Result<Quote, NoPrice> {
        let (tx, rx) = oneshot::channel();
        self.oracle.send((round, tx)).await.map_err(|_| NoPrice)?;
        let cents = rx.await.ok().flatten().ok_or(NoPrice)?;
        Ok(Quote { round, cents })
    }

    async fn shared_quote(&self, round: u64) -> Result<Quote, NoPrice> {
        if let Some(q) = self.settled_for(round) {
            return Ok(q);
        }
        if let Some(mut others) = self.join(round) {
            let answer = others.wait_for(|q| q.is_some()).await.map_err(|_| NoPrice)?;
            return answer.ok_or(NoPrice);
        }
        let quote = self.ask_oracle(round).await?; // guilty
        self.settle(quote);
        Ok(quote)
    }

    async fn shared_quote_released(&self, round: u64) -> Result<Quote, NoPrice> {
        if let Some(q) = self.settled_for(round) {
            return Ok(q);
        }
        if let Some(mut others) = self.join(round) {
            let answer = others.wait_for(|q| q.is_some()).await.map_err(|_| NoPrice)?;
            return answer.ok_or(NoPrice);
        }
        match self.ask_oracle(round).await {
            Ok(quote) => {
                self.settle(quote);
                Ok(quote)
            }
            Err(e) => {
                self.asked.lock().unwrap().remove(&round);
                Err(e)
            }
        }
    }
}

fn last_known(house: &House) -> Quote {
    *house.settled.lock().unwrap()
}

async fn quote(State(house): State<Arc<House>>) -> String {
    let round = house.round();
    let got = if house.careful { house.shared_quote_released(round).await } else { house.shared_quote(round).await };
    let q = got.unwrap_or_else(|_| last_known(&house));
    let n = house.served.fetch_add(1, Ordering::Relaxed);
    format!("#{n} lot {} at {}.{:02}\n", q.round % 300, q.cents / 100, q.cents % 100)
}

/// The price oracle; now and then a lot has no bid yet.
async fn oracle(mut asks: mpsc::Receiver<Ask>) {
    while let Some((round, reply)) = asks.recv().await {
        let price = (round % 149 != 148).then(|| 1_000 + round * 7919 % 50_000);
        let _ = reply.send(price);
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let (tx, rx) = mpsc::channel(32);
        tokio::spawn(oracle(rx));
        let house = Arc::new(House {
            opened: Instant::now(),
            asked: Mutex::new(HashMap::new()),
            settled: Mutex::new(Quote { round: u64::MAX, cents: 1_000 }),
            oracle: tx,
            served: AtomicU64::new(0),
            careful: !broken,
        });
        let app = Router::new().route("/", get(quote)).with_state(house);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
