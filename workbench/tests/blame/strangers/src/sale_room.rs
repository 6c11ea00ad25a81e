//! A sale room: each request enters a bid and reads what happened in the room meanwhile.
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

const LOTS: usize = 60;
const MAILBOX: usize = 160;
const CLERKS: usize = 32;

#[derive(Clone)]
struct Bid {
    lot: usize,
    amount: u64,
    bidder: String,
}

#[derive(Default)]
struct Mailbox {
    bids: Mutex<VecDeque<Bid>>,
}

impl Mailbox {
    fn deliver(&self, bid: &Bid) {
        let mut bids = self.bids.lock().unwrap();
        if bids.len() == MAILBOX {
            bids.pop_front();
        }
        bids.push_back(bid.clone());
    }

    fn drain(&self) -> Vec<Bid> {
        self.bids.lock().unwrap().drain(..).collect()
    }
}

struct Room {
    prices: Mutex<Vec<u64>>,
    watchers: Mutex<Vec<Arc<Mailbox>>>,
    paddles: AtomicU64,
    prune: bool,
}

impl Room {
    fn watch(&self) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::default());
        self.watchers.lock().unwrap().push(mailbox.clone()); // guilty
        mailbox
    }

    fn announce(&self, bid: &Bid) {
        for watcher in self.watchers.lock().unwrap().iter() {
            // guilty
            watcher.deliver(bid); // guilty
        }
    }

    fn announce_to_present(&self, bid: &Bid) {
        let mut watchers = self.watchers.lock().unwrap();
        watchers.retain(|w| Arc::strong_count(w) > 1);
        for watcher in watchers.iter() {
            watcher.deliver(bid);
        }
    }

    fn raise(&self, paddle: u64) -> Bid {
        let lot = (paddle as usize * 17) % LOTS;
        let mut prices = self.prices.lock().unwrap();
        prices[lot] += 5 + paddle % 20;
        Bid { lot, amount: prices[lot], bidder: format!("paddle-{paddle:06}") }
    }

    fn visit(&self) -> String {
        let paddle = self.paddles.fetch_add(1, Ordering::Relaxed);
        let mailbox = self.watch();
        let bid = self.raise(paddle);
        if self.prune {
            self.announce_to_present(&bid);
        } else {
            self.announce(&bid);
        }
        render(&bid, &mailbox.drain())
    }
}

fn render(own: &Bid, seen: &[Bid]) -> String {
    let mut page = format!("your bid on lot {}: {}\n", own.lot, own.amount);
    for bid in seen {
        let mark = if bid.bidder == own.bidder { "*" } else { " " };
        page.push_str(&format!("{mark} {} lot {} {}\n", bid.bidder, bid.lot, bid.amount));
    }
    page
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut header = String::new();
    loop {
        header.clear();
        if reader.read_line(&mut header)? == 0 {
            return Ok(None);
        }
        if header.trim_end().is_empty() {
            return Ok(Some(first));
        }
    }
}

fn attend(stream: TcpStream, room: &Room) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(first) = read_head(&mut reader)? {
        let (status, body) = match first.starts_with("GET / ") {
            true => ("200 OK", room.visit()),
            false => ("404 Not Found", String::new()),
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        out.write_all(answer.as_bytes())?;
    }
    Ok(())
}

fn clerk(listener: TcpListener, room: Arc<Room>) {
    while let Ok((stream, _)) = listener.accept() {
        let _ = attend(stream, &room);
    }
}

pub fn run(broken: bool, port: u16) {
    let room = Arc::new(Room {
        prices: Mutex::new(vec![100; LOTS]),
        watchers: Mutex::new(Vec::new()),
        paddles: AtomicU64::new(1),
        prune: !broken,
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    let clerks: Vec<_> = (0..CLERKS)
        .map(|_| {
            let (listener, room) = (listener.try_clone().unwrap(), room.clone());
            thread::spawn(move || clerk(listener, room))
        })
        .collect();
    for c in clerks {
        let _ = c.join();
    }
}
