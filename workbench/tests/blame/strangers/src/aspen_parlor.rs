//! Aspen parlor: guests take a seat, are shown on the presence board while served, and get the house's greeting.
use crate::ada;
use axum::{extract::State, http::StatusCode, routing::get, Json, Router};
use dashmap::DashMap;
use parking_lot::Mutex;
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const BEAT: Duration = Duration::from_millis(50);

#[derive(Clone)]
struct Mark {
    name: String,
    beats: u32,
    seen: Instant,
}

/// Who is in the house. Marks that are not refreshed fade.
#[derive(Default)]
struct Board {
    marks: DashMap<u64, Mark>,
}

impl Board {
    fn touch(&self, id: u64, name: &str) {
        let mut mark =
            self.marks.entry(id).or_insert_with(|| Mark { name: name.to_owned(), beats: 0, seen: Instant::now() });
        mark.beats += 1;
        mark.seen = Instant::now();
    }

    fn leave(&self, id: u64) {
        self.marks.remove(&id);
    }

    fn fade(&self, after: Duration) {
        self.marks.retain(|_, m| m.seen.elapsed() < after);
    }

    fn longest(&self) -> Option<String> {
        self.marks.iter().max_by_key(|m| m.beats).map(|m| m.name.clone())
    }
}

async fn keep_present(board: Arc<Board>, id: u64, name: String) {
    let mut every = tokio::time::interval(BEAT);
    loop {
        every.tick().await;
        board.touch(id, &name);
    }
}

struct AbortOnDropHandle<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDropHandle<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Seat {
    id: u64,
    name: String,
    board: Arc<Board>,
    keeper: Option<AbortOnDropHandle<()>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.keeper.take();
        self.board.leave(self.id);
    }
}

struct Kitchen {
    addr: SocketAddr,
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

impl Kitchen {
    async fn order(&self, dish: &str) -> std::io::Result<String> {
        let idle = self.idle.lock().pop();
        let mut conn = match idle {
            Some(c) => c,
            None => {
                let s = TcpStream::connect(self.addr).await?;
                s.set_nodelay(true)?;
                BufReader::new(s)
            }
        };
        conn.get_mut().write_all(format!("{dish}\n").as_bytes()).await?;
        let mut line = String::new();
        conn.read_line(&mut line).await?;
        self.idle.lock().push(conn);
        Ok(line)
    }
}

struct Parlor {
    alt: bool,
    guests: AtomicU64,
    board: Arc<Board>,
    kitchen: Kitchen,
    menu: Vec<String>,
}

impl Parlor {
    fn seat(&self) -> Seat {
        let id = self.guests.fetch_add(1, Ordering::Relaxed);
        let name = format!("guest-{:05}", ada::mix(id) % 100_000);
        let beat = tokio::spawn(keep_present(self.board.clone(), id, name.clone())); // guilty
        let keeper = self.alt.then(|| AbortOnDropHandle(beat));
        Seat { id, name, board: self.board.clone(), keeper }
    }

    fn choose(&self, id: u64) -> &str {
        &self.menu[(ada::mix(id ^ 0x51) % self.menu.len() as u64) as usize]
    }
}

#[derive(Serialize)]
struct Greeting {
    guest: String,
    served: String,
}

async fn welcome(State(parlor): State<Arc<Parlor>>) -> Result<Json<Greeting>, StatusCode> {
    let seat = parlor.seat();
    let dish = parlor.choose(seat.id);
    let served = parlor.kitchen.order(dish).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(Json(Greeting { guest: seat.name.clone(), served: served.trim_end().to_owned() }))
}

async fn doorman(parlor: Arc<Parlor>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        parlor.board.fade(Duration::from_secs(3));
        eprintln!("guests {} longest {:?}", parlor.guests.load(Ordering::Relaxed), parlor.board.longest());
    }
}

fn load_menu(text: &str) -> Vec<String> {
    text.lines().filter_map(|l| l.split_once(',')).map(|(dish, _)| dish.trim().to_lowercase()).collect()
}

fn kitchen_answer(dish: &str) -> String {
    format!("{dish} for {} cents", 300 + dish.len() * 45)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let alt = !broken;
    let addr = ada::line_service("kitchen", Duration::from_millis(2), kitchen_answer);
    let parlor = Arc::new(Parlor {
        alt,
        guests: AtomicU64::new(1),
        board: Arc::default(),
        kitchen: Kitchen { addr, idle: Mutex::new(Vec::new()) },
        menu: load_menu("Broth, hot\nRye bread, cold\nPerch, hot\nCloudberries, cold\n"),
    });
    tokio::spawn(doorman(parlor.clone()));
    let app = Router::new().route("/", get(welcome)).with_state(parlor);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
