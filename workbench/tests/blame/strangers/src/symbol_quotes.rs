//! Quote desk: asks a trading venue for a price over one multiplexed session and shows it.
use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const VENUE_RTT: Duration = Duration::from_millis(14);
const SYMBOLS: usize = 64;

/// What one caller waits on.
#[derive(Default)]
struct Answer {
    price: Mutex<Option<u64>>,
    arrived: Condvar,
}

impl Answer {
    fn put(&self, price: u64) {
        *self.price.lock().unwrap() = Some(price);
        self.arrived.notify_all();
    }
    fn wait(&self) -> u64 {
        let mut p = self.price.lock().unwrap();
        loop {
            if let Some(v) = *p {
                return v;
            }
            p = self.arrived.wait(p).unwrap();
        }
    }
}

struct Ask {
    symbol: String,
    sent: Instant,
}

struct Session {
    wire: Mutex<Sender<Ask>>,
    latest: Mutex<HashMap<String, Arc<Answer>>>,
    queued: Mutex<HashMap<String, VecDeque<Arc<Answer>>>>,
    unsolicited: AtomicU64,
    one_per_symbol: bool,
}

impl Session {
    fn track(&self, symbol: &str) -> Arc<Answer> {
        let answer = Arc::new(Answer::default());
        self.latest.lock().unwrap().insert(symbol.to_string(), answer.clone()); // guilty
        answer
    }

    fn track_in_order(&self, symbol: &str) -> Arc<Answer> {
        let answer = Arc::new(Answer::default());
        self.queued.lock().unwrap().entry(symbol.to_string()).or_default().push_back(answer.clone());
        answer
    }

    fn quote(&self, symbol: &str) -> u64 {
        let answer = if self.one_per_symbol { self.track(symbol) } else { self.track_in_order(symbol) };
        let ask = Ask { symbol: symbol.to_string(), sent: Instant::now() };
        self.wire.lock().unwrap().send(ask).expect("venue session is up");
        answer.wait()
    }

    fn claim(&self, symbol: &str) -> Option<Arc<Answer>> {
        if self.one_per_symbol {
            return self.latest.lock().unwrap().remove(symbol);
        }
        self.queued.lock().unwrap().get_mut(symbol)?.pop_front()
    }

    fn on_quote(&self, symbol: &str, price: u64) {
        match self.claim(symbol) {
            Some(answer) => answer.put(price),
            None => drop(self.unsolicited.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// The venue's side: answers come back in order, one network round trip after each ask.
fn venue(asks: Receiver<Ask>, session: Arc<Session>) {
    let mut step = 0u64;
    for ask in asks {
        thread::sleep((ask.sent + VENUE_RTT).saturating_duration_since(Instant::now()));
        step = step.wrapping_add(37);
        let base: u64 = ask.symbol.bytes().map(u64::from).sum();
        session.on_quote(&ask.symbol, base * 100 + step % 250);
    }
}

/// The watch-list a visitor sees is shuffled; the first entry is the one quoted.
fn pick(visit: u64) -> String {
    let mut x = visit.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let n = (x >> 33) as usize % SYMBOLS;
    format!("{}{}X", (b'A' + (n / 8) as u8) as char, (b'K' + (n % 8) as u8) as char)
}

fn page(symbol: &str, price: u64) -> String {
    format!(
        "{{\"symbol\":\"{symbol}\",\"bid\":{}.{:02},\"ask\":{}.{:02}}}\n",
        price / 100,
        price % 100,
        (price + 3) / 100,
        (price + 3) % 100
    )
}

fn read_head(r: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut first, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        if r.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if first.is_empty() {
            first = line.trim_end().to_string();
        } else if line == "\r\n" || line == "\n" {
            return Some(first);
        }
    }
}

fn client(sock: TcpStream, session: Arc<Session>, visits: Arc<AtomicU64>) {
    let _ = sock.set_nodelay(true);
    let Ok(mut out) = sock.try_clone() else { return };
    let mut input = BufReader::new(sock);
    while let Some(first) = read_head(&mut input) {
        let (status, body) = if first.starts_with("GET / ") {
            let symbol = pick(visits.fetch_add(1, Ordering::Relaxed));
            let price = session.quote(&symbol);
            ("200 OK", page(&symbol, price))
        } else {
            ("404 Not Found", "no such page\n".to_string())
        };
        let msg = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if out.write_all(msg.as_bytes()).is_err() {
            return;
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let (wire, asks) = channel();
    let session = Arc::new(Session {
        wire: Mutex::new(wire),
        latest: Mutex::default(),
        queued: Mutex::default(),
        unsolicited: AtomicU64::new(0),
        one_per_symbol: broken,
    });
    let s = session.clone();
    thread::Builder::new().name("venue".into()).spawn(move || venue(asks, s)).unwrap();
    let visits = Arc::new(AtomicU64::new(0));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for sock in listener.incoming().flatten() {
        let (s, v) = (session.clone(), visits.clone());
        thread::spawn(move || client(sock, s, v));
    }
}
