//! Train board: departures, with a note for the passenger that is kept up to date while they look.
use axum::{extract::State, routing::get, Json, Router};
use parking_lot::Mutex;
use serde::Serialize;
use std::fmt::Write;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Serialize)]
struct Departure {
    train: u32,
    town: &'static str,
    platform: u32,
    late_min: u32,
}

type Board = Arc<Vec<Departure>>;

#[derive(Clone)]
struct Station {
    board: watch::Receiver<Board>,
    visits: Arc<AtomicUsize>,
    broken: bool,
}

#[derive(Serialize)]
struct Answer {
    note: String,
    departures: Vec<Departure>,
}

fn timetable(minute: u32) -> Board {
    const TOWNS: [&str; 7] = ["Aarau", "Bern", "Chur", "Davos", "Erlen", "Flums", "Gossau"];
    let row = |n: u32| Departure {
        train: 100 + n,
        town: TOWNS[(n % 7) as usize],
        platform: 1 + n % 9,
        late_min: (n * 13 + minute) % 11,
    };
    Arc::new((0..24).map(row).collect())
}

async fn keep_time(board: watch::Sender<Board>) {
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let mut minute = 0;
    loop {
        tick.tick().await;
        minute += 1;
        board.send_replace(timetable(minute));
    }
}

fn write_note(note: &Mutex<String>, board: &Board, train: usize) {
    let mut note = note.lock();
    note.clear();
    let d = &board[train % board.len()];
    let _ =
        write!(note, "train {} to {} leaves from platform {}, {} min late", d.train, d.town, d.platform, d.late_min);
    for other in board.iter().filter(|o| o.train != d.train) {
        let _ = write!(note, "; or {} to {} from {} (+{})", other.train, other.town, other.platform, other.late_min);
    }
}

fn blank_note() -> Arc<Mutex<String>> {
    Arc::new(Mutex::new(String::with_capacity(2048)))
}

async fn follow(mut board: watch::Receiver<Board>, note: Arc<Mutex<String>>, train: usize) {
    while board.changed().await.is_ok() {
        // guilty
        let now = board.borrow_and_update().clone();
        write_note(&note, &now, train);
    }
}

/// A note that follows its train on the board.
fn live_note(station: &Station, train: usize) -> Arc<Mutex<String>> {
    let note = blank_note();
    write_note(&note, &station.board.borrow(), train);
    tokio::spawn(follow(station.board.clone(), note.clone(), train)); // guilty
    note
}

/// The same, until the passenger leaves.
fn live_note_until(station: &Station, train: usize, left: CancellationToken) -> Arc<Mutex<String>> {
    let note = blank_note();
    write_note(&note, &station.board.borrow(), train);
    let following = follow(station.board.clone(), note.clone(), train);
    tokio::spawn(async move {
        left.run_until_cancelled(following).await;
    });
    note
}

async fn next_departures(station: &Station) -> Vec<Departure> {
    tokio::task::yield_now().await;
    let board = station.board.borrow().clone();
    let mut rows: Vec<Departure> = board.iter().filter(|d| d.late_min < 8).cloned().collect();
    rows.sort_by_key(|d| (d.late_min, d.train));
    rows.truncate(10);
    rows
}

async fn show(State(station): State<Station>) -> Json<Answer> {
    let train = station.visits.fetch_add(1, Ordering::Relaxed);
    let left = CancellationToken::new();
    let _leaving = left.clone().drop_guard();
    let note = if station.broken { live_note(&station, train) } else { live_note_until(&station, train, left) };
    let departures = next_departures(&station).await;
    let note = note.lock().clone();
    Json(Answer { note, departures })
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let (tx, rx) = watch::channel(timetable(0));
    tokio::spawn(keep_time(tx));
    let station = Station { board: rx, visits: Arc::new(AtomicUsize::new(0)), broken };
    let app = Router::new().route("/", get(show)).with_state(station);
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, app).await
}
