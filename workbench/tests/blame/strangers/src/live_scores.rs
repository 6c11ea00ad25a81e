//! Live scores. Each visitor gets a viewer session with a heartbeat that counts
//! presence for the match page while the session is open.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const HEARTBEAT: Duration = Duration::from_millis(100);

struct Presence {
    beats: AtomicU64,
    last_seen: Mutex<[u64; 64]>,
}

struct Arena {
    broken: bool,
    presence: Arc<Presence>,
    viewers: AtomicU64,
}

struct Session {
    viewer: u64,
    heartbeat: JoinHandle<()>,
    end_with_session: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.end_with_session {
            self.heartbeat.abort();
        }
    }
}

async fn beat(presence: Arc<Presence>, viewer: u64) {
    let mut history = vec![0u64; 512];
    let mut every = tokio::time::interval(HEARTBEAT);
    let mut at = 0usize;
    loop {
        every.tick().await;
        let total = presence.beats.fetch_add(1, Ordering::Relaxed);
        history[at % 512] = total;
        presence.last_seen.lock().unwrap()[(viewer % 64) as usize] = total;
        at += 1;
    }
}

fn open_session(arena: &Arena, viewer: u64) -> Session {
    let heartbeat = tokio::spawn(beat(arena.presence.clone(), viewer)); // guilty
    Session { viewer, heartbeat, end_with_session: false }
}

fn open_scoped_session(arena: &Arena, viewer: u64) -> Session {
    let heartbeat = tokio::spawn(beat(arena.presence.clone(), viewer));
    Session { viewer, heartbeat, end_with_session: true }
}

fn score_table(minute: u64) -> String {
    let teams = ["Altona", "Brugge", "Cadiz", "Derby", "Elche", "Famalicao"];
    let mut out = String::new();
    for (i, pair) in teams.chunks(2).enumerate() {
        let home = (minute + i as u64 * 5) % 4;
        let away = (minute + i as u64 * 3) % 3;
        out.push_str(&format!("{} {home}:{away} {} ({}')\n", pair[0], pair[1], minute % 90));
    }
    out
}

async fn watch_page(arena: &Arena) -> String {
    let viewer = arena.viewers.fetch_add(1, Ordering::Relaxed);
    let session = if arena.broken { open_session(arena, viewer) } else { open_scoped_session(arena, viewer) };
    tokio::task::yield_now().await;
    let seen = arena.presence.last_seen.lock().unwrap()[(session.viewer % 64) as usize];
    format!("viewer {} seen {seen}\n{}", session.viewer, score_table(viewer / 50))
}

/// Reads one request head; false when the client has gone.
async fn read_head(reader: &mut BufReader<tokio::net::tcp::OwnedReadHalf>, line: &mut String) -> bool {
    loop {
        line.clear();
        match reader.read_line(line).await {
            Ok(0) | Err(_) => return false,
            Ok(_) if line == "\r\n" => return true,
            Ok(_) => {}
        }
    }
}

async fn serve(arena: Arc<Arena>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let (read, mut write) = stream.into_split();
    let mut reader = BufReader::new(read);
    let mut line = String::new();
    while read_head(&mut reader, &mut line).await {
        let body = watch_page(&arena).await;
        let reply =
            format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if write.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

pub async fn run(port: u16, broken: bool) {
    let presence = Arc::new(Presence { beats: AtomicU64::new(0), last_seen: Mutex::new([0; 64]) });
    let arena = Arc::new(Arena { broken, presence, viewers: AtomicU64::new(0) });
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(arena.clone(), stream));
        }
    }
}
