//! Books postings: each request is one posting, written to a sharded journal whose replica
//! has to acknowledge it before the client hears "booked".
use crossbeam_channel::{bounded, unbounded, Receiver, Sender};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const SHARDS: usize = 8;
const BATCH_MAX: usize = 64;
const LINGER: Duration = Duration::from_millis(45);

struct Posting {
    account: u32,
    cents: i64,
    booked: Sender<io::Result<u64>>,
}

type Collect = fn(&Receiver<Posting>, &mut Vec<Posting>) -> bool;

/// Fills `batch` with the next postings of a shard; false once the journal is closed.
fn collect_batch(queue: &Receiver<Posting>, batch: &mut Vec<Posting>) -> bool {
    let Ok(first) = queue.recv() else { return false };
    batch.push(first);
    let until = Instant::now() + LINGER;
    while batch.len() < BATCH_MAX {
        match queue.recv_deadline(until) {
            // guilty
            Ok(posting) => batch.push(posting),
            Err(_) => break,
        }
    }
    true
}

/// Same contract: what has arrived while the last batch was on its way makes up the next one.
fn collect_arrived(queue: &Receiver<Posting>, batch: &mut Vec<Posting>) -> bool {
    let Ok(first) = queue.recv() else { return false };
    batch.push(first);
    batch.extend(queue.try_iter().take(BATCH_MAX - 1));
    true
}

/// One shard's writer: owns the connection to the replica and the sequence of the shard.
struct Writer {
    replica: TcpStream,
    sequence: u64,
    frame: Vec<u8>,
}

impl Writer {
    fn connect(replica: SocketAddr) -> io::Result<Writer> {
        let replica = TcpStream::connect(replica)?;
        replica.set_nodelay(true)?;
        Ok(Writer { replica, sequence: 0, frame: Vec::with_capacity(4 + 12 * BATCH_MAX) })
    }

    fn replicate(&mut self, batch: &[Posting]) -> io::Result<u64> {
        self.frame.clear();
        self.frame.extend_from_slice(&(batch.len() as u32).to_be_bytes());
        for posting in batch {
            self.frame.extend_from_slice(&posting.account.to_be_bytes());
            self.frame.extend_from_slice(&posting.cents.to_be_bytes());
        }
        self.replica.write_all(&self.frame)?;
        let mut ack = [0u8; 8];
        self.replica.read_exact(&mut ack)?;
        self.sequence = u64::from_be_bytes(ack);
        Ok(self.sequence)
    }

    fn run(mut self, queue: Receiver<Posting>, collect: Collect) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while collect(&queue, &mut batch) {
            let outcome = self.replicate(&batch);
            for posting in batch.drain(..) {
                let answer = match &outcome {
                    Ok(sequence) => Ok(*sequence),
                    Err(e) => Err(io::Error::from(e.kind())),
                };
                let _ = posting.booked.send(answer);
            }
        }
    }
}

/// The replica's side of one shard: applies a frame, acknowledges with the new position.
fn apply_frames(mut link: TcpStream) -> io::Result<()> {
    let (mut position, mut balance) = (0u64, 0i64);
    let mut head = [0u8; 4];
    let mut body = Vec::new();
    loop {
        link.read_exact(&mut head)?;
        let count = u32::from_be_bytes(head) as usize;
        body.resize(count * 12, 0);
        link.read_exact(&mut body)?;
        for record in body.chunks_exact(12) {
            balance = balance.wrapping_add(i64::from_be_bytes(record[4..].try_into().unwrap()));
            position += 1;
        }
        thread::sleep(Duration::from_micros(400 + (balance & 1) as u64));
        link.write_all(&position.to_be_bytes())?;
    }
}

fn start_replica() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        for link in listener.incoming().flatten() {
            let _ = link.set_nodelay(true);
            thread::spawn(move || apply_frames(link));
        }
    });
    Ok(addr)
}

struct Journal {
    shards: Vec<Sender<Posting>>,
    issued: AtomicU64,
}

impl Journal {
    fn open(replica: SocketAddr, collect: Collect) -> io::Result<Journal> {
        let mut shards = Vec::with_capacity(SHARDS);
        for n in 0..SHARDS {
            let (tx, rx) = unbounded();
            let writer = Writer::connect(replica)?;
            thread::Builder::new().name(format!("journal-{n}")).spawn(move || writer.run(rx, collect))?;
            shards.push(tx);
        }
        Ok(Journal { shards, issued: AtomicU64::new(1) })
    }

    fn book(&self) -> io::Result<(u32, u64)> {
        let ticket = self.issued.fetch_add(1, Ordering::Relaxed);
        let account = (ticket.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u32 % 5_000;
        let (booked, outcome) = bounded(1);
        let posting = Posting { account, cents: (ticket % 900) as i64 - 300, booked };
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.shards[account as usize % SHARDS].send(posting).map_err(|_| gone())?;
        let sequence = outcome.recv().map_err(|_| gone())??;
        Ok((account, sequence))
    }
}

fn serve(stream: TcpStream, journal: &Journal) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    loop {
        let mut close = false;
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        loop {
            line.clear();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim_end().is_empty() {
                break;
            }
            close |= line.trim_end().eq_ignore_ascii_case("connection: close");
        }
        let (status, body) = match journal.book() {
            Ok((account, sequence)) => ("200 OK", format!("{{\"account\":{account},\"sequence\":{sequence}}}\n")),
            Err(e) => ("503 Service Unavailable", format!("{{\"error\":\"{e}\"}}\n")),
        };
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        out.write_all((head + &body).as_bytes())?;
        if close {
            return Ok(());
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let collect: Collect = if broken { collect_batch } else { collect_arrived };
    let journal = Arc::new(Journal::open(start_replica().expect("replica"), collect).expect("journal"));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        let journal = Arc::clone(&journal);
        thread::spawn(move || serve(stream, &journal));
    }
}
