//! Seat holds: a visit puts seats on hold, keeps the hold fresh while the card is charged, lets go.
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval_at, MissedTickBehavior};

const TTL: Duration = Duration::from_millis(200);
const REFRESH: Duration = Duration::from_millis(40);

#[derive(Clone)]
struct Hold {
    seats: Vec<String>,
    until: Instant,
}

struct Charge {
    cents: u64,
    receipt: oneshot::Sender<u64>,
}

struct House {
    holds: Mutex<HashMap<u64, Hold>>,
    next: AtomicU64,
    till: mpsc::Sender<Charge>,
    lenient: bool,
}

fn seats_for(id: u64) -> Vec<String> {
    (0..12).map(|k| format!("block {} row {:02} seat {:03}", id % 9, id / 9 % 40, (id * 12 + k) % 400)).collect()
}

impl House {
    fn take(&self) -> (u64, Hold) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let hold = Hold { seats: seats_for(id), until: Instant::now() + TTL };
        self.holds.lock().unwrap().insert(id, hold.clone());
        (id, hold)
    }

    fn release(&self, id: u64) {
        self.holds.lock().unwrap().remove(&id);
    }

    /// Moves the end of a hold on; false when there is nothing left to keep.
    fn extend(&self, id: u64) -> bool {
        match self.holds.lock().unwrap().get_mut(&id) {
            Some(h) => {
                h.until = Instant::now() + TTL;
                true
            }
            None => false,
        }
    }

    /// Like `extend`, but a hold that lapsed during a slow payment is taken again.
    fn extend_or_retake(&self, id: u64, hold: &Hold) -> bool {
        let mut holds = self.holds.lock().unwrap();
        let h = holds.entry(id).or_insert_with(|| hold.clone()); // guilty
        h.until = Instant::now() + TTL;
        h.until > Instant::now()
    }

    fn drop_lapsed(&self) -> usize {
        let now = Instant::now();
        let mut holds = self.holds.lock().unwrap();
        let before = holds.len();
        holds.retain(|_, h| h.until > now);
        before - holds.len()
    }
}

async fn keep_fresh(house: Arc<House>, id: u64) {
    let mut tick = interval_at(tokio::time::Instant::now() + REFRESH, REFRESH);
    loop {
        tick.tick().await;
        if !house.extend(id) {
            break;
        }
    }
}

async fn keep_or_retake(house: Arc<House>, id: u64, hold: Hold) {
    let mut tick = interval_at(tokio::time::Instant::now() + REFRESH, REFRESH);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while house.extend_or_retake(id, &hold) {
        // guilty
        tick.tick().await;
    }
}

fn start_keeper(house: &Arc<House>, id: u64, hold: &Hold) {
    if house.lenient {
        tokio::spawn(keep_or_retake(house.clone(), id, hold.clone())); // guilty
    } else {
        tokio::spawn(keep_fresh(house.clone(), id));
    }
}

async fn janitor(house: Arc<House>) {
    loop {
        tokio::time::sleep(TTL * 5).await;
        house.drop_lapsed();
    }
}

async fn till(mut charges: mpsc::Receiver<Charge>) {
    let mut number = 7000;
    while let Some(c) = charges.recv().await {
        number += 1 + c.cents % 3;
        let _ = c.receipt.send(number);
    }
}

async fn buy(house: &Arc<House>) -> String {
    let (id, hold) = house.take();
    start_keeper(house, id, &hold);
    let cents = hold.seats.len() as u64 * 2450;
    let (receipt, answer) = oneshot::channel();
    let _ = house.till.send(Charge { cents, receipt }).await;
    let number = answer.await.unwrap_or(0);
    house.release(id);
    format!("receipt {number}: {} for {}.{:02}\n", hold.seats.join(", "), cents / 100, cents % 100)
}

async fn booth(mut sock: TcpStream, house: Arc<House>) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut got = Vec::with_capacity(1024);
    loop {
        let Some(at) = got.windows(4).position(|w| w == b"\r\n\r\n") else {
            if sock.read_buf(&mut got).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let root = got.starts_with(b"GET / ");
        got.drain(..at + 4);
        let (line, body) = if root { ("200 OK", buy(&house).await) } else { ("404 Not Found", "?\n".into()) };
        let text =
            format!("HTTP/1.1 {line}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        sock.write_all(text.as_bytes()).await?;
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let (tx, charges) = mpsc::channel(32);
        tokio::spawn(till(charges));
        let house = Arc::new(House { holds: Mutex::default(), next: AtomicU64::new(1), till: tx, lenient: broken });
        tokio::spawn(janitor(house.clone()));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        loop {
            let Ok((sock, _)) = listener.accept().await else { continue };
            tokio::spawn(booth(sock, house.clone()));
        }
    });
}
