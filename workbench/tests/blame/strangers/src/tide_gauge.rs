//! Tide levels for the harbour page, read from the gauge daemon over its line protocol.
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const STATIONS: [&str; 6] = ["pier", "lock", "outer-mole", "ferry", "yard", "basin"];
const QUIET: Duration = Duration::from_millis(20);

struct Harbour {
    gauge: SocketAddr,
    links: Mutex<Vec<TcpStream>>,
    to_the_dot: bool,
    turn: AtomicU32,
}

impl Harbour {
    async fn link(&self) -> std::io::Result<TcpStream> {
        if let Some(link) = self.links.lock().unwrap().pop() {
            return Ok(link);
        }
        let link = TcpStream::connect(self.gauge).await?;
        link.set_nodelay(true)?;
        Ok(link)
    }
}

async fn drain_reply(link: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut reply = Vec::new();
    let mut chunk = [0u8; 2048];
    while let Ok(read) = timeout(QUIET, link.read(&mut chunk)).await {
        // guilty
        match read? {
            0 => break,
            n => reply.extend_from_slice(&chunk[..n]),
        }
    }
    Ok(reply)
}

async fn read_to_dot(link: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut reply = Vec::new();
    let mut chunk = [0u8; 2048];
    while !reply.ends_with(b"\n.\n") {
        match link.read(&mut chunk).await? {
            0 => break,
            n => reply.extend_from_slice(&chunk[..n]),
        }
    }
    Ok(reply)
}

async fn read_station(harbour: &Harbour, station: &str) -> std::io::Result<Vec<u8>> {
    let mut link = harbour.link().await?;
    link.write_all(format!("READ {station}\n").as_bytes()).await?;
    let reply = if harbour.to_the_dot { read_to_dot(&mut link).await? } else { drain_reply(&mut link).await? };
    harbour.links.lock().unwrap().push(link);
    Ok(reply)
}

fn summary(station: &str, reply: &[u8]) -> String {
    let text = String::from_utf8_lossy(reply);
    let levels: Vec<i32> = text.lines().filter_map(|l| l.split_once(' ').and_then(|(_, cm)| cm.parse().ok())).collect();
    let low = levels.iter().min().copied().unwrap_or(0);
    let high = levels.iter().max().copied().unwrap_or(0);
    format!("{station}: {} readings, low {low} cm, high {high} cm\n", levels.len())
}

async fn page(harbour: &Harbour) -> String {
    let turn = harbour.turn.fetch_add(1, Ordering::Relaxed) as usize;
    let station = STATIONS[turn % STATIONS.len()];
    match read_station(harbour, station).await {
        Ok(reply) => summary(station, &reply),
        Err(e) => format!("{station}: no reading ({e})\n"),
    }
}

async fn visitor(harbour: Arc<Harbour>, stream: TcpStream) -> std::io::Result<()> {
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
        let body = page(&harbour).await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.get_mut().write_all((head + &body).as_bytes()).await?;
    }
}

async fn gauge_session(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut ask = String::new();
    while stream.read_line(&mut ask).await? > 0 {
        let phase = ask.bytes().map(i32::from).sum::<i32>();
        let mut reply = String::new();
        for quarter in 0..48 {
            let level = 180 + ((phase + quarter * 13) % 97) - 48;
            reply.push_str(&format!("{:02}:{:02} {level}\n", quarter / 4, quarter % 4 * 15));
        }
        reply.push_str(".\n");
        stream.get_mut().write_all(reply.as_bytes()).await?;
        ask.clear();
    }
    Ok(())
}

async fn open_gauge() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(gauge_session(stream));
        }
    });
    Ok(addr)
}

pub async fn run(broken: bool, port: u16) -> std::io::Result<()> {
    let harbour = Arc::new(Harbour {
        gauge: open_gauge().await?,
        links: Mutex::default(),
        to_the_dot: !broken,
        turn: AtomicU32::new(0),
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(visitor(harbour.clone(), stream));
    }
}
