//! Rate board: GET / shows the exchange rates. They are good for less than half a second; then the
//! first visitor fetches new ones from the exchange and whoever comes meanwhile shares the answer.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const GOOD_FOR: Duration = Duration::from_millis(400);

type Rates = Arc<Vec<(String, f64)>>;

#[derive(Default)]
struct Fetch {
    rates: Mutex<Option<Rates>>,
    arrived: Condvar,
}

impl Fetch {
    fn join(&self) -> Rates {
        let mut rates = self.rates.lock().unwrap();
        loop {
            match &*rates {
                Some(rates) => return rates.clone(),
                None => rates = self.arrived.wait(rates).unwrap(),
            }
        }
    }
}

#[derive(Default)]
struct Shown {
    last: Option<(Instant, Rates)>,
    running: Option<Arc<Fetch>>,
}

enum Turn {
    Fresh(Rates),
    Join(Arc<Fetch>),
    Lead(Arc<Fetch>),
}

struct Board {
    exchange: u16,
    shown: Mutex<Shown>,
    broken: bool,
}

impl Board {
    fn turn(&self) -> Turn {
        let mut shown = self.shown.lock().unwrap();
        if let Some((at, rates)) = &shown.last {
            if at.elapsed() < GOOD_FOR {
                return Turn::Fresh(rates.clone());
            }
        }
        if let Some(fetch) = &shown.running {
            return Turn::Join(fetch.clone());
        }
        let fetch = Arc::new(Fetch::default());
        shown.running = Some(fetch.clone());
        Turn::Lead(fetch)
    }

    fn show(&self, rates: &Rates) {
        let mut shown = self.shown.lock().unwrap();
        shown.last = Some((Instant::now(), rates.clone()));
        shown.running = None;
    }

    fn rates(&self) -> Rates {
        match self.turn() {
            Turn::Fresh(rates) => rates,
            Turn::Join(fetch) => fetch.join(),
            Turn::Lead(fetch) => {
                let rates = Arc::new(ask_exchange(self.exchange).unwrap_or_default());
                self.show(&rates);
                if self.broken {
                    hand_over(&fetch, &rates)
                } else {
                    hand_out(&fetch, &rates)
                }
                rates
            }
        }
    }
}

fn hand_over(fetch: &Fetch, rates: &Rates) {
    *fetch.rates.lock().unwrap() = Some(rates.clone());
    fetch.arrived.notify_one(); // guilty
}

fn hand_out(fetch: &Fetch, rates: &Rates) {
    *fetch.rates.lock().unwrap() = Some(rates.clone());
    fetch.arrived.notify_all();
}

fn ask_exchange(port: u16) -> std::io::Result<Vec<(String, f64)>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"RATES\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let pairs = line.split_whitespace().filter_map(|pair| pair.split_once('='));
    Ok(pairs.filter_map(|(name, rate)| Some((name.to_string(), rate.parse().ok()?))).collect())
}

fn draw(rates: &[(String, f64)]) -> String {
    let rows = rates.iter().map(|(name, rate)| format!("{name:<5}{rate:>9.4}{:>9.4}\n", rate * 1.02));
    rows.collect()
}

fn serve(stream: TcpStream, board: Arc<Board>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let body = if head.starts_with("GET / ") { draw(&board.rates()) } else { String::new() };
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        reader.get_mut().write_all(answer.as_bytes())?;
    }
}

/// The exchange: answers one question per connection, some milliseconds away.
fn exchange(listener: TcpListener) {
    for (tick, mut stream) in listener.incoming().flatten().enumerate() {
        let mut question = String::new();
        let _ = BufReader::new(&stream).read_line(&mut question);
        let names = ["EUR", "GBP", "JPY", "CHF", "SEK", "NOK", "PLN"];
        let rate = |n: usize| 0.8 + n as f64 * 0.21 + (tick % 50) as f64 / 5000.0;
        let pairs: Vec<String> = names.iter().enumerate().map(|(n, name)| format!("{name}={:.5}", rate(n))).collect();
        thread::sleep(Duration::from_millis(12));
        let _ = stream.write_all((pairs.join(" ") + "\n").as_bytes());
    }
}

pub fn run(broken: bool, port: u16) {
    let market = TcpListener::bind("127.0.0.1:0").unwrap();
    let market_port = market.local_addr().unwrap().port();
    thread::spawn(move || exchange(market));
    let board = Arc::new(Board { exchange: market_port, shown: Mutex::default(), broken });
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("port");
    for stream in listener.incoming().flatten() {
        let board = board.clone();
        thread::spawn(move || serve(stream, board));
    }
}
