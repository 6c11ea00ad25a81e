//! Till receipts: every sale gets the next receipt number of the fiscal book and a
//! signature from the fiscal unit, which is a box of its own reached over TCP.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, Duration};

type Line = BufReader<TcpStream>;

/// Connections to the fiscal unit, opened when needed and kept.
struct FiscalUnit {
    addr: std::net::SocketAddr,
    idle: parking_lot::Mutex<Vec<Line>>,
}

impl FiscalUnit {
    async fn line(&self) -> std::io::Result<Line> {
        let kept = self.idle.lock().pop();
        if let Some(l) = kept {
            return Ok(l);
        }
        let s = TcpStream::connect(self.addr).await?;
        s.set_nodelay(true)?;
        Ok(BufReader::new(s))
    }

    async fn sign(&self, number: u64, digest: u64) -> std::io::Result<String> {
        let mut line = self.line().await?;
        line.get_mut().write_all(format!("SIGN {number} {digest:016x}\n").as_bytes()).await?;
        let mut reply = String::with_capacity(40);
        line.read_line(&mut reply).await?;
        self.idle.lock().push(line);
        Ok(reply.trim_end().to_string())
    }
}

struct Book {
    strict: bool,
    next: AtomicU64,
    printed: watch::Sender<u64>,
    unit: FiscalUnit,
}

fn digest_of(number: u64, basket: &[(&str, u32)]) -> u64 {
    let mut h = 0xcbf29ce484222325u64 ^ number;
    for (what, cents) in basket {
        for b in what.bytes().chain(cents.to_le_bytes()) {
            h = (h ^ b as u64).wrapping_mul(0x100000001b3);
        }
    }
    h
}

impl Book {
    /// Numbers must have no gap and no repeat; the signature may come in any order.
    async fn issue_numbered(&self, basket: &[(&str, u32)]) -> std::io::Result<(u64, String)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let sig = self.unit.sign(number, digest_of(number, basket)).await?;
        Ok((number, sig))
    }

    /// Receipts leave the book in the order of their numbers.
    async fn issue_in_turn(&self, basket: &[(&str, u32)]) -> std::io::Result<(u64, String)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut printed = self.printed.subscribe();
        let _ = printed.wait_for(|done| *done + 1 == number).await; // guilty
        let sig = self.unit.sign(number, digest_of(number, basket)).await; // guilty
        self.printed.send_replace(number); // guilty
        Ok((number, sig?))
    }

    async fn sale(&self) -> std::io::Result<String> {
        let basket = [("espresso", 260), ("croissant", 210), ("water", 180)];
        let (number, sig) =
            if self.strict { self.issue_in_turn(&basket).await? } else { self.issue_numbered(&basket).await? };
        Ok(receipt_text(number, &sig, &basket))
    }
}

fn receipt_text(number: u64, sig: &str, basket: &[(&str, u32)]) -> String {
    let mut out = format!("RECEIPT {number}\n");
    for (what, cents) in basket {
        out += &format!("{what:<12}{:>4}.{:02}\n", cents / 100, cents % 100);
    }
    out + sig + "\n"
}

/// The fiscal unit's side: any number of lines, each signature takes it 5 ms.
async fn fiscal_line(s: TcpStream) -> std::io::Result<()> {
    s.set_nodelay(true)?;
    let mut s = BufReader::new(s);
    let mut ask = String::new();
    while s.read_line(&mut ask).await? > 0 {
        let seed = ask.bytes().fold(7u64, |h, b| h.wrapping_mul(31) + b as u64);
        sleep(Duration::from_millis(5)).await;
        s.get_mut().write_all(format!("SIG {seed:016x}\n").as_bytes()).await?;
        ask.clear();
    }
    Ok(())
}

async fn customer(mut s: TcpStream, book: Arc<Book>) -> std::io::Result<()> {
    s.set_nodelay(true)?;
    let mut buf: Vec<u8> = Vec::with_capacity(2048);
    loop {
        while let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
            buf.drain(..end + 4);
            let (code, body) = match book.sale().await {
                Ok(text) => ("200 OK", text),
                Err(e) => ("502 Bad Gateway", e.to_string()),
            };
            let head = format!("HTTP/1.1 {code}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
            s.write_all((head + &body).as_bytes()).await?;
        }
        if s.read_buf(&mut buf).await? == 0 {
            return Ok(());
        }
    }
}

pub async fn run(broken: bool, port: u16) {
    let fiscal = TcpListener::bind("127.0.0.1:0").await.expect("fiscal unit");
    let addr = fiscal.local_addr().expect("addr");
    tokio::spawn(async move {
        while let Ok((s, _)) = fiscal.accept().await {
            tokio::spawn(fiscal_line(s));
        }
    });
    let book = Arc::new(Book {
        strict: broken,
        next: AtomicU64::new(1),
        printed: watch::channel(0).0,
        unit: FiscalUnit { addr, idle: Default::default() },
    });
    let door = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    loop {
        if let Ok((s, _)) = door.accept().await {
            tokio::spawn(customer(s, book.clone()));
        }
    }
}
