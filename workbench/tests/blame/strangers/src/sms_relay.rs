//! Takes text messages from merchants (by way of our own front proxy) and hands them to the carrier. The contract grants
//! each merchant 90 messages a second; who is faster is slowed down to that, not turned away.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const GRANTED: f64 = 90.0;
const BURST: f64 = 10.0;
const MERCHANTS: [&str; 12] = [
    "bakery-nord",
    "cycle-hub",
    "dr-amsel",
    "elm-opticians",
    "ferry-line",
    "gym-lido",
    "hotel-anker",
    "inkwell",
    "joinery-voss",
    "kite-school",
    "lamp-and-wick",
    "museum-pier",
];

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Account {
    Peer(IpAddr),
    Merchant(u64),
}

struct Allowance {
    tokens: f64,
    seen: Instant,
}

impl Allowance {
    fn full() -> Allowance {
        Allowance { tokens: BURST, seen: Instant::now() }
    }

    /// Takes one token, on credit if need be, and says how long until it is paid for.
    fn book(&mut self) -> Duration {
        let now = Instant::now();
        let gained = now.duration_since(self.seen).as_secs_f64() * GRANTED;
        self.tokens = (self.tokens + gained).min(BURST) - 1.0;
        self.seen = now;
        Duration::from_secs_f64((-self.tokens).max(0.0) / GRANTED)
    }
}

struct Message {
    merchant: String,
    peer: IpAddr,
    text: String,
}

struct Relay {
    allowances: Mutex<HashMap<Account, Allowance>>,
    sent: AtomicU64,
    by_peer: bool,
}

fn sample_merchant(turn: usize) -> String {
    format!("{}-{}", MERCHANTS[turn % MERCHANTS.len()], turn / MERCHANTS.len() % 8 + 1)
}

fn merchant_number(name: &str) -> u64 {
    name.bytes().fold(0xcbf29ce484222325, |h, b| (h ^ b as u64).wrapping_mul(0x100000001b3))
}

impl Relay {
    fn due(&self, account: Account) -> Duration {
        self.allowances.lock().entry(account).or_insert_with(Allowance::full).book()
    }

    fn pace_by_peer(&self, message: &Message) {
        let wait = self.due(Account::Peer(message.peer)); // guilty
        if !wait.is_zero() {
            thread::sleep(wait);
        }
    }

    fn pace_by_merchant(&self, message: &Message) {
        let wait = self.due(Account::Merchant(merchant_number(&message.merchant)));
        if !wait.is_zero() {
            thread::sleep(wait);
        }
    }

    /// The carrier takes 7-bit text, packed.
    fn pack(text: &str) -> Vec<u8> {
        let (mut acc, mut bits, mut out) = (0u32, 0, Vec::with_capacity(text.len()));
        for b in text.bytes() {
            acc |= ((b & 0x7f) as u32) << bits;
            bits += 7;
            while bits >= 8 {
                out.push(acc as u8);
                acc >>= 8;
                bits -= 8;
            }
        }
        if bits > 0 {
            out.push(acc as u8);
        }
        out
    }

    fn relay(&self, message: &Message) -> String {
        if self.by_peer {
            self.pace_by_peer(message);
        } else {
            self.pace_by_merchant(message);
        }
        let packed = Relay::pack(&message.text);
        let n = self.sent.fetch_add(1, Ordering::Relaxed);
        format!("message {n} of {} accepted, {} bytes\n", message.merchant, packed.len())
    }
}

/// One proxy connection; without a header of its own a message counts for the next of the sample merchants.
fn proxy_link(relay: Arc<Relay>, mut conn: TcpStream, mut turn: usize) -> std::io::Result<()> {
    conn.set_nodelay(true)?;
    let peer = conn.peer_addr()?.ip();
    let mut lines = BufReader::new(conn.try_clone()?).lines();
    let mut named = None;
    while let Some(line) = lines.next() {
        let line = line?;
        if let Some(name) = line.strip_prefix("X-Merchant: ") {
            named = Some(name.to_string());
        }
        if !line.is_empty() {
            continue;
        }
        turn += 1;
        let merchant = named.take().unwrap_or_else(|| sample_merchant(turn));
        let text = format!("Hello, your order with {merchant} is ready and can be called for from nine o'clock");
        let body = relay.relay(&Message { merchant, peer, text });
        conn.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let relay = Arc::new(Relay { allowances: Mutex::new(HashMap::new()), sent: AtomicU64::new(0), by_peer: broken });
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for (link, conn) in listener.incoming().flatten().enumerate() {
        let relay = relay.clone();
        thread::spawn(move || proxy_link(relay, conn, link * 5));
    }
}
