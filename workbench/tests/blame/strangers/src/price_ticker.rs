//! Price ticker: quotes come from a trading venue; requests for a symbol that is already being asked share that answer.
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

const SYMBOLS: [&str; 8] = ["ACME", "ACME", "BOLT", "ACME", "ACME", "CRUX", "ACME", "ACME"];

#[derive(Default)]
struct Flight {
    price: Mutex<Option<u64>>,
    landed: Condvar,
}

impl Flight {
    fn publish(&self, price: u64) {
        *self.price.lock().unwrap() = Some(price);
        self.landed.notify_all();
    }

    fn wait(&self) -> u64 {
        let price = self.landed.wait_while(self.price.lock().unwrap(), |p| p.is_none()).unwrap();
        price.unwrap_or(0)
    }
}

struct Ticker {
    flights: Mutex<HashMap<&'static str, Arc<Flight>>>,
    last: Mutex<HashMap<&'static str, u64>>,
    broken: bool,
    served: AtomicU64,
}

struct Venue {
    link: BufReader<TcpStream>,
}

impl Venue {
    fn connect(addr: SocketAddr) -> io::Result<Venue> {
        let link = TcpStream::connect(addr)?;
        link.set_nodelay(true)?;
        Ok(Venue { link: BufReader::new(link) })
    }

    fn ask(&mut self, symbol: &str) -> io::Result<u64> {
        self.link.get_mut().write_all(format!("QUOTE {symbol}\n").as_bytes())?;
        let mut line = String::new();
        self.link.read_line(&mut line)?;
        line.trim().parse().map_err(|_| io::Error::other("venue is busy"))
    }
}

impl Ticker {
    fn join(&self, symbol: &'static str) -> (Arc<Flight>, bool) {
        let mut flights = self.flights.lock().unwrap();
        if let Some(flight) = flights.get(symbol) {
            return (flight.clone(), false);
        }
        let flight = Arc::new(Flight::default());
        flights.insert(symbol, flight.clone());
        (flight, true)
    }

    fn land(&self, symbol: &'static str) {
        self.flights.lock().unwrap().remove(symbol);
    }

    fn last_known(&self, symbol: &'static str) -> u64 {
        self.last.lock().unwrap().get(symbol).copied().unwrap_or(10_000)
    }

    fn lead(&self, symbol: &'static str, flight: &Flight, venue: &mut Venue) -> io::Result<u64> {
        let answer = venue.ask(symbol);
        self.land(symbol);
        let price = answer?; // guilty
        self.last.lock().unwrap().insert(symbol, price);
        flight.publish(price); // guilty
        Ok(price)
    }

    fn lead_and_settle(&self, symbol: &'static str, flight: &Flight, venue: &mut Venue) -> io::Result<u64> {
        let answer = venue.ask(symbol);
        self.land(symbol);
        match answer {
            Ok(price) => {
                self.last.lock().unwrap().insert(symbol, price);
                flight.publish(price);
            }
            Err(_) => flight.publish(self.last_known(symbol)),
        }
        answer
    }

    fn quote(&self, symbol: &'static str, venue: &mut Venue) -> u64 {
        let (flight, leading) = self.join(symbol);
        if !leading {
            return flight.wait();
        }
        let led =
            if self.broken { self.lead(symbol, &flight, venue) } else { self.lead_and_settle(symbol, &flight, venue) };
        led.unwrap_or_else(|_| self.last_known(symbol))
    }
}

/// Stand-in for the venue: one round trip takes some milliseconds, and now and then it declines.
fn start_venue() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let asked = Arc::new(AtomicU64::new(0));
    thread::spawn(move || {
        for link in listener.incoming().flatten() {
            let asked = asked.clone();
            thread::spawn(move || -> io::Result<()> {
                let mut out = link.try_clone()?;
                out.set_nodelay(true)?;
                for line in BufReader::new(link).lines() {
                    let weight = line?.len() as u64;
                    thread::sleep(Duration::from_millis(7));
                    let n = asked.fetch_add(1, Ordering::Relaxed);
                    let reply =
                        if n % 83 == 82 { "BUSY\n".to_string() } else { format!("{}\n", 9_000 + n * weight % 2_000) };
                    out.write_all(reply.as_bytes())?;
                }
                Ok(())
            });
        }
    });
    Ok(addr)
}

fn client(ticker: Arc<Ticker>, venue: SocketAddr, mut conn: TcpStream) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut venue = Venue::connect(venue)?;
    for line in BufReader::new(conn.try_clone()?).lines() {
        if line?.is_empty() {
            let n = ticker.served.fetch_add(1, Ordering::Relaxed);
            let symbol = SYMBOLS[n as usize % SYMBOLS.len()];
            let price = ticker.quote(symbol, &mut venue);
            let body = format!("{{\"symbol\":\"{symbol}\",\"price\":{}.{:02},\"n\":{n}}}\n", price / 100, price % 100);
            conn.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        }
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) -> io::Result<()> {
    let venue = start_venue()?;
    let ticker =
        Arc::new(Ticker { flights: Mutex::default(), last: Mutex::default(), broken, served: AtomicU64::new(0) });
    for conn in TcpListener::bind(("127.0.0.1", port))?.incoming().flatten() {
        let ticker = ticker.clone();
        thread::spawn(move || client(ticker, venue, conn));
    }
    Ok(())
}
