//! Parcel quotes: asks the carrier for the price to a postcode. One multiplexed
//! link to the carrier; a thread per connection waits for its own reply.
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
enum Matching {
    ByPostcode,
    BySequence,
}

/// What travels to the carrier: the reference is echoed with the price.
struct Ask {
    reference: u64,
    postcode: u32,
    grams: u32,
    sent: Instant,
}

#[derive(Default)]
struct Slip {
    cents: Mutex<Option<u32>>,
    filled: Condvar,
}

impl Slip {
    fn fill(&self, cents: u32) {
        *self.cents.lock().unwrap() = Some(cents);
        self.filled.notify_all();
    }
    fn wait(&self) -> u32 {
        let mut c = self.cents.lock().unwrap();
        while c.is_none() {
            c = self.filled.wait(c).unwrap();
        }
        c.unwrap()
    }
}

struct Desk {
    open: Mutex<HashMap<u64, Arc<Slip>>>,
    link: Mutex<Sender<Ask>>,
    seq: AtomicU64,
    matching: Matching,
}

fn file_by_postcode(desk: &Desk, postcode: u32, slip: &Arc<Slip>) -> u64 {
    let reference = postcode as u64;
    desk.open.lock().unwrap().insert(reference, slip.clone()); // guilty
    reference
}

fn file_by_sequence(desk: &Desk, slip: &Arc<Slip>) -> u64 {
    let reference = desk.seq.fetch_add(1, Ordering::Relaxed);
    desk.open.lock().unwrap().insert(reference, slip.clone());
    reference
}

fn ask_carrier(desk: &Desk, postcode: u32, grams: u32) -> u32 {
    let slip = Arc::new(Slip::default());
    let reference = match desk.matching {
        Matching::ByPostcode => file_by_postcode(desk, postcode, &slip),
        Matching::BySequence => file_by_sequence(desk, &slip),
    };
    let ask = Ask { reference, postcode, grams, sent: Instant::now() };
    desk.link.lock().unwrap().send(ask).expect("carrier link");
    slip.wait()
}

fn hand_out(desk: &Desk, replies: Receiver<(u64, u32)>) {
    for (reference, cents) in replies {
        let slip = desk.open.lock().unwrap().remove(&reference);
        if let Some(slip) = slip {
            slip.fill(cents);
        }
    }
}

/// The carrier's side of the link: pipelined, about 8 ms away.
fn carrier(asks: Receiver<Ask>, out: Sender<(u64, u32)>) {
    for ask in asks {
        let due = ask.sent + Duration::from_millis(8);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let zone = ask.postcode / 10_000;
        let cents = 390 + zone * 35 + ask.grams / 100 * 8;
        if out.send((ask.reference, cents)).is_err() {
            return;
        }
    }
}

fn pick_parcel(n: u64) -> (u32, u32) {
    let mut x = n.wrapping_add(11).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^= x >> 29;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 32;
    let district = (x % 200) as u32;
    (10_000 + district * 430, 200 + (x >> 40) as u32 % 4800)
}

fn render(postcode: u32, grams: u32, cents: u32) -> String {
    format!("{{\"to\":\"{postcode:05}\",\"grams\":{grams},\"price\":\"{}.{:02}\"}}\n", cents / 100, cents % 100)
}

fn attend(desk: &Desk, counter: &AtomicU64, sock: TcpStream) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut out = sock.try_clone()?;
    let mut lines = BufReader::new(sock);
    let mut line = String::new();
    loop {
        let mut first = true;
        loop {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if !first && line.trim_end().is_empty() {
                break;
            }
            first = false;
        }
        let (postcode, grams) = pick_parcel(counter.fetch_add(1, Ordering::Relaxed));
        let body = render(postcode, grams, ask_carrier(desk, postcode, grams));
        let msg = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        out.write_all(msg.as_bytes())?;
    }
}

pub fn run(broken: bool, port: u16) {
    let (link, asks) = channel();
    let (out, replies) = channel();
    let matching = if broken { Matching::ByPostcode } else { Matching::BySequence };
    let desk = Arc::new(Desk { open: Mutex::default(), link: Mutex::new(link), seq: AtomicU64::new(1), matching });
    thread::spawn(move || carrier(asks, out));
    let d = desk.clone();
    thread::spawn(move || hand_out(&d, replies));
    let counter = Arc::new(AtomicU64::new(0));
    let door = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for sock in door.incoming().flatten() {
        let (desk, counter) = (desk.clone(), counter.clone());
        thread::spawn(move || attend(&desk, &counter, sock));
    }
}
