//! Toll gate: every passage is priced and leaves an audit record that a shipper carries off through a pipe.
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

enum Audit {
    Direct(PipeWriter),
    Queued(SyncSender<String>),
}

struct Gate {
    audit: Audit,
    passages: AtomicU64,
    unshipped: AtomicU64,
}

struct Passage {
    serial: u64,
    plate: String,
    axles: u64,
    cents: u64,
}

fn price(serial: u64) -> Passage {
    let axles = 2 + serial % 4;
    let cents = 180 + (axles - 2) * 95 + if serial % 9 == 0 { 60 } else { 0 };
    Passage { serial, plate: format!("KX{:05}", serial * 7717 % 100_000), axles, cents }
}

/// Record with the camera's fingerprint of the vehicle, as the auditors want it.
fn audit_record(p: &Passage) -> String {
    let mut line = format!(
        "{{\"serial\":{},\"plate\":\"{}\",\"axles\":{},\"cents\":{},\"cam\":\"",
        p.serial, p.plate, p.axles, p.cents
    );
    line.reserve(3100);
    let mut x = p.serial.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for _ in 0..190 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        line.push_str(&format!("{x:016x}"));
    }
    line.push_str("\"}\n");
    line
}

fn emit(mut pipe: &PipeWriter, record: &str) -> std::io::Result<()> {
    pipe.write_all(record.as_bytes()) // guilty
}

fn enqueue(gate: &Gate, queue: &SyncSender<String>, record: String) {
    if queue.try_send(record).is_err() {
        gate.unshipped.fetch_add(1, Ordering::Relaxed);
    }
}

fn drain_queue(queue: Receiver<String>, mut pipe: PipeWriter) {
    for record in queue {
        if pipe.write_all(record.as_bytes()).is_err() {
            return;
        }
    }
}

/// The shipper takes a block at a time and waits for the collector's acknowledgement.
fn shipper(mut pipe: PipeReader) {
    let mut block = vec![0u8; 4096];
    let mut sum = 0u64;
    while let Ok(n) = pipe.read(&mut block) {
        if n == 0 {
            break;
        }
        sum = block[..n].iter().fold(sum, |s, b| s.rotate_left(5) ^ *b as u64);
        std::thread::sleep(Duration::from_millis(8));
    }
    eprintln!("shipper done {sum:x}");
}

fn pass(gate: &Gate) -> String {
    let p = price(gate.passages.fetch_add(1, Ordering::Relaxed));
    let record = audit_record(&p);
    match &gate.audit {
        Audit::Direct(pipe) => {
            if emit(pipe, &record).is_err() {
                gate.unshipped.fetch_add(1, Ordering::Relaxed);
            }
        }
        Audit::Queued(queue) => enqueue(gate, queue, record),
    }
    format!("{} {} axles, {}.{:02}\n", p.plate, p.axles, p.cents / 100, p.cents % 100)
}

async fn lane(mut sock: TcpStream, gate: Arc<Gate>) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut seen: Vec<u8> = Vec::with_capacity(1024);
    loop {
        while let Some(end) = seen.windows(4).position(|w| w == b"\r\n\r\n") {
            seen.drain(..end + 4);
            let body = pass(&gate);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", body.len());
            sock.write_all((head + &body).as_bytes()).await?;
        }
        if sock.read_buf(&mut seen).await? == 0 {
            return Ok(());
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let (reader, writer) = std::io::pipe().unwrap();
    std::thread::Builder::new().name("shipper".into()).spawn(move || shipper(reader)).unwrap();
    let audit = if broken {
        Audit::Direct(writer)
    } else {
        let (tx, rx) = sync_channel(128);
        std::thread::Builder::new().name("audit".into()).spawn(move || drain_queue(rx, writer)).unwrap();
        Audit::Queued(tx)
    };
    let gate = Arc::new(Gate { audit, passages: AtomicU64::new(1), unshipped: AtomicU64::new(0) });
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    rt.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        while let Ok((sock, _)) = listener.accept().await {
            tokio::spawn(lane(sock, gate.clone()));
        }
    });
}
