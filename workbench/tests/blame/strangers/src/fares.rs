//! Fare quotes for a travel site. Quotes come from a partner system and are kept for a short while;
//! simultaneous requests for one route share a single question to the partner.
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const ROUTES: [&str; 2] = ["LIS-OSL", "BER-VIE"];
const FRESH: Duration = Duration::from_millis(150);

/// Where a request that joined somebody else's question waits for the page.
#[derive(Default)]
struct Seat {
    page: Mutex<Option<Arc<String>>>,
    filled: Condvar,
}

impl Seat {
    fn fill(&self, page: Arc<String>) {
        *self.page.lock().unwrap() = Some(page);
        self.filled.notify_all();
    }
    fn wait(&self) -> Arc<String> {
        let mut page = self.page.lock().unwrap();
        while page.is_none() {
            page = self.filled.wait(page).unwrap();
        }
        page.clone().unwrap()
    }
}

struct Desk {
    partner: SocketAddr,
    broken: bool,
    turn: AtomicUsize,
    pages: Mutex<HashMap<&'static str, (Instant, Arc<String>)>>,
    flights: Mutex<HashMap<&'static str, Vec<Arc<Seat>>>>,
}

impl Desk {
    fn fresh_page(&self, route: &str) -> Option<Arc<String>> {
        let pages = self.pages.lock().unwrap();
        pages.get(route).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, p)| p.clone())
    }

    fn quote(&self, route: &'static str) -> Arc<String> {
        if let Some(page) = self.fresh_page(route) {
            return page;
        }
        if let Some(seat) = self.join(route) {
            return seat.wait();
        }
        let base = ask_partner(self.partner, route);
        if self.broken {
            self.publish(route, base)
        } else {
            self.publish_and_close(route, base)
        }
    }

    /// None: nobody is asking for this route yet, the caller does it.
    fn join(&self, route: &'static str) -> Option<Arc<Seat>> {
        let mut flights = self.flights.lock().unwrap();
        if let Some(seats) = flights.get_mut(route) {
            let seat = Arc::new(Seat::default());
            seats.push(seat.clone());
            return Some(seat);
        }
        flights.insert(route, Vec::new());
        None
    }

    fn publish(&self, route: &'static str, base: u64) -> Arc<String> {
        let seats = self.flights.lock().unwrap().get(route).cloned().unwrap_or_default(); // guilty
        let page = Arc::new(fare_table(route, base));
        for seat in seats {
            seat.fill(page.clone());
        }
        self.pages.lock().unwrap().insert(route, (Instant::now(), page.clone()));
        self.flights.lock().unwrap().remove(route); // guilty
        page
    }

    fn publish_and_close(&self, route: &'static str, base: u64) -> Arc<String> {
        let page = Arc::new(fare_table(route, base));
        self.pages.lock().unwrap().insert(route, (Instant::now(), page.clone()));
        let seats = self.flights.lock().unwrap().remove(route).unwrap_or_default();
        for seat in seats {
            seat.fill(page.clone());
        }
        page
    }
}

fn fare_table(route: &str, base: u64) -> String {
    // every day of the year in every booking class
    let mut fares: Vec<(u64, u32)> = (0..365 * 104u32).map(|d| (base + (d as u64 * 7919) % 613, d)).collect();
    fares.sort_by_key(|f| (f.0, f.1 % 104, f.1));
    let mut out = format!("{route}\n");
    for (price, offer) in fares.iter().take(40) {
        let _ = writeln!(out, "day {:>3} class {:>3} EUR {}.{:02}", offer / 104, offer % 104, price / 100, price % 100);
    }
    out
}

fn ask_partner(addr: SocketAddr, route: &str) -> u64 {
    let mut line = TcpStream::connect(addr).expect("partner");
    line.write_all(format!("{route}\n").as_bytes()).expect("partner");
    let mut answer = String::new();
    line.read_to_string(&mut answer).expect("partner");
    answer.trim().parse().unwrap_or(9900)
}

/// Stand-in for the reservation system on the other side of the network: 8 to 14 ms per question.
fn partner_system(listener: TcpListener) {
    let mut seed = 0x9e3779b97f4a7c15u64;
    for line in listener.incoming().flatten() {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let roll = seed >> 33;
        thread::spawn(move || {
            let mut question = String::new();
            let _ = BufReader::new(&line).read_line(&mut question);
            thread::sleep(Duration::from_micros(8000 + roll % 6000));
            let _ = (&line).write_all(format!("{}", 8000 + roll % 4000).as_bytes());
        });
    }
}

fn serve(desk: &Desk, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line != "\r\n" {
            continue;
        }
        let route = ROUTES[desk.turn.fetch_add(1, Ordering::Relaxed) / 3 % ROUTES.len()];
        let page = desk.quote(route);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", page.len(), page);
        (&stream).write_all(answer.as_bytes())?;
    }
}

pub fn run(broken: bool, port: u16) {
    let partner = TcpListener::bind("127.0.0.1:0").expect("bind partner");
    let addr = partner.local_addr().unwrap();
    thread::spawn(move || partner_system(partner));
    let (turn, pages, flights) = Default::default();
    let desk = Arc::new(Desk { partner: addr, broken, turn, pages, flights });
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        let desk = desk.clone();
        thread::spawn(move || serve(&desk, stream));
    }
}
