//! A ledger: every request books one transfer, which is also shipped to a standby in another region.
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const ACCOUNTS: usize = 512;
const REGION_ROUND_TRIP: Duration = Duration::from_millis(12);

struct Entry {
    seq: u64,
    from: usize,
    to: usize,
    cents: i64,
}

struct Ledger {
    seq: AtomicU64,
    balances: Mutex<Vec<i64>>,
    outbox: Mutex<VecDeque<Entry>>,
    nudge: SyncSender<()>,
}

impl Ledger {
    fn book(&self) -> String {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let mix = seq.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let entry = Entry {
            seq,
            from: (mix >> 20) as usize % ACCOUNTS,
            to: (mix >> 40) as usize % ACCOUNTS,
            cents: 100 + (mix >> 52) as i64,
        };
        let receipt = {
            let mut balances = self.balances.lock().unwrap();
            balances[entry.from] -= entry.cents;
            balances[entry.to] += entry.cents;
            format!(
                "transfer {} of {}.{:02} from {} (now {}) to {} (now {})\n",
                entry.seq,
                entry.cents / 100,
                entry.cents % 100,
                entry.from,
                balances[entry.from],
                entry.to,
                balances[entry.to]
            )
        };
        self.enqueue(entry);
        receipt
    }

    fn enqueue(&self, entry: Entry) {
        self.outbox.lock().unwrap().push_back(entry);
        let _ = self.nudge.try_send(());
    }

    fn ship_pending(&self, standby: &mut Standby) -> io::Result<()> {
        while let Some(batch) = next_batch(&mut self.outbox.lock().unwrap()) {
            // guilty
            standby.replicate(&batch)?; // guilty
        }
        Ok(())
    }

    fn ship_batches(&self, standby: &mut Standby) -> io::Result<()> {
        loop {
            let batch = next_batch(&mut self.outbox.lock().unwrap());
            match batch {
                Some(entries) => standby.replicate(&entries)?,
                None => return Ok(()),
            }
        }
    }
}

fn next_batch(outbox: &mut VecDeque<Entry>) -> Option<Vec<Entry>> {
    if outbox.is_empty() {
        return None;
    }
    let n = outbox.len().min(64);
    Some(outbox.drain(..n).collect())
}

struct Standby {
    link: BufReader<TcpStream>,
}

impl Standby {
    fn replicate(&mut self, batch: &[Entry]) -> io::Result<()> {
        let mut frame = String::with_capacity(batch.len() * 32);
        for e in batch {
            frame.push_str(&format!("{} {} {} {};", e.seq, e.from, e.to, e.cents));
        }
        frame.push('\n');
        self.link.get_mut().write_all(frame.as_bytes())?;
        let mut ack = String::new();
        self.link.read_line(&mut ack)?;
        Ok(())
    }
}

/// The standby's end: the far region, reduced to its distance.
fn far_region(listener: TcpListener) -> io::Result<()> {
    let (peer, _) = listener.accept()?;
    peer.set_nodelay(true)?;
    let mut lines = BufReader::new(peer.try_clone()?).lines();
    let mut peer = peer;
    while let Some(frame) = lines.next() {
        let booked = frame?.matches(';').count();
        thread::sleep(REGION_ROUND_TRIP);
        peer.write_all(format!("ok {booked}\n").as_bytes())?;
    }
    Ok(())
}

fn ship(ledger: Arc<Ledger>, nudges: Receiver<()>, port: u16, broken: bool) {
    let link = TcpStream::connect(("127.0.0.1", port)).expect("standby");
    link.set_nodelay(true).unwrap();
    let mut standby = Standby { link: BufReader::new(link) };
    for () in nudges {
        let shipped = if broken { ledger.ship_pending(&mut standby) } else { ledger.ship_batches(&mut standby) };
        shipped.expect("standby went away");
    }
}

fn client(stream: TcpStream, ledger: &Ledger) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            let body = ledger.book();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
            stream.write_all(answer.as_bytes())?;
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let far = TcpListener::bind("127.0.0.1:0").expect("standby port");
    let far_port = far.local_addr().unwrap().port();
    thread::spawn(move || far_region(far));
    let (nudge, nudges) = mpsc::sync_channel(1);
    let ledger = Arc::new(Ledger {
        seq: AtomicU64::new(1),
        balances: Mutex::new(vec![1_000_000; ACCOUNTS]),
        outbox: Mutex::new(VecDeque::new()),
        nudge,
    });
    let shipping = ledger.clone();
    thread::Builder::new().name("shipper".into()).spawn(move || ship(shipping, nudges, far_port, broken)).unwrap();
    for stream in TcpListener::bind(("127.0.0.1", port)).expect("bind").incoming().flatten() {
        let ledger = ledger.clone();
        thread::spawn(move || client(stream, &ledger));
    }
}
