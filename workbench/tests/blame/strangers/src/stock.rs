//! Shop page "in stock?": availability per article, remembered for a while, else asked from the warehouse.
//! A fixed crew of workers takes connections from a queue.
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const WORKERS: usize = 40;
const ARTICLES: u32 = 48;
const KEEP: Duration = Duration::from_millis(900);

#[derive(Clone, Copy)]
struct Level {
    pieces: u32,
    seen: Instant,
}

struct Shop {
    warehouse: SocketAddr,
    levels: Mutex<HashMap<u32, Level>>,
    visits: AtomicU32,
    broken: bool,
}

#[derive(Default)]
struct Door {
    waiting: Mutex<VecDeque<TcpStream>>,
    arrived: Condvar,
}

impl Door {
    fn enter(&self, stream: TcpStream) {
        self.waiting.lock().unwrap().push_back(stream);
        self.arrived.notify_one();
    }
    fn next(&self) -> TcpStream {
        let mut waiting = self.waiting.lock().unwrap();
        loop {
            if let Some(stream) = waiting.pop_front() {
                return stream;
            }
            waiting = self.arrived.wait(waiting).unwrap();
        }
    }
}

impl Shop {
    fn level_of(&self, article: u32) -> Level {
        match self.levels.lock().unwrap().entry(article) {
            // guilty
            Entry::Occupied(mut known) => {
                if known.get().seen.elapsed() > KEEP {
                    known.insert(ask_warehouse(self.warehouse, article)); // guilty
                }
                *known.get()
            }
            Entry::Vacant(free) => *free.insert(ask_warehouse(self.warehouse, article)), // guilty
        }
    }

    fn level_remembered(&self, article: u32) -> Level {
        let known = self.levels.lock().unwrap().get(&article).copied();
        if let Some(level) = known.filter(|l| l.seen.elapsed() <= KEEP) {
            return level;
        }
        let level = ask_warehouse(self.warehouse, article);
        self.levels.lock().unwrap().insert(article, level);
        level
    }

    fn page(&self) -> String {
        let visit = self.visits.fetch_add(1, Ordering::Relaxed);
        let article = visit.wrapping_mul(2654435761) >> 7;
        let article = article % ARTICLES;
        let level = if self.broken { self.level_of(article) } else { self.level_remembered(article) };
        let hint = match level.pieces {
            0 => "sold out",
            1..=5 => "only a few left",
            _ => "in stock",
        };
        format!("<h1>Article {}</h1><p>{hint} ({})</p>\n", 7000 + article, level.pieces)
    }
}

fn ask_warehouse(addr: SocketAddr, article: u32) -> Level {
    let mut line = TcpStream::connect(addr).expect("warehouse");
    line.write_all(format!("level {article}\n").as_bytes()).expect("warehouse");
    let mut answer = String::new();
    line.read_to_string(&mut answer).expect("warehouse");
    Level { pieces: answer.trim().parse().unwrap_or(0), seen: Instant::now() }
}

/// Stand-in for the warehouse's own system, far away: each answer is 11 ms under way.
fn warehouse(listener: TcpListener) {
    for line in listener.incoming().flatten() {
        thread::spawn(move || {
            let mut question = String::new();
            let _ = BufReader::new(&line).read_line(&mut question);
            thread::sleep(Duration::from_millis(11));
            let article: u32 = question.trim().rsplit(' ').next().and_then(|a| a.parse().ok()).unwrap_or(0);
            let _ = (&line).write_all(format!("{}", article * 31 % 23).as_bytes());
        });
    }
}

fn attend(shop: &Shop, stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            let page = shop.page();
            let mut out: &TcpStream = stream;
            out.write_all(
                format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}", page.len())
                    .as_bytes(),
            )?;
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let far = TcpListener::bind("127.0.0.1:0").expect("bind warehouse");
    let addr = far.local_addr().unwrap();
    thread::spawn(move || warehouse(far));
    let shop = Arc::new(Shop { warehouse: addr, levels: Mutex::default(), visits: AtomicU32::new(0), broken });
    let door = Arc::new(Door::default());
    for _ in 0..WORKERS {
        let (shop, door) = (shop.clone(), door.clone());
        thread::spawn(move || loop {
            let _ = attend(&shop, &door.next());
        });
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        door.enter(stream);
    }
}
