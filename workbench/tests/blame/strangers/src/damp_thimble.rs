//! Identity look-ups for a fleet of front ends. Capacity is leased in short windows, sized by what was used lately.

use crate::dov;
use axum::{extract::State, http::StatusCode, routing::get, Router};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep_until, Instant};

const WINDOW: Duration = Duration::from_millis(100);
const GRACE_WINDOWS: u32 = 8;
const FLOOR: u64 = 7;
const CEILING: u64 = 400;
const HEADROOM: u64 = 45;

/// Usage, by metering system.
#[derive(Default)]
struct Meters {
    ledger: AtomicU64,
    pulse: AtomicU64,
}

impl Meters {
    fn note(&self, n: u64) {
        self.pulse.fetch_add(n, Ordering::Relaxed);
    }

    fn read(&self, source: Source) -> u64 {
        match source {
            Source::Ledger => self.ledger.load(Ordering::Relaxed),
            Source::Pulse => self.pulse.load(Ordering::Relaxed),
        }
    }
}

#[derive(Clone, Copy)]
enum Source {
    Ledger,
    Pulse,
}

struct Lease {
    opened: Instant,
    windows: u32,
    grant: u64,
    drawn: u64,
    last_reading: u64,
    recent: [u64; 4],
}

struct Allotment {
    meters: Meters,
    source: Source,
    lease: parking_lot::Mutex<Lease>,
}

impl Allotment {
    fn new(source: Source) -> Self {
        Allotment {
            meters: Meters::default(),
            source,
            lease: parking_lot::Mutex::new(Lease {
                opened: Instant::now(),
                windows: 0,
                grant: CEILING,
                drawn: 0,
                last_reading: 0,
                recent: [0; 4],
            }),
        }
    }

    /// Takes one unit out of the current window, or of the next one that has any left.
    async fn draw(&self) {
        self.meters.note(1);
        loop {
            let next = {
                let mut lease = self.lease.lock();
                let now = Instant::now();
                if now >= lease.opened + WINDOW {
                    let reading = self.meters.read(self.source); // guilty
                    let used = reading - lease.last_reading;
                    lease.last_reading = reading;
                    let slot = lease.windows as usize % lease.recent.len();
                    lease.recent[slot] = used;
                    lease.windows += 1;
                    let peak = lease.recent.iter().copied().max().unwrap_or(0);
                    if lease.windows > GRACE_WINDOWS {
                        let wanted = if peak == 0 { lease.grant / 2 } else { peak * 3 / 2 + HEADROOM };
                        lease.grant = wanted.clamp(FLOOR, CEILING);
                    }
                    lease.opened = now;
                    lease.drawn = 0;
                }
                if lease.drawn < lease.grant {
                    lease.drawn += 1;
                    return;
                }
                lease.opened + WINDOW
            };
            sleep_until(next).await;
        }
    }
}

#[derive(Clone)]
struct Account {
    handle: String,
    scopes: Vec<&'static str>,
    epoch: u64,
}

struct Directory {
    accounts: HashMap<u64, Account>,
}

impl Directory {
    fn seeded(n: u64) -> Self {
        let scopes = ["mail", "docs", "calendar", "voice", "maps"];
        let accounts = (0..n)
            .map(|id| {
                let bits = dov::spread(id);
                let own = scopes.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, s)| *s).collect();
                (id, Account { handle: format!("user-{:x}", bits >> 40), scopes: own, epoch: bits % 9 })
            })
            .collect();
        Directory { accounts }
    }

    fn find(&self, id: u64) -> Option<&Account> {
        self.accounts.get(&(id % self.accounts.len() as u64))
    }
}

struct App {
    allotment: Allotment,
    directory: Directory,
    serial: AtomicU64,
    served: AtomicU64,
}

fn sign(account: &Account, serial: u64) -> String {
    let mut mac = serial;
    for _ in 0..40 {
        for b in account.handle.bytes().chain(account.scopes.iter().flat_map(|s| s.bytes())) {
            mac = dov::spread(mac ^ b as u64);
        }
    }
    format!("{}.{}.{mac:016x}", account.handle, account.epoch)
}

async fn token(State(app): State<Arc<App>>) -> Result<String, StatusCode> {
    let serial = app.serial.fetch_add(1, Ordering::Relaxed);
    app.allotment.draw().await;
    let account = app.directory.find(dov::spread(serial)).ok_or(StatusCode::NOT_FOUND)?;
    let token = sign(account, serial);
    app.served.fetch_add(1, Ordering::Relaxed);
    Ok(token)
}

async fn tally(State(app): State<Arc<App>>) -> String {
    format!("served {}\n", app.served.load(Ordering::Relaxed))
}

#[tokio::main]
pub async fn run(broken: bool, port: u16) {
    let source = if broken { Source::Ledger } else { Source::Pulse };
    let app = Arc::new(App {
        allotment: Allotment::new(source),
        directory: Directory::seeded(5_000),
        serial: AtomicU64::new(0),
        served: AtomicU64::new(0),
    });
    let routes = Router::new().route("/", get(token)).route("/tally", get(tally)).with_state(app);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(listener, routes).await.expect("serve");
}
