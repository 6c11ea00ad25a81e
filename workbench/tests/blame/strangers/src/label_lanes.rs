//! Shipping labels: parcels of one depot must be labelled in order, so every depot belongs to one
//! lane, and each lane is a thread that talks to the carrier.
use crossbeam_channel::{bounded, unbounded, Receiver, Sender};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const LANES: usize = 16;
const CARRIER_MS: u64 = 5;

struct Parcel {
    depot: String,
    number: usize,
    reply: Sender<String>,
}

struct Dispatcher {
    lanes: Vec<Sender<Parcel>>,
    by_prefix: bool,
    count: AtomicUsize,
}

/// The carrier's gateway in the next rack: a label takes it about 5 ms.
fn carrier_gateway(listener: TcpListener) {
    for stream in listener.incoming().flatten() {
        thread::spawn(move || {
            let mut stream = stream;
            let _ = stream.set_nodelay(true);
            let mut number = [0u8; 8];
            while stream.read_exact(&mut number).is_ok() {
                thread::sleep(Duration::from_millis(CARRIER_MS));
                let code = u64::from_be_bytes(number).wrapping_mul(0x2545_F491_4F6C_DD1D);
                if stream.write_all(&code.to_be_bytes()).is_err() {
                    return;
                }
            }
        });
    }
}

fn request_label(carrier: &mut TcpStream, number: usize) -> std::io::Result<u64> {
    carrier.write_all(&(number as u64).to_be_bytes())?;
    let mut code = [0u8; 8];
    carrier.read_exact(&mut code)?;
    Ok(u64::from_be_bytes(code))
}

fn lane(parcels: Receiver<Parcel>, carrier_port: u16) {
    let mut carrier = TcpStream::connect(("127.0.0.1", carrier_port)).expect("carrier");
    let _ = carrier.set_nodelay(true);
    for p in parcels {
        let text = match request_label(&mut carrier, p.number) {
            Ok(code) => format!("{} #{} code {:016x}\n", p.depot, p.number, code),
            Err(e) => format!("{} #{} carrier failed: {}\n", p.depot, p.number, e),
        };
        let _ = p.reply.send(text);
    }
}

impl Dispatcher {
    fn start(by_prefix: bool, carrier_port: u16) -> Dispatcher {
        let lanes = (0..LANES)
            .map(|i| {
                let (tx, rx) = unbounded();
                thread::Builder::new().name(format!("lane-{i}")).spawn(move || lane(rx, carrier_port)).unwrap();
                tx
            })
            .collect();
        Dispatcher { lanes, by_prefix, count: AtomicUsize::new(0) }
    }

    fn enqueue_by_prefix(&self, p: Parcel) {
        let mut h = DefaultHasher::new();
        p.depot.as_bytes()[..6].hash(&mut h); // guilty
        let n = h.finish() as usize % self.lanes.len(); // guilty
        let _ = self.lanes[n].send(p); // guilty
    }

    fn enqueue_by_depot(&self, p: Parcel) {
        let mut h = DefaultHasher::new();
        p.depot.hash(&mut h);
        let n = h.finish() as usize % self.lanes.len();
        let _ = self.lanes[n].send(p);
    }

    fn next_parcel(&self) -> (Parcel, Receiver<String>) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = bounded(1);
        let depot = format!("depot-{:03}", number * 37 % 211);
        (Parcel { depot, number, reply }, answer)
    }

    fn label(&self) -> String {
        let (parcel, answer) = self.next_parcel();
        if self.by_prefix {
            self.enqueue_by_prefix(parcel);
        } else {
            self.enqueue_by_depot(parcel);
        }
        answer.recv().unwrap_or_else(|_| "lane closed\n".into())
    }
}

fn connection(shop: Arc<Dispatcher>, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next() {
        if line?.is_empty() {
            let body = shop.label();
            out.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body).as_bytes())?;
        }
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let gateway = TcpListener::bind(("127.0.0.1", 0)).expect("gateway");
    let carrier_port = gateway.local_addr().unwrap().port();
    thread::spawn(move || carrier_gateway(gateway));
    let shop = Arc::new(Dispatcher::start(broken, carrier_port));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        let shop = shop.clone();
        thread::spawn(move || connection(shop, stream));
    }
}
