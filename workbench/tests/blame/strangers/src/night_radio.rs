//! Night radio: listeners vote for songs all the time, the page shows the chart.
use axum::{extract::State, response::Html, routing::get, Router};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const SONGS: u32 = 60_000;
const VOTES_KEPT: usize = 420_000;

#[derive(Clone)]
struct Vote {
    song: u32,
    weight: u32,
}

struct Row {
    song: u32,
    points: u32,
    label: String,
}

#[derive(Default)]
struct Chart {
    issue: u32,
    rows: Vec<Row>,
    places: HashMap<u32, usize>,
}

struct Studio {
    votes: Mutex<Vec<Vote>>,
    chart: RwLock<Arc<Chart>>,
    caller: AtomicU32,
}

impl Studio {
    fn vote(&self) -> u32 {
        let caller = self.caller.fetch_add(1, Ordering::Relaxed);
        let song = caller.wrapping_mul(2246822519) % SONGS;
        let mut votes = self.votes.lock();
        let at = caller as usize % votes.len();
        votes[at] = Vote { song, weight: 1 + caller % 3 };
        song
    }
}

fn first_votes() -> Vec<Vote> {
    (0..VOTES_KEPT as u32).map(|n| Vote { song: n.wrapping_mul(2654435761) % SONGS, weight: 1 + n % 4 }).collect()
}

fn count(votes: &[Vote]) -> HashMap<u32, u32> {
    let mut points = HashMap::new();
    for v in votes {
        *points.entry(v.song).or_insert(0) += v.weight;
    }
    points
}

fn make_chart(issue: u32, votes: &[Vote]) -> Chart {
    let mut rows: Vec<Row> = count(votes)
        .into_iter()
        .map(|(song, points)| Row { song, points, label: format!("Song no. {song:05}") })
        .collect();
    rows.sort_by(|a, b| b.points.cmp(&a.points).then_with(|| a.label.cmp(&b.label)));
    let places = rows.iter().enumerate().map(|(place, r)| (r.song, place + 1)).collect();
    Chart { issue, rows, places }
}

fn issue_chart(studio: &Studio) {
    let votes = studio.votes.lock().clone();
    let mut chart = studio.chart.write();
    let issue = chart.issue + 1;
    *chart = Arc::new(make_chart(issue, &votes)); // guilty
}

async fn issue_chart_aside(studio: Arc<Studio>) {
    let made = tokio::task::spawn_blocking(move || {
        let votes = studio.votes.lock().clone();
        let issue = studio.chart.read().issue + 1;
        let fresh = Arc::new(make_chart(issue, &votes));
        let old = std::mem::replace(&mut *studio.chart.write(), fresh);
        drop(old);
    });
    let _ = made.await;
}

async fn editor(studio: Arc<Studio>, broken: bool) {
    let mut every = tokio::time::interval(Duration::from_millis(500));
    loop {
        every.tick().await;
        if broken {
            issue_chart(&studio);
        } else {
            issue_chart_aside(studio.clone()).await;
        }
    }
}

async fn listen(State(studio): State<Arc<Studio>>) -> Html<String> {
    let song = studio.vote();
    let chart = studio.chart.read().clone();
    let mut page = format!("<h1>Chart {}</h1><ol>", chart.issue);
    for row in chart.rows.iter().take(20) {
        page.push_str(&format!("<li>{} ({})</li>", row.label, row.points));
    }
    let place = chart.places.get(&song).map_or("new".to_string(), |p| p.to_string());
    page.push_str(&format!("</ol><p>Your song {song}: place {place}</p>"));
    Html(page)
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let studio = Arc::new(Studio {
        votes: Mutex::new(first_votes()),
        chart: RwLock::new(Arc::new(Chart::default())),
        caller: AtomicU32::new(0),
    });
    tokio::spawn(editor(studio.clone(), broken));
    let app = Router::new().route("/", get(listen)).with_state(studio);
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, app).await
}
