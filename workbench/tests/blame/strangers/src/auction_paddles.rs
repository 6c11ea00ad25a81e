//! Auction floor: every visit bids on a lot; paddles in the room follow the lots they care about.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, Notify};

const LOTS: usize = 2000;
const PADDLES: usize = 30_000;
const FOLLOWS: usize = 24;

struct Lot {
    high: AtomicU64,
    leader: AtomicU64,
    followers: Mutex<Vec<Arc<Notify>>>,
}

struct Floor {
    lots: Vec<Lot>,
    changed: Notify,
    displays: AtomicU64,
    one_bell: bool,
}

struct Bid {
    lot: usize,
    paddle: u64,
    accepted: oneshot::Sender<u64>,
}

impl Floor {
    fn new(one_bell: bool) -> Floor {
        let lot = |n: usize| Lot {
            high: AtomicU64::new(100 + n as u64 % 50),
            leader: AtomicU64::new(0),
            followers: Mutex::default(),
        };
        Floor { lots: (0..LOTS).map(lot).collect(), changed: Notify::new(), displays: AtomicU64::new(0), one_bell }
    }

    fn raise(&self, lot: usize, paddle: u64) -> u64 {
        let lot = &self.lots[lot];
        lot.leader.store(paddle, Ordering::Relaxed);
        lot.high.fetch_add(5, Ordering::Relaxed) + 5
    }

    fn ring(&self) {
        self.changed.notify_waiters(); // guilty
    }

    fn ring_followers(&self, lot: usize) {
        for f in self.lots[lot].followers.lock().unwrap().iter() {
            f.notify_one();
        }
    }

    fn total(&self, follows: &[usize]) -> u64 {
        follows
            .iter()
            .map(|&n| {
                let lot = &self.lots[n];
                lot.high.load(Ordering::Relaxed) * 100 + lot.leader.load(Ordering::Relaxed) % 7
            })
            .sum()
    }

    /// Redraws a paddle's little display when what it follows is different from what it shows.
    fn redraw(&self, follows: &[usize], shown: &mut u64, line: &mut String) {
        let now = self.total(follows);
        if now != *shown {
            *shown = now;
            line.clear();
            line.push_str(&format!("{} lots, {}", follows.len(), now / 100));
            self.displays.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn follows(paddle: usize) -> Vec<usize> {
    (0..FOLLOWS).map(|k| (paddle * 7 + k * 83) % LOTS).collect()
}

async fn follow_floor(floor: Arc<Floor>, lots: Vec<usize>) {
    let (mut shown, mut line) = (0, String::new());
    loop {
        floor.redraw(&lots, &mut shown, &mut line);
        floor.changed.notified().await; // guilty
    }
}

async fn follow_lots(floor: Arc<Floor>, lots: Vec<usize>) {
    let bell = Arc::new(Notify::new());
    for &n in &lots {
        floor.lots[n].followers.lock().unwrap().push(bell.clone());
    }
    let (mut shown, mut line) = (0, String::new());
    loop {
        floor.redraw(&lots, &mut shown, &mut line);
        bell.notified().await;
    }
}

async fn auctioneer(floor: Arc<Floor>, mut bids: mpsc::Receiver<Bid>) {
    while let Some(bid) = bids.recv().await {
        let high = floor.raise(bid.lot, bid.paddle);
        if floor.one_bell {
            floor.ring();
        } else {
            floor.ring_followers(bid.lot);
        }
        let _ = bid.accepted.send(high);
    }
}

async fn place(bids: &mpsc::Sender<Bid>, visit: u64) -> Option<String> {
    let lot = (visit * 911 % LOTS as u64) as usize;
    let (accepted, answer) = oneshot::channel();
    bids.send(Bid { lot, paddle: visit % PADDLES as u64, accepted }).await.ok()?;
    Some(format!("lot {lot}: you lead with {}\n", answer.await.ok()?))
}

async fn visitor(sock: TcpStream, bids: mpsc::Sender<Bid>, visits: Arc<AtomicU64>) -> Option<()> {
    sock.set_nodelay(true).ok()?;
    let (r, mut w) = sock.into_split();
    let mut lines = BufReader::new(r).lines();
    loop {
        let request = lines.next_line().await.ok()??;
        while !lines.next_line().await.ok()??.is_empty() {}
        let (status, body) = match request.as_str() {
            "GET / HTTP/1.1" => (200, place(&bids, visits.fetch_add(1, Ordering::Relaxed)).await?),
            _ => (404, "no such room\n".into()),
        };
        let reply = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        w.write_all(reply.as_bytes()).await.ok()?;
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async move {
        let floor = Arc::new(Floor::new(broken));
        for paddle in 0..PADDLES {
            if broken {
                tokio::spawn(follow_floor(floor.clone(), follows(paddle)));
            } else {
                tokio::spawn(follow_lots(floor.clone(), follows(paddle)));
            }
        }
        let (bids, inbox) = mpsc::channel(64);
        tokio::spawn(auctioneer(floor, inbox));
        let visits = Arc::new(AtomicU64::new(0));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        loop {
            if let Ok((sock, _)) = listener.accept().await {
                tokio::spawn(visitor(sock, bids.clone(), visits.clone()));
            }
        }
    });
}
