//! Auction room: every GET joins the room, bids on a lot, and answers when its own bid is called out.
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const REPLAY: usize = 160;

#[derive(Clone)]
struct Bid {
    seq: u64,
    lot: u32,
    cents: u64,
    paddle: Arc<str>,
}

struct Watcher {
    paddle: Arc<str>,
    replay: Vec<Bid>,
    line: mpsc::UnboundedSender<Bid>,
}

#[derive(Default)]
struct Floor {
    watchers: Vec<Watcher>,
    recent: VecDeque<Bid>,
    leading: Vec<u64>,
}

struct Room {
    floor: Mutex<Floor>,
    next_seq: AtomicU64,
    broken: bool,
}

impl Room {
    fn open(lots: usize, broken: bool) -> Room {
        let floor = Floor { leading: vec![1_000; lots], ..Floor::default() };
        Room { floor: Mutex::new(floor), next_seq: AtomicU64::new(1), broken }
    }

    fn join(&self, paddle: &Arc<str>) -> mpsc::UnboundedReceiver<Bid> {
        let (line, calls) = mpsc::unbounded_channel();
        let mut floor = self.floor.lock().unwrap();
        let replay = floor.recent.iter().cloned().collect();
        floor.watchers.push(Watcher { paddle: paddle.clone(), replay, line }); // guilty
        calls
    }

    fn place(&self, lot: u32, paddle: &Arc<str>) -> u64 {
        let seq = self.next_seq.fetch_add(1, Ordering::Relaxed);
        let mut floor = self.floor.lock().unwrap();
        let price = &mut floor.leading[lot as usize];
        *price += 25;
        let bid = Bid { seq, lot, cents: *price, paddle: paddle.clone() };
        if floor.recent.len() == REPLAY {
            floor.recent.pop_front();
        }
        floor.recent.push_back(bid.clone());
        if self.broken {
            announce(&mut floor, &bid);
        } else {
            announce_present(&mut floor, &bid);
        }
        seq
    }
}

fn announce(floor: &mut Floor, bid: &Bid) {
    for w in &floor.watchers {
        // Someone who has walked out does not hear it.
        let _ = w.line.send(bid.clone()); // guilty
    }
}

fn announce_present(floor: &mut Floor, bid: &Bid) {
    floor.watchers.retain(|w| w.line.send(bid.clone()).is_ok());
}

fn last_seen(room: &Room, paddle: &Arc<str>) -> usize {
    let floor = room.floor.lock().unwrap();
    let mine = floor.watchers.iter().rev().find(|w| Arc::ptr_eq(&w.paddle, paddle));
    mine.map_or(0, |w| w.replay.len())
}

async fn bid_and_hear(room: &Room, visitor: u64) -> String {
    let paddle: Arc<str> = format!("paddle-{visitor}").into();
    let mut calls = room.join(&paddle);
    let seq = room.place((visitor % 24) as u32, &paddle);
    let seen = last_seen(room, &paddle);
    while let Some(bid) = calls.recv().await {
        if bid.seq == seq {
            let euros = bid.cents as f64 / 100.0;
            return format!("lot {} is at {:.2} for {} ({} earlier bids shown)\n", bid.lot, euros, bid.paddle, seen);
        }
    }
    "room closed\n".to_string()
}

async fn read_head(stream: &mut BufReader<TcpStream>, line: &mut String) -> std::io::Result<bool> {
    let mut lines = 0;
    loop {
        line.clear();
        if stream.read_line(line).await? == 0 {
            return Ok(false);
        }
        if line == "\r\n" || line == "\n" {
            return Ok(lines > 0);
        }
        lines += 1;
    }
}

async fn serve(stream: TcpStream, room: Arc<Room>, visitors: Arc<AtomicU64>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while read_head(&mut stream, &mut line).await? {
        let body = bid_and_hear(&room, visitors.fetch_add(1, Ordering::Relaxed)).await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let room = Arc::new(Room::open(24, broken));
    let visitors = Arc::new(AtomicU64::new(0));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, room.clone(), visitors.clone()));
        }
    }
}
