//! Auction feed: every page view registers with the lot's feed, places a bid and shows what it heard.
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

const HISTORY: usize = 80;

struct Subscriber {
    tx: Sender<String>,
    recent: VecDeque<String>,
}

impl Subscriber {
    fn remember(&mut self, event: String) {
        if self.recent.len() == HISTORY {
            self.recent.pop_front();
        }
        self.recent.push_back(event);
    }
}

#[derive(Default)]
struct Lot {
    next_id: u64,
    cents: u64,
    subscribers: Vec<Subscriber>,
}

struct Feed {
    lots: Vec<Mutex<Lot>>,
    broken: bool,
}

impl Feed {
    fn open(broken: bool) -> Feed {
        Feed { lots: (0..1).map(|_| Mutex::new(Lot { cents: 5000, ..Lot::default() })).collect(), broken }
    }

    fn subscribe(&self, lot: &mut Lot) -> (u64, Receiver<String>) {
        let (tx, rx) = channel();
        lot.next_id += 1;
        lot.subscribers.push(Subscriber { tx, recent: VecDeque::with_capacity(HISTORY) });
        (lot.next_id, rx)
    }

    fn publish_to_live(&self, lot: &mut Lot, event: &str) {
        lot.subscribers.retain_mut(|sub| {
            sub.remember(event.to_string());
            sub.tx.send(event.to_string()).is_ok()
        });
    }

    fn publish(&self, lot: &mut Lot, event: &str) {
        for sub in lot.subscribers.iter_mut() {
            // guilty
            sub.remember(event.to_string()); // guilty
            let _ = sub.tx.send(event.to_string()); // guilty
        }
    }

    fn bid(&self, lot: &mut Lot, bidder: u64) {
        lot.cents = if lot.cents > 900_000 { 5000 } else { lot.cents + 50 + bidder % 7 * 25 };
        let event = bid_event(bidder, lot.cents);
        if self.broken {
            self.publish(lot, &event);
        } else {
            self.publish_to_live(lot, &event);
        }
    }

    fn view(&self, visitor: u64) -> String {
        let slot = &self.lots[visitor as usize % self.lots.len()];
        let (id, rx) = {
            let mut lot = slot.lock().unwrap();
            let (id, rx) = self.subscribe(&mut lot);
            self.bid(&mut lot, id);
            (id, rx)
        };
        render(id, &rx)
    }
}

fn bid_event(bidder: u64, cents: u64) -> String {
    format!(
        "{{\"type\":\"bid\",\"bidder\":\"paddle-{bidder:06}\",\"amount\":\"{}.{:02}\",\"currency\":\"EUR\",\"increment\":\"standard\",\"channel\":\"web\",\"reserve_met\":{}}}",
        cents / 100,
        cents % 100,
        cents > 20_000
    )
}

fn render(id: u64, rx: &Receiver<String>) -> String {
    let mut page = format!("viewer {id}\n");
    while let Ok(event) = rx.try_recv() {
        page.push_str(&event);
        page.push('\n');
    }
    page
}

fn serve(conn: TcpStream, feed: &Feed, first_visitor: u64) -> Result<()> {
    conn.set_nodelay(true)?;
    let mut out = conn.try_clone()?;
    let mut visitor = first_visitor;
    for line in BufReader::new(conn).lines() {
        if line?.is_empty() {
            let page = feed.view(visitor);
            visitor += 1;
            out.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len()).as_bytes())?;
        }
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let feed = Arc::new(Feed::open(broken));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for (nth, conn) in listener.incoming().flatten().enumerate() {
        let feed = feed.clone();
        thread::spawn(move || {
            let _ = serve(conn, &feed, nth as u64);
        });
    }
}
