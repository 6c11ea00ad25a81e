//! Departure boards. Posts have two faces; both ask for the same board, one fetch serves them.
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_millis(9);
const POSTS: u32 = 20_000;

type Waiting = Vec<oneshot::Sender<String>>;

struct Station {
    timetable: SocketAddr,
    lines: Mutex<Vec<BufReader<TcpStream>>>,
    fetching: Mutex<HashMap<u32, Waiting>>,
    tidy: bool,
    faces: AtomicU32,
}

struct Entry<'a>(&'a Station, u32);

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.0.fetching.lock().unwrap().remove(&self.1);
    }
}

async fn ask_timetable(station: &Station, post: u32) -> std::io::Result<String> {
    let idle = station.lines.lock().unwrap().pop();
    let mut line = match idle {
        Some(line) => line,
        None => {
            let stream = TcpStream::connect(station.timetable).await?;
            stream.set_nodelay(true)?;
            BufReader::new(stream)
        }
    };
    line.get_mut().write_all(format!("{post}\n").as_bytes()).await?;
    let mut board = String::new();
    line.read_line(&mut board).await?;
    station.lines.lock().unwrap().push(line);
    Ok(board)
}

fn share(waiting: Waiting, board: &str) {
    for face in waiting {
        let _ = face.send(board.to_owned());
    }
}

async fn fetch_for_all(station: &Station, post: u32) -> std::io::Result<String> {
    let fetched = ask_timetable(station, post).await; // guilty
    let waiting = station.fetching.lock().unwrap().remove(&post);
    let board = fetched?;
    share(waiting.unwrap_or_default(), &board);
    Ok(board)
}

async fn fetch_with_entry(station: &Station, post: u32) -> std::io::Result<String> {
    let _entry = Entry(station, post);
    let board = ask_timetable(station, post).await?;
    let waiting = station.fetching.lock().unwrap().remove(&post);
    share(waiting.unwrap_or_default(), &board);
    Ok(board)
}

fn join(station: &Station, post: u32) -> Option<oneshot::Receiver<String>> {
    let mut fetching = station.fetching.lock().unwrap();
    if let Some(waiting) = fetching.get_mut(&post) {
        let (tx, rx) = oneshot::channel();
        waiting.push(tx);
        return Some(rx);
    }
    fetching.insert(post, Vec::new());
    None
}

async fn lead(station: &Station, post: u32) -> Option<String> {
    timeout(PATIENCE, fetch_for_all(station, post)).await.ok()?.ok() // guilty
}

async fn lead_tidy(station: &Station, post: u32) -> Option<String> {
    timeout(PATIENCE, fetch_with_entry(station, post)).await.ok()?.ok()
}

async fn board(station: &Station) -> String {
    let face = station.faces.fetch_add(1, Ordering::Relaxed);
    let post = (face / 2) % POSTS;
    let board = match join(station, post) {
        Some(answer) => answer.await.ok(),
        None if station.tidy => lead_tidy(station, post).await,
        None => lead(station, post).await,
    };
    board.unwrap_or_else(|| "please listen to announcements\n".to_owned())
}

async fn face(station: Arc<Station>, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if line != "\r\n" {
            continue;
        }
        let body = board(&station).await;
        let page = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.get_mut().write_all(page.as_bytes()).await?;
    }
}

async fn timetable_session(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut ask = String::new();
    while stream.read_line(&mut ask).await? > 0 {
        let post: u32 = ask.trim().parse().unwrap_or(0);
        let far = if post % 60 == 41 { 40 } else { 1 };
        tokio::time::sleep(Duration::from_millis(far)).await;
        let board = format!("post {post}: {:02}:{:02} platform {}\n", post % 24, post % 60, post % 9);
        stream.get_mut().write_all(board.as_bytes()).await?;
        ask.clear();
    }
    Ok(())
}

async fn open_timetable() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(timetable_session(stream));
        }
    });
    Ok(addr)
}

pub async fn run(broken: bool, port: u16) -> std::io::Result<()> {
    let station = Arc::new(Station {
        timetable: open_timetable().await?,
        lines: Mutex::default(),
        fetching: Mutex::default(),
        tidy: !broken,
        faces: AtomicU32::new(0),
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(face(station.clone(), stream));
    }
}
