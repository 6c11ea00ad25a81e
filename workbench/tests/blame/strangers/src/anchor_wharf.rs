//! Wharf: books berths. The berth book is a database behind a small pool; dues come from the harbour office.
use crate::ada;
use axum::{extract::State, http::StatusCode, routing::get, Router};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

type Res<T> = std::io::Result<T>;

struct Line {
    io: BufReader<TcpStream>,
}

impl Line {
    async fn dial(addr: SocketAddr) -> Res<Line> {
        let s = TcpStream::connect(addr).await?;
        s.set_nodelay(true)?;
        Ok(Line { io: BufReader::new(s) })
    }

    async fn ask(&mut self, text: &str) -> Res<String> {
        let mut out = String::with_capacity(text.len() + 1);
        out.push_str(text);
        out.push('\n');
        self.io.get_mut().write_all(out.as_bytes()).await?;
        let mut line = String::new();
        self.io.read_line(&mut line).await?;
        Ok(line)
    }
}

/// The berth book: at most `size` sessions.
struct Book {
    addr: SocketAddr,
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<Line>>,
}

struct Session {
    line: Option<Line>,
    book: Arc<Book>,
    _slot: OwnedSemaphorePermit,
}

impl Book {
    fn new(addr: SocketAddr, size: usize) -> Arc<Book> {
        Arc::new(Book { addr, slots: Arc::new(Semaphore::new(size)), idle: Mutex::new(Vec::new()) })
    }

    async fn session(self: &Arc<Self>) -> Res<Session> {
        let slot = self.slots.clone().acquire_owned().await.map_err(std::io::Error::other)?;
        let idle = self.idle.lock().pop();
        let line = match idle {
            Some(l) => l,
            None => Line::dial(self.addr).await?,
        };
        Ok(Session { line: Some(line), book: self.clone(), _slot: slot })
    }
}

impl Session {
    async fn run(&mut self, stmt: &str) -> Res<String> {
        self.line.as_mut().unwrap().ask(stmt).await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(l) = self.line.take() {
            self.book.idle.lock().push(l);
        }
    }
}

struct Office {
    addr: SocketAddr,
    idle: Mutex<Vec<Line>>,
}

impl Office {
    async fn dues(&self, ship: &Ship, berth: u32) -> Res<u64> {
        let idle = self.idle.lock().pop();
        let mut line = match idle {
            Some(l) => l,
            None => Line::dial(self.addr).await?,
        };
        let answer = line.ask(&format!("DUES {} {} {}", ship.tonnage, ship.flag, berth)).await?;
        self.idle.lock().push(line);
        Ok(answer.trim().parse().unwrap_or(0))
    }
}

struct Ship {
    name: String,
    tonnage: u64,
    flag: &'static str,
}

impl Ship {
    fn arriving(n: u64) -> Ship {
        let h = ada::mix(n);
        Ship {
            name: format!("{}-{}", ["Petrel", "Gannet", "Fulmar", "Tern"][(h % 4) as usize], n),
            tonnage: 200 + h % 40_000,
            flag: ["NO", "PT", "EE", "IS"][(h / 7 % 4) as usize],
        }
    }
}

struct Wharf {
    alt: bool,
    arrivals: AtomicU64,
    book: Arc<Book>,
    office: Office,
    log: Mutex<VecDeque<String>>,
}

impl Wharf {
    fn note(&self, entry: String) {
        let mut log = self.log.lock();
        if log.len() >= 256 {
            log.pop_front();
        }
        log.push_back(entry);
    }

    async fn moor(&self, ship: &Ship) -> Res<String> {
        let mut session = self.book.session().await?;
        let found = session.run(&format!("FREE {}", ship.tonnage)).await?;
        let berth: u32 = found.trim().parse().unwrap_or(0);
        let kept = if self.alt {
            drop(session);
            None
        } else {
            Some(session)
        };
        let dues = self.office.dues(ship, berth).await?; // guilty
        let mut session = match kept {
            Some(s) => s,
            None => self.book.session().await?,
        };
        let receipt = session.run(&format!("TAKE {} {} {}", berth, ship.name, dues)).await?;
        Ok(receipt)
    }
}

async fn arrive(State(wharf): State<Arc<Wharf>>) -> Result<String, StatusCode> {
    let ship = Ship::arriving(wharf.arrivals.fetch_add(1, Ordering::Relaxed));
    let receipt = wharf.moor(&ship).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    wharf.note(format!("{} {}", ship.name, receipt.trim()));
    Ok(receipt)
}

async fn harbour_log(wharf: Arc<Wharf>) {
    let mut every = tokio::time::interval(Duration::from_secs(2));
    loop {
        every.tick().await;
        let last = wharf.log.lock().back().cloned();
        eprintln!("arrivals {} last {:?}", wharf.arrivals.load(Ordering::Relaxed), last);
    }
}

fn book_answer(stmt: &str) -> String {
    let mut words = stmt.split(' ');
    match words.next() {
        Some("FREE") => (words.next().and_then(|t| t.parse::<u64>().ok()).unwrap_or(0) % 40 + 1).to_string(),
        Some("TAKE") => format!("taken {}", words.collect::<Vec<_>>().join(" ")),
        _ => "?".into(),
    }
}

fn office_answer(req: &str) -> String {
    let tons: u64 = req.split(' ').nth(1).and_then(|t| t.parse().ok()).unwrap_or(0);
    (tons * 3 / 2 + 150).to_string()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let alt = !broken;
    let book_addr = ada::line_service("berth-book", Duration::from_millis(1), book_answer);
    let office_addr = ada::line_service("harbour-office", Duration::from_millis(15), office_answer);
    let wharf = Arc::new(Wharf {
        alt,
        arrivals: AtomicU64::new(1),
        book: Book::new(book_addr, 3),
        office: Office { addr: office_addr, idle: Mutex::new(Vec::new()) },
        log: Mutex::new(VecDeque::new()),
    });
    tokio::spawn(harbour_log(wharf.clone()));
    let app = Router::new().route("/", get(arrive)).with_state(wharf);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
