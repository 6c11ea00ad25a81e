//! Ticket signer: gives each ticket a serial and has it signed by one of eight card readers.
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{channel, sync_channel, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const READERS: usize = 8;
const EPOCH_MS: u64 = 1_600_000_000_000;
const NODE: u64 = 11;
/// One signature on the smart card, as the vendor's data sheet has it.
const CARD_SIGN: Duration = Duration::from_micros(4800);

#[derive(Default)]
struct Serials {
    last: Mutex<(u64, u64)>,
}

impl Serials {
    /// 42 bits of milliseconds, 10 bits of node, 12 bits of sequence inside the millisecond.
    fn next(&self) -> u64 {
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64 - EPOCH_MS;
        let mut last = self.last.lock().unwrap();
        if ms > last.0 {
            *last = (ms, 0);
        } else {
            last.1 += 1;
        }
        (last.0 << 22) | (NODE << 12) | (last.1 & 0xfff)
    }
}

struct Job {
    serial: u64,
    digest: u64,
    done: SyncSender<String>,
}

struct Rack {
    readers: Vec<Mutex<Sender<Job>>>,
    by_serial: bool,
}

impl Rack {
    fn open(by_serial: bool) -> Rack {
        let readers = (0..READERS).map(|n| {
            let (tx, rx) = channel();
            thread::Builder::new().name(format!("reader-{n}")).spawn(move || reader(n, rx)).unwrap();
            Mutex::new(tx)
        });
        Rack { readers: readers.collect(), by_serial }
    }

    /// A ticket always goes to the same reader, so a reprint carries the same key.
    fn slot_of(&self, serial: u64) -> usize {
        (serial % self.readers.len() as u64) as usize // guilty
    }

    fn mixed_slot_of(&self, serial: u64) -> usize {
        let mut mixed = (serial ^ (serial >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed >> 33) % self.readers.len() as u64) as usize
    }

    fn sign(&self, serial: u64, digest: u64) -> String {
        let slot = if self.by_serial { self.slot_of(serial) } else { self.mixed_slot_of(serial) };
        let (done, signature) = sync_channel(1);
        self.readers[slot].lock().unwrap().send(Job { serial, digest, done }).expect("reader is plugged in");
        signature.recv().expect("reader answers")
    }
}

fn reader(n: usize, jobs: Receiver<Job>) {
    let key = 0xA5A5_0000_1234_5678u64.rotate_left(n as u32 * 5);
    for job in jobs {
        let signature = card_transaction(key, job.serial, job.digest);
        let _ = job.done.send(format!("{n}:{signature:016x}"));
    }
}

/// The card works by itself; this side only waits for the answer on the bus.
fn card_transaction(key: u64, serial: u64, digest: u64) -> u64 {
    thread::sleep(CARD_SIGN);
    (key ^ serial).wrapping_mul(0x0100_0000_01B3).rotate_left(17) ^ digest
}

fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ b as u64).wrapping_mul(0x0100_0000_01B3))
}

fn ticket(serials: &Serials, rack: &Rack) -> String {
    let serial = serials.next();
    let text = format!("hall=2;row={};seat={};serial={serial}", serial >> 22 & 31, serial >> 24 & 63);
    let signature = rack.sign(serial, digest(&text));
    format!("{text};sig={signature}\n")
}

/// Takes one request off the buffer, if a whole one is there.
fn take_request(buf: &mut Vec<u8>) -> Option<Vec<u8>> {
    let end = buf.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    Some(buf.drain(..end).collect())
}

fn counter(mut sock: TcpStream, serials: Arc<Serials>, rack: Arc<Rack>) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut buf = Vec::new();
    let mut chunk = [0u8; 2048];
    loop {
        while let Some(req) = take_request(&mut buf) {
            let (code, body) = if req.starts_with(b"GET / ") {
                ("200 OK", ticket(&serials, &rack))
            } else {
                ("404 Not Found", String::from("not here\n"))
            };
            let head = format!("HTTP/1.1 {code}\r\nContent-Length: {}\r\nContent-Type: text/plain\r\n\r\n", body.len());
            sock.write_all((head + &body).as_bytes())?;
        }
        match sock.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => buf.extend_from_slice(&chunk[..n]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let rack = Arc::new(Rack::open(broken));
    let serials = Arc::new(Serials::default());
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for sock in listener.incoming().flatten() {
        let (serials, rack) = (serials.clone(), rack.clone());
        thread::spawn(move || counter(sock, serials, rack));
    }
}
