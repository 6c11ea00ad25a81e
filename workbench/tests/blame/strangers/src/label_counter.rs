//! Parcel labels: each request has one label made by the label printers and shows its tracking code.
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

const PRINTERS: usize = 4;
const PRINT_TIME: Duration = Duration::from_millis(8);
const CUSTOMERS: u64 = 160;

struct Parcel {
    customer: u64,
    grams: u64,
}

struct Job {
    key: u64,
    parcel: Parcel,
}

/// A place for one answer, filled once.
#[derive(Default)]
struct Pickup {
    label: Mutex<Option<String>>,
    ready: Condvar,
}

impl Pickup {
    fn put(&self, label: String) {
        *self.label.lock().unwrap() = Some(label);
        self.ready.notify_one();
    }

    fn wait(&self) -> String {
        let mut label = self.label.lock().unwrap();
        loop {
            match label.take() {
                Some(text) => return text,
                None => label = self.ready.wait(label).unwrap(),
            }
        }
    }
}

struct Depot {
    counter: Mutex<HashMap<u64, Arc<Pickup>>>,
    jobs: Sender<Job>,
    tickets: AtomicU64,
    arrivals: AtomicU64,
}

impl Depot {
    fn label_for_customer(&self, parcel: Parcel) -> String {
        let pickup = Arc::new(Pickup::default());
        self.counter.lock().unwrap().insert(parcel.customer, pickup.clone()); // guilty
        self.jobs.send(Job { key: parcel.customer, parcel }).expect("printers");
        pickup.wait()
    }

    fn label_by_ticket(&self, parcel: Parcel) -> String {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let pickup = Arc::new(Pickup::default());
        self.counter.lock().unwrap().insert(ticket, pickup.clone());
        self.jobs.send(Job { key: ticket, parcel }).expect("printers");
        pickup.wait()
    }

    fn hand_out(&self, key: u64, label: String) {
        let pickup = self.counter.lock().unwrap().remove(&key);
        if let Some(pickup) = pickup {
            pickup.put(label);
        }
    }

    fn next_parcel(&self) -> Parcel {
        let mut x = self.arrivals.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x ^= x >> 29;
        x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x ^= x >> 32;
        Parcel { customer: x % CUSTOMERS, grams: 200 + (x >> 40) % 9000 }
    }
}

fn tracking_code(parcel: &Parcel) -> String {
    let digits = format!("{:05}{:05}", parcel.customer, parcel.grams);
    let weighted: u32 = digits.bytes().zip([3, 1].into_iter().cycle()).map(|(d, w)| (d - b'0') as u32 * w).sum();
    format!("PX{digits}{}", (10 - weighted % 10) % 10)
}

fn printer(depot: Arc<Depot>, jobs: Arc<Mutex<Receiver<Job>>>) {
    loop {
        let next = jobs.lock().unwrap().recv();
        let Ok(job) = next else { return };
        let label = format!("{} ({} g)", tracking_code(&job.parcel), job.parcel.grams);
        thread::sleep(PRINT_TIME); // the print head
        depot.hand_out(job.key, label);
    }
}

fn customer(stream: TcpStream, depot: &Depot, by_ticket: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        if line.trim_end().is_empty() {
            let parcel = depot.next_parcel();
            let label = if by_ticket { depot.label_by_ticket(parcel) } else { depot.label_for_customer(parcel) };
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{label}\n", label.len() + 1);
            stream.write_all(answer.as_bytes())?;
        }
        line.clear();
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let (tx, rx) = mpsc::channel();
    let depot = Arc::new(Depot {
        counter: Mutex::default(),
        jobs: tx,
        tickets: AtomicU64::new(1),
        arrivals: AtomicU64::new(1),
    });
    let rx = Arc::new(Mutex::new(rx));
    for i in 0..PRINTERS {
        let (depot, rx) = (depot.clone(), rx.clone());
        thread::Builder::new().name(format!("printer-{i}")).spawn(move || printer(depot, rx)).unwrap();
    }
    for stream in TcpListener::bind(("127.0.0.1", port)).expect("bind").incoming().flatten() {
        let depot = depot.clone();
        thread::spawn(move || customer(stream, &depot, !broken));
    }
}
