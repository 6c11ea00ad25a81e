//! Auction house: every visit is a bid; partners that registered a webhook hear of the latest one.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Clone)]
struct Bid {
    lot: u64,
    cents: u64,
}

struct Partner {
    name: String,
    min_cents: u64,
    line: Mutex<TcpStream>,
}

impl Partner {
    /// One notification, acknowledged by the partner with a single byte.
    fn deliver(&self, bid: &Bid) -> std::io::Result<()> {
        let mut line = self.line.lock().unwrap();
        let note = format!("{} lot={} cents={}\n", self.name, bid.lot, bid.cents);
        line.write_all(note.as_bytes())?;
        let mut ack = [0u8; 1];
        line.read_exact(&mut ack)
    }
}

struct House {
    partners: Mutex<Vec<Arc<Partner>>>,
    bids: AtomicU64,
}

impl House {
    fn watchers(&self, bid: &Bid) -> usize {
        let partners = self.partners.lock().unwrap();
        partners.iter().filter(|p| p.min_cents <= bid.cents).count()
    }

    fn next_bid(&self) -> Bid {
        let n = self.bids.fetch_add(1, Ordering::Relaxed);
        Bid { lot: n % 37, cents: 500 + n.wrapping_mul(7919) % 9000 }
    }
}

fn announce(house: &House, bid: &Bid) {
    let mut partners = house.partners.lock().unwrap(); // guilty
    partners.retain(|p| p.deliver(bid).is_ok()); // guilty
}

fn announce_to_list(house: &House, bid: &Bid) {
    let listed: Vec<Arc<Partner>> = house.partners.lock().unwrap().clone();
    let gone: Vec<Arc<Partner>> = listed.into_iter().filter(|p| p.deliver(bid).is_err()).collect();
    if !gone.is_empty() {
        house.partners.lock().unwrap().retain(|p| !gone.iter().any(|g| Arc::ptr_eq(g, p)));
    }
}

fn herald(house: Arc<House>, news: Receiver<Bid>, broken: bool) {
    while let Ok(first) = news.recv() {
        let latest = news.try_iter().last().unwrap_or(first);
        if broken {
            announce(&house, &latest);
        } else {
            announce_to_list(&house, &latest);
        }
    }
}

/// The other end: a partner's endpoint, a few milliseconds away.
fn partner_site(listener: TcpListener) {
    for conn in listener.incoming().flatten() {
        thread::spawn(move || {
            conn.set_nodelay(true).unwrap();
            let mut out = conn.try_clone().unwrap();
            for note in BufReader::new(conn).lines() {
                if note.is_err() {
                    break;
                }
                thread::sleep(Duration::from_millis(5));
                if out.write_all(b"+").is_err() {
                    break;
                }
            }
        });
    }
}

fn bidder(conn: TcpStream, house: &House, news: &Sender<Bid>) -> std::io::Result<()> {
    conn.set_nodelay(true)?;
    let mut out = conn.try_clone()?;
    let mut input = BufReader::new(conn);
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line != "\r\n" {
            continue;
        }
        let bid = house.next_bid();
        let _ = news.send(bid.clone());
        let body = format!("lot {} now at {} cents, {} partners watching\n", bid.lot, bid.cents, house.watchers(&bid));
        let page = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
        out.write_all(page.as_bytes())?;
    }
}

pub fn run(broken: bool, port: u16) {
    let site = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = site.local_addr().unwrap();
    thread::spawn(move || partner_site(site));
    let partners = (0..4)
        .map(|i| {
            let line = TcpStream::connect(addr).unwrap();
            line.set_nodelay(true).unwrap();
            Arc::new(Partner { name: format!("partner-{i}"), min_cents: i * 1500, line: Mutex::new(line) })
        })
        .collect();
    let house = Arc::new(House { partners: Mutex::new(partners), bids: AtomicU64::new(0) });
    let (tx, rx) = channel();
    let told = house.clone();
    thread::spawn(move || herald(told, rx, broken));
    for conn in TcpListener::bind(("127.0.0.1", port)).unwrap().incoming().flatten() {
        let (house, tx) = (house.clone(), tx.clone());
        thread::spawn(move || bidder(conn, &house, &tx));
    }
}
