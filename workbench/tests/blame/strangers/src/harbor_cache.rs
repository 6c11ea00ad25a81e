//! Berth look-up: a single-threaded server (current_thread + LocalSet) with a cache whose
//! entries expire, in front of a slower registry.
use crate::aweb::Conn;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::{spawn_local, LocalSet};

const TTL: Duration = Duration::from_secs(120);
const SHIPS: u64 = 600_000;

struct Berth {
    name: String,
    until: Instant,
}

struct Cache {
    berths: HashMap<u64, Berth>,
    /// in order of expiry, for all entries live equally long
    ages: VecDeque<(Instant, u64)>,
}

impl Cache {
    fn filled() -> Cache {
        let mut cache = Cache { berths: HashMap::new(), ages: VecDeque::new() };
        for ship in 0..SHIPS {
            cache.put(ship, format!("berth {}", ship % 97));
        }
        cache
    }

    fn put(&mut self, ship: u64, name: String) {
        let until = Instant::now() + TTL;
        self.ages.push_back((until, ship));
        self.berths.insert(ship, Berth { name, until });
    }

    fn lookup(&mut self, ship: u64) -> Option<String> {
        let now = Instant::now();
        self.berths.retain(|_, berth| berth.until > now); // guilty
        self.berths.get(&ship).map(|berth| berth.name.clone())
    }

    fn lookup_ok(&mut self, ship: u64) -> Option<String> {
        let now = Instant::now();
        while let Some(&(until, old)) = self.ages.front() {
            if until > now {
                break;
            }
            self.ages.pop_front();
            if self.berths.get(&old).is_some_and(|berth| berth.until <= now) {
                self.berths.remove(&old);
            }
        }
        self.berths.get(&ship).filter(|berth| berth.until > now).map(|berth| berth.name.clone())
    }
}

async fn ask_registry(ship: u64) -> String {
    tokio::time::sleep(Duration::from_millis(4)).await;
    format!("berth {}", ship % 97)
}

/// Checks a manifest number, as the registry's own clients do.
fn manifest_digest(ship: u64) -> u64 {
    let mut h = ship ^ 0x51_7c_c1_b7_27_22_0a_95;
    for round in 0..60_000u64 {
        h = (h.rotate_left(7) ^ round).wrapping_mul(0x2545_F491_4F6C_DD1D);
    }
    h
}

struct Port {
    cache: RefCell<Cache>,
    calls: Cell<u64>,
    broken: bool,
}

impl Port {
    async fn answer(&self) -> String {
        let n = self.calls.get() + 1;
        self.calls.set(n);
        // one in eight is new to us
        let ship = if n % 8 == 0 { SHIPS + n } else { n.wrapping_mul(7919) % SHIPS };
        let digest = manifest_digest(ship);
        let known = {
            let mut cache = self.cache.borrow_mut();
            if self.broken {
                cache.lookup(ship)
            } else {
                cache.lookup_ok(ship)
            }
        };
        let name = match known {
            Some(name) => name,
            None => {
                let name = ask_registry(ship).await;
                self.cache.borrow_mut().put(ship, name.clone());
                name
            }
        };
        format!("{ship} {name} {digest:x}\n")
    }
}

pub fn serve(broken: bool, port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        let state = Rc::new(Port { cache: RefCell::new(Cache::filled()), calls: Cell::new(0), broken });
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let state = state.clone();
            spawn_local(async move {
                let Ok(mut conn) = Conn::new(stream) else { return };
                while let Ok(Some(_path)) = conn.next().await {
                    let body = state.answer().await;
                    if conn.reply("200 OK", &body).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
}
