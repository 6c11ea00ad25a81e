//! Books escrow deposits. Deposits that come together are booked in one
//! entry of the ledger; a clerk gathers them and several entries may be under
//! way at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::Router;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

const ENTRY_LINES: usize = 64;
const WAITING_ROOM: usize = 256;
const ACCOUNTS: u64 = 500;
const GATHERING: Duration = Duration::from_millis(8);

struct Deposit {
    account: u64,
    cents: u64,
    receipt: oneshot::Sender<Receipt>,
}

struct Receipt {
    entry: u64,
    balance: u64,
}

#[derive(Default)]
struct Ledger {
    entries: AtomicU64,
    balances: Mutex<BTreeMap<u64, u64>>,
}

impl Ledger {
    /// The archive host acknowledges an entry before it is binding.
    async fn archive(&self, entry: u64, lines: usize) {
        let micros = 1_200 + entry * 211 % 900 + lines as u64 * 15;
        sleep(Duration::from_micros(micros)).await;
    }

    fn apply(&self, deposit: &Deposit) -> u64 {
        let mut balances = self.balances.lock();
        let balance = balances.entry(deposit.account).or_insert(0);
        *balance += deposit.cents;
        *balance
    }

    async fn book(self: Arc<Self>, deposits: Vec<Deposit>) {
        let entry = self.entries.fetch_add(1, Ordering::Relaxed);
        self.archive(entry, deposits.len()).await;
        for deposit in deposits {
            let balance = self.apply(&deposit);
            let _ = deposit.receipt.send(Receipt { entry, balance });
        }
    }
}

struct Clerk {
    counter: mpsc::Receiver<Deposit>,
    ledger: Arc<Ledger>,
}

impl Clerk {
    /// Everything that lies on the counter by now.
    async fn take_present(&mut self) -> Option<Vec<Deposit>> {
        let mut taken = Vec::new();
        match self.counter.recv_many(&mut taken, ENTRY_LINES).await {
            0 => None,
            _ => Some(taken),
        }
    }

    /// A deposit and those that follow it closely.
    async fn take_group(&mut self) -> Option<Vec<Deposit>> {
        let mut taken = vec![self.counter.recv().await?];
        while taken.len() < ENTRY_LINES {
            let next = timeout(GATHERING, self.counter.recv()).await; // guilty
            match next {
                Ok(Some(deposit)) => taken.push(deposit),
                Ok(None) | Err(_) => break,
            }
        }
        Some(taken)
    }

    async fn work(mut self, broken: bool) {
        loop {
            let taken = if broken { self.take_group().await } else { self.take_present().await };
            let Some(deposits) = taken else {
                return;
            };
            tokio::spawn(self.ledger.clone().book(deposits));
        }
    }
}

#[derive(Clone)]
struct Desk {
    counter: mpsc::Sender<Deposit>,
    slips: Arc<AtomicU64>,
}

enum Refusal {
    Closed,
    NotBooked,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = match self {
            Refusal::Closed => "the desk is closed\n",
            Refusal::NotBooked => "the deposit was returned\n",
        };
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    }
}

impl Desk {
    async fn hand_in(&self, account: u64, cents: u64) -> Result<Receipt, Refusal> {
        let (receipt, booked) = oneshot::channel();
        let deposit = Deposit { account, cents, receipt };
        self.counter.send(deposit).await.map_err(|_| Refusal::Closed)?;
        booked.await.map_err(|_| Refusal::NotBooked)
    }
}

async fn deposit(State(desk): State<Desk>) -> Result<String, Refusal> {
    let slip = desk.slips.fetch_add(1, Ordering::Relaxed);
    let receipt = desk.hand_in(slip * 37 % ACCOUNTS, 500 + slip % 9_000).await?;
    Ok(format!("slip={slip} entry={} balance={}\n", receipt.entry, receipt.balance))
}

pub fn run(broken: bool, port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async move {
        let (counter, deposits) = mpsc::channel(WAITING_ROOM);
        let clerk = Clerk { counter: deposits, ledger: Arc::new(Ledger::default()) };
        tokio::spawn(clerk.work(broken));
        let desk = Desk { counter, slips: Arc::new(AtomicU64::new(1)) };
        let app = Router::new().route("/", get(deposit)).with_state(desk);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind").tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, app).await.expect("serve");
    });
}
