//! Fare desk: quotes a ticket price in the traveller's currency.
//! reader thread per connection -> one rating thread (in batches) -> one writer thread.
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Arc;
use std::thread;

struct Enquiry {
    conn: Arc<TcpStream>,
    number: u64,
    route: usize,
    seats: u32,
}

struct Quote {
    conn: Arc<TcpStream>,
    number: u64,
    text: String,
    firm: bool,
}

/// Units of foreign currency per thousand pence, and how much of it the desk may sell at once.
struct Market {
    code: &'static str,
    rate: u64,
    depth: u64,
}

struct Thin {
    enquiry: Enquiry,
    wanted: u64,
}

const ROUTES: [(&str, u64); 5] =
    [("LHR-KEF", 11_900), ("LHR-OSL", 8_450), ("LHR-ZRH", 9_700), ("LHR-PRG", 6_120), ("LHR-WAW", 5_380)];

fn markets() -> Vec<Market> {
    vec![
        Market { code: "ISK", rate: 1_742, depth: 232_000 },
        Market { code: "NOK", rate: 134, depth: 90_000 },
        Market { code: "CHF", rate: 11, depth: 90_000 },
        Market { code: "CZK", rate: 291, depth: 90_000 },
        Market { code: "PLN", rate: 50, depth: 90_000 },
    ]
}

fn fare(route: usize, seats: u32) -> u64 {
    let gross = ROUTES[route].1 * seats as u64;
    if seats >= 6 {
        gross - gross / 20
    } else {
        gross
    }
}

fn quote(e: Enquiry, book: &[Market]) -> Result<Quote, Thin> {
    let market = &book[e.route];
    let amount = fare(e.route, e.seats) * market.rate / 1_000;
    if amount > market.depth {
        return Err(Thin { enquiry: e, wanted: amount });
    }
    let text = format!("{} x{} {} {}", ROUTES[e.route].0, e.seats, amount, market.code);
    Ok(Quote { conn: e.conn, number: e.number, text, firm: true })
}

fn indicative(t: Thin, book: &[Market]) -> Quote {
    let e = t.enquiry;
    let text = format!("{} x{} ~{} {}", ROUTES[e.route].0, e.seats, t.wanted, book[e.route].code);
    Quote { conn: e.conn, number: e.number, text, firm: false }
}

fn rate_batch(batch: Vec<Enquiry>, book: &[Market]) -> Vec<Quote> {
    let mut quotes = Vec::with_capacity(batch.len());
    for answer in batch.into_iter().map(|e| quote(e, book)) {
        if let Ok(q) = answer {
            // guilty
            quotes.push(q); // guilty
        }
    }
    quotes.sort_by_key(|q| q.number);
    quotes
}

fn rate_batch_all(batch: Vec<Enquiry>, book: &[Market]) -> Vec<Quote> {
    let mut quotes = Vec::with_capacity(batch.len());
    for e in batch {
        quotes.push(quote(e, book).unwrap_or_else(|thin| indicative(thin, book)));
    }
    quotes.sort_by_key(|q| q.number);
    quotes
}

fn rating_room(inbox: Receiver<Enquiry>, outbox: Sender<Quote>, firm_only: bool) {
    let book = markets();
    while let Ok(first) = inbox.recv() {
        let mut batch = vec![first];
        batch.extend(inbox.try_iter().take(31));
        let quotes = if firm_only { rate_batch(batch, &book) } else { rate_batch_all(batch, &book) };
        for q in quotes {
            if outbox.send(q).is_err() {
                return;
            }
        }
    }
}

fn writer(quotes: Receiver<Quote>) {
    for q in quotes {
        let kind = if q.firm { "firm" } else { "indicative" };
        let body = format!("quote {} ({kind}): {}\n", q.number, q.text);
        let page = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
        let _ = (&*q.conn).write_all(page.as_bytes());
    }
}

fn reader(conn: TcpStream, numbers: Arc<AtomicU64>, desk: Sender<Enquiry>) {
    let _ = conn.set_nodelay(true);
    let conn = Arc::new(conn);
    let mut lines = BufReader::new(&*conn).lines();
    while let Some(Ok(line)) = lines.next() {
        if !line.is_empty() {
            continue;
        }
        let number = numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let route = (number % 5) as usize;
        let seats = 1 + ((number / 5) % 12) as u32;
        // parties of twelve are booked through the group desk except now and then
        let seats = if seats == 12 && number % 120 >= 60 { 4 } else { seats };
        if desk.send(Enquiry { conn: conn.clone(), number, route, seats }).is_err() {
            return;
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    let (desk, inbox) = channel();
    let (outbox, quotes) = channel();
    thread::Builder::new().name("rating".into()).spawn(move || rating_room(inbox, outbox, broken)).unwrap();
    thread::Builder::new().name("writer".into()).spawn(move || writer(quotes)).unwrap();
    let numbers = Arc::new(AtomicU64::new(0));
    for conn in listener.incoming().flatten() {
        let (numbers, desk) = (numbers.clone(), desk.clone());
        thread::spawn(move || reader(conn, numbers, desk));
    }
}
