//! Bid book: every lot of the sale has a clerk (a thread) of its own who alone writes in its book;
//! connection threads put bids on the clerk's desk and wait for the entry.
use std::collections::VecDeque;
use std::hint;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{sync_channel, SyncSender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

const LOTS: usize = 8;

#[derive(Clone, Copy)]
enum Attend {
    Spin,
    Park,
}

struct Bid {
    paddle: u32,
    pounds: u64,
    entry: SyncSender<Entry>,
}

struct Entry {
    line: usize,
    leading: u32,
    price: u64,
}

#[derive(Default)]
struct Desk {
    tray: Mutex<VecDeque<Bid>>,
    waiting: AtomicUsize,
    bell: Condvar,
}

impl Desk {
    fn put(&self, bid: Bid) {
        self.tray.lock().unwrap().push_back(bid);
        self.waiting.fetch_add(1, Ordering::Release);
        self.bell.notify_one();
    }

    fn pick(&self) -> Option<Bid> {
        let bid = self.tray.lock().unwrap().pop_front()?;
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        Some(bid)
    }

    fn attend(&self) -> Bid {
        loop {
            while self.waiting.load(Ordering::Acquire) == 0 {
                // guilty
                hint::spin_loop(); // guilty
            }
            if let Some(bid) = self.pick() {
                return bid;
            }
        }
    }

    fn attend_bell(&self) -> Bid {
        let mut tray = self.tray.lock().unwrap();
        loop {
            if let Some(bid) = tray.pop_front() {
                self.waiting.fetch_sub(1, Ordering::AcqRel);
                return bid;
            }
            tray = self.bell.wait(tray).unwrap();
        }
    }
}

struct Book {
    lines: usize,
    leading: u32,
    price: u64,
    recent: VecDeque<(u32, u64)>,
}

impl Book {
    fn enter(&mut self, bid: &Bid) -> Entry {
        self.lines += 1;
        if bid.pounds > self.price {
            self.price = bid.pounds;
            self.leading = bid.paddle;
        }
        if self.recent.len() == 50 {
            self.recent.pop_front();
        }
        self.recent.push_back((bid.paddle, bid.pounds));
        Entry { line: self.lines, leading: self.leading, price: self.price }
    }
}

fn clerk(desk: Arc<Desk>, how: Attend) {
    let mut book = Book { lines: 0, leading: 0, price: 100, recent: VecDeque::new() };
    loop {
        let bid = match how {
            Attend::Spin => desk.attend(),
            Attend::Park => desk.attend_bell(),
        };
        let entry = book.enter(&bid);
        let _ = bid.entry.send(entry);
    }
}

fn place_bid(desks: &[Arc<Desk>], ticket: u64) -> String {
    let lot = (ticket.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % LOTS;
    let paddle = 100 + (ticket * 31 % 400) as u32;
    let (entry, entered) = sync_channel(1);
    desks[lot].put(Bid { paddle, pounds: 100 + ticket * 17 % 5_000, entry });
    match entered.recv() {
        Ok(e) => format!("lot {lot} line {}: paddle {} leads at {} (you are {paddle})", e.line, e.leading, e.price),
        Err(_) => format!("lot {lot} is closed"),
    }
}

fn bidder(mut conn: TcpStream, desks: Arc<Vec<Arc<Desk>>>, tickets: Arc<AtomicU64>) {
    let _ = conn.set_nodelay(true);
    let mut buf = [0u8; 4096];
    let mut used = 0;
    loop {
        match conn.read(&mut buf[used..]) {
            Ok(n) if n > 0 => used += n,
            _ => return,
        }
        while let Some(end) = buf[..used].windows(4).position(|w| w == b"\r\n\r\n") {
            buf.copy_within(end + 4..used, 0);
            used -= end + 4;
            let text = place_bid(&desks, tickets.fetch_add(1, Ordering::Relaxed));
            let reply = format!("HTTP/1.1 200 OK\r\nServer: bidbook\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            if conn.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let how = if broken { Attend::Spin } else { Attend::Park };
    let desks: Arc<Vec<Arc<Desk>>> = Arc::new((0..LOTS).map(|_| Arc::default()).collect());
    for (lot, desk) in desks.iter().cloned().enumerate() {
        thread::Builder::new().name(format!("clerk-{lot}")).spawn(move || clerk(desk, how)).unwrap();
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    let tickets = Arc::new(AtomicU64::new(1));
    for conn in listener.incoming().flatten() {
        let (desks, tickets) = (desks.clone(), tickets.clone());
        thread::spawn(move || bidder(conn, desks, tickets));
    }
}
