//! Label press: GET / books a parcel with the carrier and returns the label to stick on it. A pool
//! of press workers does the booking; the connection threads only hand parcels over.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const WORKERS: usize = 8;

struct Parcel {
    number: u64,
    grams: u64,
    label: Sender<String>,
}

struct Carrier {
    reader: BufReader<TcpStream>,
}

impl Carrier {
    fn connect(port: u16) -> Carrier {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("carrier");
        stream.set_nodelay(true).unwrap();
        Carrier { reader: BufReader::new(stream) }
    }

    fn book(&mut self, number: u64, grams: u64) -> String {
        let order = format!("BOOK {number} {grams}\n");
        self.reader.get_mut().write_all(order.as_bytes()).expect("carrier gone");
        let mut code = String::new();
        self.reader.read_line(&mut code).expect("carrier gone");
        code.trim_end().to_string()
    }
}

fn checksum(code: &str) -> u32 {
    code.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte as u32)) % 97
}

fn draw(code: &str) -> String {
    let bars: String = code.bytes().map(|byte| if byte % 2 == 0 { "|| " } else { "| |" }).collect();
    format!("+----\n| {code}-{:02}\n| {bars}\n+----\n", checksum(code))
}

fn press(carrier: &mut Carrier, parcel: Parcel) {
    let code = carrier.book(parcel.number, parcel.grams);
    let _ = parcel.label.send(draw(&code));
}

fn press_worker(parcels: Arc<Mutex<Receiver<Parcel>>>, mut carrier: Carrier) {
    while let Ok(parcel) = parcels.lock().unwrap().recv() {
        // guilty
        press(&mut carrier, parcel); // guilty
    }
}

fn next_parcel(parcels: &Mutex<Receiver<Parcel>>) -> Option<Parcel> {
    parcels.lock().unwrap().recv().ok()
}

fn table_worker(parcels: Arc<Mutex<Receiver<Parcel>>>, mut carrier: Carrier) {
    while let Some(parcel) = next_parcel(&parcels) {
        press(&mut carrier, parcel);
    }
}

fn start_presses(carrier_port: u16, broken: bool) -> Sender<Parcel> {
    let (sender, receiver) = mpsc::channel();
    let parcels = Arc::new(Mutex::new(receiver));
    for number in 0..WORKERS {
        let parcels = parcels.clone();
        let carrier = Carrier::connect(carrier_port);
        let worker = if broken { press_worker } else { table_worker };
        let name = format!("press-{number}");
        thread::Builder::new().name(name).spawn(move || worker(parcels, carrier)).unwrap();
    }
    sender
}

fn label_for(parcels: &Sender<Parcel>, number: u64) -> Option<String> {
    let (label, printed) = mpsc::channel();
    let grams = 200 + number * 37 % 4000;
    parcels.send(Parcel { number, grams, label }).ok()?;
    printed.recv().ok()
}

fn serve(stream: TcpStream, parcels: Sender<Parcel>, counter: Arc<AtomicU64>) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while let Ok(1..) = reader.read_line(&mut head) {
        if !head.ends_with("\r\n\r\n") {
            continue;
        }
        let label = match head.starts_with("GET / ") {
            true => label_for(&parcels, counter.fetch_add(1, Ordering::Relaxed)),
            false => None,
        };
        let answer = match label {
            Some(label) => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{label}", label.len()),
            None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_string(),
        };
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
        head.clear();
    }
}

/// The carrier's booking desk takes ten milliseconds for a parcel, and any number at a time.
fn booking_desk(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while let Ok(1..) = reader.read_line(&mut line) {
        thread::sleep(Duration::from_millis(10));
        let code = line.trim_end().replace("BOOK ", "P").replace(' ', "G");
        if reader.get_mut().write_all(format!("{code}\n").as_bytes()).is_err() {
            return;
        }
        line.clear();
    }
}

pub fn run(broken: bool, port: u16) {
    let desk = TcpListener::bind("127.0.0.1:0").unwrap();
    let desk_port = desk.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in desk.incoming().flatten() {
            thread::spawn(move || booking_desk(stream));
        }
    });
    let parcels = start_presses(desk_port, broken);
    let counter = Arc::new(AtomicU64::new(1));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("port");
    for stream in listener.incoming().flatten() {
        let (parcels, counter) = (parcels.clone(), counter.clone());
        thread::spawn(move || serve(stream, parcels, counter));
    }
}
