//! Usage ledger of a metered API: each call is charged to an account, and the answer
//! says where the account now stands and how much the whole house has billed.

use axum::{extract::State, routing::get, Router};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

const ACCOUNTS: u64 = 90_000;
const TAIL_MAX: usize = 128;

#[derive(Clone)]
struct Account {
    key: String,
    units: u64,
    calls: u64,
}

struct Charge {
    key: String,
    units: u64,
}

/// The base page is sorted by key; charges since then are in the tail.
struct Ledger {
    base: Vec<Account>,
    tail: Vec<Charge>,
    page_sum: u64,
    pages: u64,
}

enum Posting {
    InPlace,
    Folded,
}

struct House {
    posting: Posting,
    ledger: Mutex<Ledger>,
    calls: AtomicU64,
}

fn account_key(n: u64) -> String {
    format!("acct-{:05x}-{:05}", n.wrapping_mul(40_503) % 0xfffff, n)
}

fn checksum(sum: u64, line: &str) -> u64 {
    line.bytes().fold(sum, |h, b| (h ^ b as u64).wrapping_mul(0x100000001b3))
}

impl Ledger {
    fn open() -> Ledger {
        let mut base: Vec<Account> =
            (0..ACCOUNTS).map(|n| Account { key: account_key(n), units: n % 900, calls: 0 }).collect();
        base.sort_by(|a, b| a.key.cmp(&b.key));
        Ledger { base, tail: Vec::with_capacity(TAIL_MAX), page_sum: 0, pages: 0 }
    }

    fn find(&self, key: &str) -> Option<usize> {
        self.base.binary_search_by(|a| a.key.as_str().cmp(key)).ok()
    }

    fn standing(&self, key: &str) -> u64 {
        let settled = self.find(key).map_or(0, |i| self.base[i].units);
        settled + self.tail.iter().filter(|c| c.key == key).map(|c| c.units).sum::<u64>()
    }

    fn post_in_place(&mut self, charge: Charge) {
        if let Some(i) = self.find(&charge.key) {
            let a = &mut self.base[i];
            a.units += charge.units;
            a.calls += 1;
            self.page_sum = checksum(self.page_sum, &charge.key);
        }
    }

    fn append(&mut self, charge: Charge) {
        self.tail.push(charge);
        if self.tail.len() >= TAIL_MAX {
            self.fold_tail();
        }
    }

    /// Brings the tail into a new base page and seals the page with its checksum.
    fn fold_tail(&mut self) {
        let mut page: BTreeMap<String, Account> = BTreeMap::new();
        for a in &self.base {
            page.insert(a.key.clone(), a.clone()); // guilty
        }
        for c in self.tail.drain(..) {
            if let Some(a) = page.get_mut(&c.key) {
                a.units += c.units;
                a.calls += 1;
            }
        }
        let mut sum = 0xcbf29ce484222325;
        let mut line = String::with_capacity(64);
        for a in page.values() {
            line.clear();
            let _ = write!(line, "{} {} {}", a.key, a.units, a.calls); // guilty
            sum = checksum(sum, &line);
        }
        self.base = page.into_values().collect(); // guilty
        self.page_sum = sum;
        self.pages += 1;
    }
}

impl House {
    fn charge(&self, key: &str, units: u64) -> (u64, u64) {
        let charge = Charge { key: key.to_string(), units };
        let mut ledger = self.ledger.lock();
        match self.posting {
            Posting::InPlace => ledger.post_in_place(charge),
            Posting::Folded => ledger.append(charge),
        }
        (ledger.standing(key), ledger.page_sum)
    }
}

fn statement(key: &str, units: u64, seal: u64) -> String {
    let cents = units * 3 / 10;
    format!("account {key}\nunits {units}\ndue {}.{:02}\nseal {seal:016x}\n", cents / 100, cents % 100)
}

async fn call(State(house): State<Arc<House>>) -> String {
    let n = house.calls.fetch_add(1, Ordering::Relaxed);
    let key = account_key(n.wrapping_mul(7_919) % ACCOUNTS);
    let (units, seal) = house.charge(&key, 1 + n % 12);
    statement(&key, units, seal)
}

pub async fn run(broken: bool, port: u16) {
    let house = Arc::new(House {
        posting: if broken { Posting::Folded } else { Posting::InPlace },
        ledger: Mutex::new(Ledger::open()),
        calls: AtomicU64::new(0),
    });
    let app = Router::new().route("/", get(call)).with_state(house);
    let door = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(door, app).await.expect("serve");
}
