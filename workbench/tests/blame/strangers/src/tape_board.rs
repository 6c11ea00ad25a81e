//! Price board: follows a feed of ticks, keeps a short history per symbol, runs the customers'
//! alert rules when a symbol moves, and answers GET / with the current quote of a symbol.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const SYMBOLS: usize = 250;
const ALERTS: usize = 2500;
const HISTORY: usize = 4000;

#[derive(Clone, Copy, Default)]
struct Tick {
    symbol: usize,
    cents: u32,
}

struct Board {
    history: Vec<RwLock<Vec<f64>>>,
    tape: watch::Sender<Tick>,
    per_symbol: Vec<watch::Sender<Tick>>,
    fired: AtomicU64,
    asked: AtomicU64,
    whole_tape: bool,
}

/// A customer's rule: tell me when the smoothed price goes above the limit.
struct Alert {
    symbol: usize,
    limit: f64,
    weight: f64,
}

fn smoothed(history: &[f64], weight: f64) -> f64 {
    history.iter().fold(history[0], |acc, p| acc + weight * (p - acc))
}

impl Board {
    fn evaluate(&self, alert: &Alert) {
        let level = smoothed(&self.history[alert.symbol].read().unwrap(), alert.weight);
        if level > alert.limit {
            self.fired.fetch_add(1, Relaxed);
        }
    }

    fn record(&self, t: Tick) {
        let mut h = self.history[t.symbol].write().unwrap();
        h.remove(0);
        h.push(t.cents as f64);
    }

    fn publish(&self, t: Tick) {
        self.record(t);
        if self.whole_tape {
            self.print_on_tape(t);
        } else {
            self.per_symbol[t.symbol].send_replace(t);
        }
    }

    fn print_on_tape(&self, t: Tick) {
        self.tape.send_replace(t); // guilty
    }
}

async fn follow_tape(board: Arc<Board>, alert: Alert) {
    let mut tape = board.tape.subscribe();
    while tape.changed().await.is_ok() {
        // guilty
        tape.borrow_and_update();
        board.evaluate(&alert); // guilty
    }
}

async fn follow_symbol(board: Arc<Board>, alert: Alert) {
    let mut ticks = board.per_symbol[alert.symbol].subscribe();
    while ticks.changed().await.is_ok() {
        ticks.borrow_and_update();
        board.evaluate(&alert);
    }
}

async fn feed(board: Arc<Board>) {
    let mut every = tokio::time::interval(Duration::from_millis(50));
    let mut n: usize = 7;
    loop {
        every.tick().await;
        n = n.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let t = Tick { symbol: (n >> 33) % SYMBOLS, cents: 9_000 + ((n >> 40) % 2_000) as u32 };
        board.publish(t);
    }
}

fn quote(board: &Board) -> String {
    let symbol = board.asked.fetch_add(1, Relaxed) as usize * 31 % SYMBOLS;
    let h = board.history[symbol].read().unwrap();
    let (last, recent) = (h[h.len() - 1], &h[h.len() - 20..]);
    let mean = recent.iter().sum::<f64>() / recent.len() as f64;
    format!(
        "{{\"symbol\":{symbol},\"last\":{last:.0},\"mean20\":{mean:.1},\"alerts\":{}}}\n",
        board.fired.load(Relaxed)
    )
}

async fn connection(board: Arc<Board>, sock: TcpStream) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut sock = BufReader::new(sock);
    let mut line = String::new();
    loop {
        line.clear();
        if sock.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            let body = quote(&board);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
            sock.get_mut().write_all((head + &body).as_bytes()).await?;
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let board = Arc::new(Board {
        history: (0..SYMBOLS).map(|s| RwLock::new(vec![9_500.0 + s as f64; HISTORY])).collect(),
        tape: watch::Sender::new(Tick::default()),
        per_symbol: (0..SYMBOLS).map(|_| watch::Sender::new(Tick::default())).collect(),
        fired: AtomicU64::new(0),
        asked: AtomicU64::new(0),
        whole_tape: broken,
    });
    for i in 0..ALERTS {
        let alert =
            Alert { symbol: i % SYMBOLS, limit: 9_700.0 + (i % 97) as f64, weight: 0.01 + (i % 13) as f64 / 100.0 };
        if board.whole_tape {
            tokio::spawn(follow_tape(board.clone(), alert));
        } else {
            tokio::spawn(follow_symbol(board.clone(), alert));
        }
    }
    tokio::spawn(feed(board.clone()));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    loop {
        let (sock, _) = listener.accept().await.expect("accept");
        tokio::spawn(connection(board.clone(), sock));
    }
}
