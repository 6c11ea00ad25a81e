//! Ferry routes: the cheapest fare between two harbours, over as many legs as it takes.
//! Surcharges (tide, fuel) change all the time, so a fare book is good for a short while only.
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};

const HARBOURS: usize = 500;
const GOOD_FOR: Duration = Duration::from_millis(600);
const NO_LINE: u32 = u32::MAX / 4;

struct FareBook {
    edition: u64,
    printed: Instant,
    fares: Vec<u32>,
}

struct Office {
    book: RwLock<Arc<FareBook>>,
    sold: AtomicU64,
    on_demand: bool,
}

fn mix(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 29;
    x.wrapping_mul(0xc4ce_b9fe_1a85_ec53) ^ (x >> 31)
}

/// The direct lines of today with their surcharges.
fn direct_lines(edition: u64) -> Vec<u32> {
    let mut fares = vec![NO_LINE; HARBOURS * HARBOURS];
    for from in 0..HARBOURS {
        fares[from * HARBOURS + from] = 0;
        for line in 0..7u64 {
            let h = mix((from as u64) << 8 | line);
            let to = h as usize % HARBOURS;
            let surcharge = mix(h ^ edition) % 90;
            fares[from * HARBOURS + to] = 400 + (h >> 40) as u32 % 2600 + surcharge as u32;
        }
    }
    fares
}

fn print_book(edition: u64) -> FareBook {
    let mut fares = direct_lines(edition);
    for via in 0..HARBOURS {
        let onward = fares[via * HARBOURS..(via + 1) * HARBOURS].to_vec();
        for from in 0..HARBOURS {
            let first = fares[from * HARBOURS + via];
            if first >= NO_LINE {
                continue;
            }
            let row = &mut fares[from * HARBOURS..(from + 1) * HARBOURS];
            for (to, leg) in onward.iter().enumerate() {
                let sum = first + leg;
                if sum < row[to] {
                    row[to] = sum;
                }
            }
        }
    }
    FareBook { edition, printed: Instant::now(), fares }
}

impl Office {
    fn shelf(&self) -> Arc<FareBook> {
        self.book.read().unwrap().clone()
    }

    fn valid_book(&self) -> Arc<FareBook> {
        let book = self.shelf();
        if book.printed.elapsed() < GOOD_FOR {
            return book;
        }
        let mut shelf = self.book.write().unwrap(); // guilty
        if shelf.printed.elapsed() >= GOOD_FOR {
            *shelf = Arc::new(print_book(shelf.edition + 1)); // guilty
        }
        shelf.clone()
    }

    fn quote(&self) -> String {
        let book = if self.on_demand { self.valid_book() } else { self.shelf() };
        let n = self.sold.fetch_add(1, Ordering::Relaxed);
        let (from, to) = (mix(n) as usize % HARBOURS, mix(!n) as usize % HARBOURS);
        let fare = book.fares[from * HARBOURS + to];
        format!("H{from:03} to H{to:03}: {}.{:02} (edition {})\n", fare / 100, fare % 100, book.edition)
    }
}

fn printing_press(office: Arc<Office>) {
    loop {
        thread::sleep(GOOD_FOR);
        let next = Arc::new(print_book(office.shelf().edition + 1));
        *office.book.write().unwrap() = next;
    }
}

fn counter(stream: TcpStream, office: Arc<Office>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line != "\r\n" {
            continue;
        }
        let body = office.quote();
        let page =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        out.write_all(page.as_bytes())?;
    }
}

pub fn run(broken: bool, port: u16) {
    let office =
        Arc::new(Office { book: RwLock::new(Arc::new(print_book(1))), sold: AtomicU64::new(0), on_demand: broken });
    if !broken {
        let office = office.clone();
        thread::Builder::new().name("press".into()).spawn(move || printing_press(office)).unwrap();
    }
    let door = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in door.incoming().flatten() {
        let office = office.clone();
        thread::spawn(move || counter(stream, office));
    }
}
