//! Settlement desk: every settlement is made under a lease from the lease coordinator.
use crate::bram::{mix, runtime, Dice};
use axum::{extract::State, routing::get, Router};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

/// The coordinator: grants leases from memory, journals what is given back.
mod coordinator {
    use super::*;

    const COMMIT: Duration = Duration::from_millis(14);

    pub fn start() -> SocketAddr {
        let l = TcpListener::bind("127.0.0.1:0").expect("coordinator");
        let addr = l.local_addr().unwrap();
        std::thread::spawn(move || {
            let ids = Arc::new(AtomicU64::new(1));
            for s in l.incoming().flatten() {
                let ids = ids.clone();
                std::thread::Builder::new().name("coordinator".into()).spawn(move || session(s, &ids)).expect("thread");
            }
        });
        addr
    }

    fn session(s: TcpStream, ids: &AtomicU64) {
        let _ = s.set_nodelay(true);
        let mut w = s.try_clone().expect("clone");
        for line in BufReader::new(s).lines().map_while(Result::ok) {
            let mut words = line.split(' ');
            let reply = match words.next() {
                Some("ACQ") => format!("OK {}\n", ids.fetch_add(1, Ordering::Relaxed)),
                Some("REL") => {
                    std::thread::sleep(COMMIT);
                    format!("OK {}\n", words.count())
                }
                _ => "ERR\n".to_string(),
            };
            if w.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
    }
}

type AsyncWire = tokio::io::BufReader<tokio::net::TcpStream>;

struct LeaseClient {
    addr: SocketAddr,
    idle: parking_lot::Mutex<Vec<AsyncWire>>,
    plain: parking_lot::Mutex<Vec<BufReader<TcpStream>>>,
    returns: Option<mpsc::Sender<u64>>,
}

impl LeaseClient {
    async fn round_trip(&self, msg: String) -> std::io::Result<String> {
        let spare = self.idle.lock().pop();
        let mut wire = match spare {
            Some(w) => w,
            None => {
                let s = tokio::net::TcpStream::connect(self.addr).await?;
                s.set_nodelay(true)?;
                tokio::io::BufReader::new(s)
            }
        };
        wire.get_mut().write_all(msg.as_bytes()).await?;
        let mut line = String::new();
        wire.read_line(&mut line).await?;
        self.idle.lock().push(wire);
        Ok(line)
    }

    async fn acquire(self: &Arc<Self>, name: &str) -> std::io::Result<Lease> {
        let line = self.round_trip(format!("ACQ {name}\n")).await?;
        let id = line.trim_end().rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        Ok(Lease { id, client: self.clone() })
    }

    fn plain_wire(&self) -> std::io::Result<BufReader<TcpStream>> {
        if let Some(w) = self.plain.lock().pop() {
            return Ok(w);
        }
        let s = TcpStream::connect(self.addr)?;
        s.set_nodelay(true)?;
        Ok(BufReader::new(s))
    }

    fn give_back(&self, id: u64) -> std::io::Result<()> {
        let mut wire = self.plain_wire()?;
        wire.get_mut().write_all(format!("REL {id}\n").as_bytes())?;
        let mut line = String::new();
        wire.read_line(&mut line)?;
        self.plain.lock().push(wire);
        Ok(())
    }
}

struct Lease {
    id: u64,
    client: Arc<LeaseClient>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        match &self.client.returns {
            Some(tx) if tx.try_send(self.id).is_ok() => {}
            Some(_) => eprintln!("lease {} left to expire", self.id),
            None => {
                let _ = self.client.give_back(self.id); // guilty
            }
        }
    }
}

async fn return_leases(client: Arc<LeaseClient>, mut rx: mpsc::Receiver<u64>) {
    let mut ids = Vec::new();
    while rx.recv_many(&mut ids, 64).await > 0 {
        let mut msg = String::from("REL");
        for id in ids.drain(..) {
            msg.push_str(&format!(" {id}"));
        }
        msg.push('\n');
        let _ = client.round_trip(msg).await;
    }
}

struct Book {
    balances: parking_lot::Mutex<HashMap<u32, i64>>,
    entries: AtomicU64,
}

impl Book {
    fn post(&self, from: u32, to: u32, pence: i64) -> i64 {
        let mut b = self.balances.lock();
        *b.entry(from).or_insert(0) -= pence;
        let e = b.entry(to).or_insert(0);
        *e += pence;
        self.entries.fetch_add(1, Ordering::Relaxed);
        *e
    }
}

struct Desk {
    leases: Arc<LeaseClient>,
    book: Book,
    dice: Dice,
}

fn fee(pence: i64, from: u32) -> i64 {
    let mut h = from as u64;
    for _ in 0..200 {
        h = mix(h ^ pence as u64);
    }
    pence / 100 + (h % 7) as i64
}

async fn settle(State(desk): State<Arc<Desk>>) -> String {
    let from = desk.dice.below(5000) as u32;
    let to = desk.dice.below(5000) as u32;
    let pence = 100 + desk.dice.below(90_000) as i64;
    let Ok(lease) = desk.leases.acquire(&format!("acct/{from}")).await else {
        return "deferred\n".into();
    };
    let charge = fee(pence, from);
    let balance = desk.book.post(from, to, pence - charge);
    format!("settled lease={} fee={charge} balance={balance}\n", lease.id)
}

async fn report(desk: Arc<Desk>) {
    let mut tick = tokio::time::interval(Duration::from_secs(2));
    loop {
        tick.tick().await;
        let n = desk.book.entries.swap(0, Ordering::Relaxed);
        let open = desk.book.balances.lock().len();
        eprintln!("entries={n} accounts={open}");
    }
}

pub fn run(broken: bool, port: u16) {
    let revised = !broken;
    let addr = coordinator::start();
    runtime().block_on(async move {
        let (tx, rx) = mpsc::channel(4096);
        let leases = Arc::new(LeaseClient {
            addr,
            idle: Default::default(),
            plain: Default::default(),
            returns: revised.then_some(tx),
        });
        tokio::spawn(return_leases(leases.clone(), rx));
        let book = Book { balances: Default::default(), entries: AtomicU64::new(0) };
        let desk = Arc::new(Desk { leases, book, dice: Dice::new(11) });
        tokio::spawn(report(desk.clone()));
        let app = Router::new().route("/", get(settle)).with_state(desk);
        let l = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        axum::serve(l, app).await.expect("serve");
    });
}
