//! Order books of a small exchange. Symbols are spread over lanes, each lane is one thread that owns its
//! books; a request places an order on one symbol and reads the depth of another.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender, TryRecvError};
use std::sync::Arc;
use std::thread;

const LANES: u64 = 10;

enum Order {
    Place { symbol: u64, price: u32, quantity: i64, done: Sender<String> },
    Depth { symbol: u64, done: Sender<String> },
}

/// Takes the lane's next order from its mailbox.
fn poll_lane(mailbox: &Receiver<Order>) -> Option<Order> {
    loop {
        match mailbox.try_recv() {
            // guilty
            Ok(order) => return Some(order),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => std::hint::spin_loop(), // guilty
        }
    }
}

fn await_lane(mailbox: &Receiver<Order>) -> Option<Order> {
    mailbox.recv().ok()
}

type Book = BTreeMap<u32, i64>;

fn place(book: &mut Book, price: u32, quantity: i64) -> String {
    let level = book.entry(price).or_insert(0);
    *level += quantity;
    if *level > 5_000 {
        *level -= 5_000;
    }
    format!("placed {quantity} at {price}\n")
}

fn depth(symbol: u64, book: &Book) -> String {
    let mut out = format!("symbol {symbol}\n");
    let total: i64 = book.values().sum();
    let worth: i64 = book.iter().map(|(p, q)| *p as i64 * q).sum();
    for (price, quantity) in book.iter().rev().take(10) {
        let _ = writeln!(out, "{price:>6} {quantity:>8}");
    }
    let _ = writeln!(out, "mean {:.3} of {total}", worth as f64 / total.max(1) as f64);
    out
}

fn lane(mailbox: Receiver<Order>, next: fn(&Receiver<Order>) -> Option<Order>) {
    let mut books: BTreeMap<u64, Book> = BTreeMap::new();
    while let Some(order) = next(&mailbox) {
        match order {
            Order::Place { symbol, price, quantity, done } => {
                let _ = done.send(place(books.entry(symbol).or_default(), price, quantity));
            }
            Order::Depth { symbol, done } => {
                let _ = done.send(depth(symbol, books.entry(symbol).or_default()));
            }
        }
    }
}

struct Exchange {
    lanes: Vec<Sender<Order>>,
    sequence: AtomicU64,
}

impl Exchange {
    fn open(broken: bool) -> Exchange {
        let next = if broken { poll_lane } else { await_lane };
        let lanes = (0..LANES)
            .map(|n| {
                let (orders, mailbox) = channel();
                thread::Builder::new().name(format!("lane-{n}")).spawn(move || lane(mailbox, next)).unwrap();
                orders
            })
            .collect();
        Exchange { lanes, sequence: AtomicU64::new(1) }
    }

    fn route(&self, symbol: u64, order: Order) {
        self.lanes[(symbol % LANES) as usize].send(order).expect("lane");
    }

    fn trade(&self) -> String {
        let n = self.sequence.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e3779b97f4a7c15) >> 20;
        let (buy, look) = (n % 50, (n / 50) % 50);
        let (done, replies) = channel();
        let price = 1_000 + (n / 2500 % 200) as u32;
        self.route(buy, Order::Place { symbol: buy, price, quantity: 1 + (n % 90) as i64, done: done.clone() });
        self.route(look, Order::Depth { symbol: look, done });
        replies.iter().collect()
    }
}

fn session(exchange: &Exchange, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            let body = exchange.trade();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            (&stream).write_all(answer.as_bytes())?;
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let exchange = Arc::new(Exchange::open(broken));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        let exchange = exchange.clone();
        thread::spawn(move || session(&exchange, stream));
    }
}
