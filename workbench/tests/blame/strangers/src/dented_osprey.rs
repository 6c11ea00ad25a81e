//! The front end of a stream service: routes records by a shard map which it puts together from its peers' views.

use crate::dov;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PEERS: u64 = 160;
const SHARDS: usize = 512;
const ROUNDS: u64 = 420_000;
const PERIOD: Duration = Duration::from_millis(1_000);

/// What one peer says of the shards: each slot an owner and an epoch folded into one word.
struct View {
    peer: u64,
    slots: Vec<u64>,
}

struct ShardMap {
    slots: Vec<AtomicU64>,
    merges: AtomicU64,
}

impl ShardMap {
    fn new() -> Self {
        ShardMap { slots: (0..SHARDS as u64).map(AtomicU64::new).collect(), merges: AtomicU64::new(0) }
    }

    fn owner(&self, key: u64) -> (usize, u64) {
        let slot = (dov::spread(key) % SHARDS as u64) as usize;
        (slot, self.slots[slot].load(Ordering::Relaxed) % PEERS)
    }

    fn merge(&self, view: &View) {
        for (mine, theirs) in self.slots.iter().zip(&view.slots) {
            mine.fetch_max(*theirs, Ordering::Relaxed);
        }
        self.merges.fetch_add(1, Ordering::Relaxed);
    }
}

/// Replays a peer's membership log into its view of the shards.
fn replay(peer: u64, epoch: u64) -> View {
    let mut slots = vec![0u64; SHARDS];
    let mut word = dov::spread(peer ^ epoch << 20);
    for i in 0..ROUNDS {
        word = dov::spread(word ^ i);
        let slot = &mut slots[(word >> 40) as usize % SHARDS];
        *slot = (*slot).max(word >> 8);
    }
    View { peer, slots }
}

fn until_next_period() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let period = PERIOD.as_nanos();
    Duration::from_nanos((period - now.as_nanos() % period) as u64)
}

struct Fleet {
    map: Arc<ShardMap>,
    peers: Vec<u64>,
}

impl Fleet {
    /// Keeps up with every peer.
    fn enlist(&self) {
        for peer in self.peers.clone() {
            let map = self.map.clone();
            std::thread::Builder::new()
                .name(format!("peer-{peer}"))
                .stack_size(256 * 1024)
                .spawn(move || {
                    let mut epoch = 0;
                    loop {
                        std::thread::sleep(until_next_period());
                        epoch += 1;
                        let view = replay(peer, epoch);
                        map.merge(&view);
                    }
                })
                .expect("thread"); // guilty
        }
    }

    /// Keeps up with the peers in turn.
    fn rotate(&self) {
        let (map, peers) = (self.map.clone(), self.peers.clone());
        let step = PERIOD / peers.len() as u32;
        std::thread::Builder::new()
            .name("peers".into())
            .spawn(move || {
                for turn in 0u64.. {
                    let began = Instant::now();
                    let peer = peers[turn as usize % peers.len()];
                    let view = replay(peer, turn / peers.len() as u64 + 1);
                    map.merge(&view);
                    std::thread::sleep(step.saturating_sub(began.elapsed()));
                }
            })
            .expect("thread");
    }
}

struct Front {
    map: Arc<ShardMap>,
    serial: AtomicU64,
}

impl Front {
    fn put(&self) -> String {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let record = format!("{{\"seq\":{serial},\"payload\":\"{:032x}\"}}", dov::spread(serial));
        let mut sum = 0u64;
        for _ in 0..60 {
            for b in record.bytes() {
                sum = dov::spread(sum ^ b as u64);
            }
        }
        let (shard, owner) = self.map.owner(serial);
        format!("shard {shard} at peer {owner}, sum {sum:016x}\n")
    }

    fn talk(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buf = Vec::new();
        let mut chunk = [0u8; 2048];
        loop {
            let Some(head) = dov::head(&buf) else {
                match stream.read(&mut chunk)? {
                    0 => return Ok(()),
                    n => buf.extend_from_slice(&chunk[..n]),
                }
                continue;
            };
            buf.drain(..head.len);
            let out = match head.path.as_str() {
                "/" => dov::reply("200 OK", &self.put(), head.close),
                "/merges" => {
                    let merges = self.map.merges.load(Ordering::Relaxed);
                    dov::reply("200 OK", &format!("{merges} merges\n"), head.close)
                }
                _ => dov::reply("404 Not Found", "", head.close),
            };
            stream.write_all(&out)?;
            if head.close {
                return Ok(());
            }
        }
    }
}

/// Threads that serve one connection at a time; one more is started when none is free.
struct Crew {
    front: Arc<Front>,
    free: mpsc::Receiver<mpsc::Sender<TcpStream>>,
    back: mpsc::Sender<mpsc::Sender<TcpStream>>,
}

impl Crew {
    fn new(front: Arc<Front>) -> Self {
        let (back, free) = mpsc::channel();
        Crew { front, free, back }
    }

    fn hand(&self, stream: TcpStream) {
        let seat = self.free.try_recv().unwrap_or_else(|_| self.hire());
        let _ = seat.send(stream);
    }

    fn hire(&self) -> mpsc::Sender<TcpStream> {
        let (seat, work) = mpsc::channel::<TcpStream>();
        let (front, back, own) = (self.front.clone(), self.back.clone(), seat.clone());
        std::thread::spawn(move || {
            for stream in work {
                let _ = front.talk(stream);
                let _ = back.send(own.clone());
            }
        });
        seat
    }
}

pub fn run(broken: bool, port: u16) {
    let map = Arc::new(ShardMap::new());
    map.merge(&View { peer: 0, slots: vec![1; SHARDS] });
    let fleet = Fleet { map: map.clone(), peers: (0..PEERS).collect() };
    let first = replay(0, 0);
    eprintln!("first view from peer {}", first.peer);
    if broken {
        fleet.enlist();
    } else {
        fleet.rotate();
    }
    let crew = Crew::new(Arc::new(Front { map, serial: AtomicU64::new(0) }));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        crew.hand(stream);
    }
}
