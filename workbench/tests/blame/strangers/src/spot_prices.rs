//! Commodity board: all visitors share one multiplexed line to the exchange; replies carry the request's id.
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const GOODS: [&str; 6] = ["wheat", "cocoa", "copper", "zinc", "sugar", "cotton"];

struct Exchange {
    line: Mutex<TcpStream>,
    ids: AtomicU64,
    pending: Mutex<HashMap<u64, Sender<Option<u32>>>>,
    last: Mutex<[u32; GOODS.len()]>,
}

impl Exchange {
    fn ask(&self, id: u64, good: &str) -> io::Result<Option<u32>> {
        let (tx, rx) = channel();
        self.pending.lock().unwrap().insert(id, tx);
        self.line.lock().unwrap().write_all(format!("{id} {good}\n").as_bytes())?;
        rx.recv().map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// The price now, or the last one known if the exchange gave none.
    fn price(&self) -> io::Result<(&'static str, u32)> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let which = id as usize % GOODS.len();
        let fresh = self.ask(id, GOODS[which])?;
        let mut last = self.last.lock().unwrap();
        if let Some(price) = fresh {
            last[which] = price;
        }
        Ok((GOODS[which], last[which]))
    }

    fn complete(&self, id: u64, price: Option<u32>) {
        if let Some(waiter) = self.pending.lock().unwrap().remove(&id) {
            let _ = waiter.send(price);
        }
    }
}

fn parse_quote(line: &str) -> Option<(u64, u32)> {
    let (id, price) = line.split_once(' ')?;
    Some((id.parse().ok()?, price.parse().ok()?))
}

fn dispatch_quotes(exchange: &Exchange, incoming: TcpStream) -> io::Result<()> {
    for line in BufReader::new(incoming).lines() {
        let line = line?;
        let Some((id, price)) = parse_quote(&line) else {
            eprintln!("exchange: not a quote: {line}"); // guilty
            continue; // guilty
        };
        exchange.complete(id, Some(price));
    }
    Ok(())
}

fn dispatch_replies(exchange: &Exchange, incoming: TcpStream) -> io::Result<()> {
    for line in BufReader::new(incoming).lines() {
        let line = line?;
        let Some((id, rest)) = line.split_once(' ') else { continue };
        if let Ok(id) = id.parse() {
            exchange.complete(id, rest.parse().ok());
        }
    }
    Ok(())
}

/// Stand-in for the exchange; now and then it refuses to quote while it re-marks its book.
fn exchange_floor(conn: TcpStream) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut out = conn.try_clone()?;
    let mut marked = Instant::now();
    for ask in BufReader::new(conn).lines() {
        let ask = ask?;
        let Some((id, good)) = ask.split_once(' ') else { continue };
        let reply = if marked.elapsed() > Duration::from_millis(900) {
            marked = Instant::now();
            format!("{id} SUSPENDED\n")
        } else {
            format!("{id} {}\n", 1000 + good.len() as u32 * 77 + marked.elapsed().subsec_millis())
        };
        out.write_all(reply.as_bytes())?;
    }
    Ok(())
}

fn visitor(conn: TcpStream, exchange: &Exchange) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut out = conn.try_clone()?;
    let mut input = BufReader::new(conn);
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        if line == "\r\n" {
            let (good, price) = exchange.price()?;
            let body = format!("{good}: {price}\n");
            let page = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
            out.write_all(page.as_bytes())?;
        }
        line.clear();
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let floor = TcpListener::bind("127.0.0.1:0").unwrap();
    let line = TcpStream::connect(floor.local_addr().unwrap()).unwrap();
    line.set_nodelay(true).unwrap();
    let (far_end, _) = floor.accept().unwrap();
    thread::spawn(move || exchange_floor(far_end));
    let incoming = line.try_clone().unwrap();
    let exchange = Arc::new(Exchange {
        line: Mutex::new(line),
        ids: AtomicU64::new(1),
        pending: Mutex::new(HashMap::new()),
        last: Mutex::new([1000; GOODS.len()]),
    });
    let desk = exchange.clone();
    thread::spawn(move || if broken { dispatch_quotes(&desk, incoming) } else { dispatch_replies(&desk, incoming) });
    for conn in TcpListener::bind(("127.0.0.1", port)).unwrap().incoming().flatten() {
        let exchange = exchange.clone();
        thread::spawn(move || visitor(conn, &exchange));
    }
}
