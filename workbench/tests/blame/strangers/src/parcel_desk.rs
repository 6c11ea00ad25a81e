//! Parcel desk: prices a parcel abroad. The duty comes from the customs office, a line protocol over TCP.
use parking_lot::Mutex;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const LANDS: [&str; 8] = ["AT", "BE", "CH", "DK", "EE", "FI", "GR", "HU"];

/// The customs office, which takes its time to look a duty up.
fn customs_office() -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::Builder::new().name("customs".into()).spawn(move || clerk(stream)).ok();
        }
    });
    Ok(addr)
}

fn clerk(stream: std::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut line = String::new();
    let mut input = BufReader::new(stream);
    while input.read_line(&mut line)? > 0 {
        std::thread::sleep(Duration::from_millis(8));
        let duty = line.trim().bytes().map(u64::from).sum::<u64>() % 900;
        out.write_all(format!("{duty:04}\n").as_bytes())?;
        line.clear();
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Parcel {
    number: u64,
    land: &'static str,
    grams: u64,
}

struct Desk {
    office: SocketAddr,
    lines: Mutex<Vec<std::net::TcpStream>>,
    async_lines: Mutex<Vec<TcpStream>>,
    next: AtomicU64,
    broken: bool,
}

impl Desk {
    fn take_parcel(&self) -> Parcel {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Parcel { number, land: LANDS[(number % 8) as usize], grams: 250 + number * 37 % 4000 }
    }

    async fn duty(&self, p: Parcel) -> io::Result<u64> {
        let line = self.lines.lock().pop();
        let mut line = match line {
            Some(line) => line,
            None => {
                let fresh = std::net::TcpStream::connect(self.office)?;
                fresh.set_nodelay(true)?;
                fresh
            }
        };
        line.write_all(format!("{} {}\n", p.land, p.grams).as_bytes())?;
        let mut reply = [0u8; 5];
        line.read_exact(&mut reply)?; // guilty
        self.lines.lock().push(line);
        Ok(parse_duty(&reply))
    }

    async fn duty_async(&self, p: Parcel) -> io::Result<u64> {
        let line = self.async_lines.lock().pop();
        let mut line = match line {
            Some(line) => line,
            None => {
                let fresh = TcpStream::connect(self.office).await?;
                fresh.set_nodelay(true)?;
                fresh
            }
        };
        line.write_all(format!("{} {}\n", p.land, p.grams).as_bytes()).await?;
        let mut reply = [0u8; 5];
        line.read_exact(&mut reply).await?;
        self.async_lines.lock().push(line);
        Ok(parse_duty(&reply))
    }

    async fn quote(&self) -> io::Result<String> {
        let p = self.take_parcel();
        let duty = if self.broken { self.duty(p).await? } else { self.duty_async(p).await? };
        Ok(label(p, postage(p), duty))
    }
}

fn parse_duty(reply: &[u8]) -> u64 {
    std::str::from_utf8(reply).ok().and_then(|s| s.trim().parse().ok()).unwrap_or(0)
}

fn postage(p: Parcel) -> u64 {
    490 + p.grams / 100 * 12
}

fn label(p: Parcel, postage: u64, duty: u64) -> String {
    format!("parcel {} to {}: postage {} duty {} total {}\n", p.number, p.land, postage, duty, postage + duty)
}

async fn serve(desk: Arc<Desk>, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut lines = tokio::io::BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        if !line.is_empty() {
            continue;
        }
        let body = desk.quote().await?;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        write.write_all((head + &body).as_bytes()).await?;
    }
    Ok(())
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let desk = Arc::new(Desk {
        office: customs_office()?,
        lines: Mutex::new(Vec::new()),
        async_lines: Mutex::new(Vec::new()),
        next: AtomicU64::new(1),
        broken,
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(desk.clone(), stream));
    }
}
