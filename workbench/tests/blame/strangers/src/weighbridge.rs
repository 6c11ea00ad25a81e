//! Weighbridge office: asks the scale's indicator for a weight and prints a ticket.
//! The indicator speaks a serial-style protocol over TCP: "W\r" -> STX fields ETX.
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::timeout;

const STX: u8 = 2;
const ETX: u8 = 3;
const LINE_IDLE: Duration = Duration::from_millis(20);

struct Office {
    indicator: std::net::SocketAddr,
    lines: Mutex<Vec<TcpStream>>,
    tickets: AtomicU64,
    framed: bool,
}

struct Reading {
    gross: u32,
    tare: u32,
}

async fn reply_when_idle(line: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut reply = Vec::with_capacity(64);
    let mut chunk = [0u8; 64];
    loop {
        match timeout(LINE_IDLE, line.read(&mut chunk)).await {
            // guilty
            Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(n)) => reply.extend_from_slice(&chunk[..n]),
            Ok(Err(e)) => return Err(e),
            Err(_) if reply.is_empty() => continue,
            Err(_) => return Ok(reply),
        }
    }
}

async fn reply_to_etx(line: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut reply = Vec::with_capacity(64);
    let mut chunk = [0u8; 64];
    while reply.last() != Some(&ETX) {
        let n = line.read(&mut chunk).await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reply.extend_from_slice(&chunk[..n]);
    }
    Ok(reply)
}

fn parse(reply: &[u8]) -> io::Result<Reading> {
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "indicator");
    let text = match reply {
        [STX, text @ .., ETX] => std::str::from_utf8(text).map_err(|_| bad())?,
        _ => return Err(bad()),
    };
    let mut kilos = text.split(';').map(|f| f[1..].parse::<u32>());
    match (kilos.next(), kilos.next()) {
        (Some(Ok(gross)), Some(Ok(tare))) => Ok(Reading { gross, tare }),
        _ => Err(bad()),
    }
}

impl Office {
    async fn line(&self) -> io::Result<TcpStream> {
        if let Some(line) = self.lines.lock().await.pop() {
            return Ok(line);
        }
        let line = TcpStream::connect(self.indicator).await?;
        line.set_nodelay(true)?;
        Ok(line)
    }

    async fn weigh(&self) -> io::Result<Reading> {
        let mut line = self.line().await?;
        line.write_all(b"W\r").await?;
        let reply = if self.framed { reply_to_etx(&mut line).await? } else { reply_when_idle(&mut line).await? };
        self.lines.lock().await.push(line);
        parse(&reply)
    }

    async fn ticket(&self) -> io::Result<String> {
        let r = self.weigh().await?;
        let number = self.tickets.fetch_add(1, Relaxed);
        Ok(format!(
            "ticket {number:06}\ngross {:>6} kg\ntare  {:>6} kg\nnet   {:>6} kg\n",
            r.gross,
            r.tare,
            r.gross - r.tare
        ))
    }
}

async fn indicator(listener: TcpListener) {
    let mut load = 11_000u32;
    while let Ok((sock, _)) = listener.accept().await {
        let _ = sock.set_nodelay(true);
        load += 140;
        let start = load;
        tokio::spawn(async move {
            let mut sock = BufReader::new(sock);
            let (mut cmd, mut weighed) = (Vec::new(), 0);
            while matches!(sock.read_until(b'\r', &mut cmd).await, Ok(n) if n > 0) {
                cmd.clear();
                weighed = (weighed + 20) % 9_000;
                let reply = format!("\x02G{:06};T{:06}\x03", start + weighed, 7_400);
                if sock.get_mut().write_all(reply.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
    }
}

async fn client(office: Arc<Office>, sock: TcpStream) -> io::Result<()> {
    sock.set_nodelay(true)?;
    let mut sock = BufReader::new(sock);
    let mut line = String::new();
    loop {
        line.clear();
        if sock.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if line != "\r\n" {
            continue;
        }
        let (status, body) = match office.ticket().await {
            Ok(ticket) => ("200 OK", ticket),
            Err(e) => ("502 Bad Gateway", format!("{e}\n")),
        };
        let answer =
            format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        sock.get_mut().write_all(answer.as_bytes()).await?;
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let scale = TcpListener::bind("127.0.0.1:0").await.expect("bind indicator");
    let office = Arc::new(Office {
        indicator: scale.local_addr().expect("address"),
        lines: Mutex::default(),
        tickets: AtomicU64::new(1),
        framed: !broken,
    });
    tokio::spawn(indicator(scale));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    loop {
        let (sock, _) = listener.accept().await.expect("accept");
        tokio::spawn(client(office.clone(), sock));
    }
}
