//! Meter intake: readings go to the partition that owns the meter, which keeps the totals and answers.
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender, TryRecvError};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const PARTITIONS: usize = 6;

struct Reading {
    meter: u64,
    watt_hours: u64,
    reply: oneshot::Sender<Total>,
}

struct Total {
    watt_hours: u64,
    readings: u64,
    peak: u64,
}

#[derive(Default)]
struct Ledger {
    meters: HashMap<u64, (u64, u64, u64)>,
}

impl Ledger {
    fn book(&mut self, r: Reading) {
        let m = self.meters.entry(r.meter).or_default();
        m.0 += r.watt_hours;
        m.1 += 1;
        m.2 = m.2.max(r.watt_hours);
        let _ = r.reply.send(Total { watt_hours: m.0, readings: m.1, peak: m.2 });
    }
}

/// Low-latency consumer: picks a reading up the moment it is there.
fn hot_partition(readings: Receiver<Reading>) {
    let mut ledger = Ledger::default();
    loop {
        match readings.try_recv() {
            Ok(r) => ledger.book(r),
            Err(TryRecvError::Empty) => std::hint::spin_loop(), // guilty
            Err(TryRecvError::Disconnected) => return,
        }
    }
}

fn parked_partition(readings: Receiver<Reading>) {
    let mut ledger = Ledger::default();
    while let Ok(r) = readings.recv() {
        ledger.book(r);
    }
}

fn start_partitions(hot: bool) -> Vec<Sender<Reading>> {
    (0..PARTITIONS)
        .map(|i| {
            let (tx, rx) = channel();
            std::thread::Builder::new()
                .name(format!("partition-{i}"))
                .spawn(move || if hot { hot_partition(rx) } else { parked_partition(rx) })
                .unwrap();
            tx
        })
        .collect()
}

struct Intake {
    partitions: Vec<Sender<Reading>>,
    seq: AtomicU64,
}

fn sample(n: u64) -> (u64, u64) {
    let meter = n.wrapping_mul(2_654_435_761) % 900;
    (meter, 200 + n * 31 % 1700)
}

async fn submit(intake: &Intake) -> String {
    let (meter, watt_hours) = sample(intake.seq.fetch_add(1, Ordering::Relaxed));
    let (reply, answer) = oneshot::channel();
    let _ = intake.partitions[meter as usize % PARTITIONS].send(Reading { meter, watt_hours, reply });
    match answer.await {
        Ok(t) => format!("meter {meter}: {} Wh in {} readings, peak {}\n", t.watt_hours, t.readings, t.peak),
        Err(_) => format!("meter {meter}: not booked\n"),
    }
}

fn response(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn session(mut sock: TcpStream, intake: Arc<Intake>) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut buf: Vec<u8> = Vec::with_capacity(1024);
    while sock.read_buf(&mut buf).await? > 0 {
        while let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
            buf.drain(..end + 4);
            let body = submit(&intake).await;
            sock.write_all(&response(&body)).await?;
        }
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let intake = Arc::new(Intake { partitions: start_partitions(broken), seq: AtomicU64::new(0) });
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        while let Ok((sock, _)) = listener.accept().await {
            tokio::spawn(session(sock, intake.clone()));
        }
    });
}
