//! Weighbridge of a recycling yard: every request weighs the truck on the plate and prices the load.
//! The indicator on the plate speaks a small text protocol over TCP: one command, several lines, a lone dot.
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

#[derive(Clone, Copy)]
enum Framing {
    Silence,
    Dot,
}

struct Yard {
    indicator: SocketAddr,
    framing: Framing,
    tickets: AtomicU64,
}

struct Weighing {
    gross: u64,
    tare: u64,
    stable: bool,
}

fn indicator_session(mut link: TcpStream) -> io::Result<()> {
    link.set_nodelay(true)?;
    let mut commands = BufReader::new(link.try_clone()?);
    let mut line = String::new();
    let mut plate = 17u64;
    loop {
        line.clear();
        if commands.read_line(&mut line)? == 0 {
            return Ok(());
        }
        plate = plate.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let gross = 9000 + (plate >> 33) % 18000;
        let tare = 7000 + (plate >> 20) % 1500;
        link.write_all(format!("GROSS {gross}\r\nTARE {tare}\r\nSTABLE 1\r\n.\r\n").as_bytes())?;
    }
}

fn start_indicator() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        for link in listener.incoming().flatten() {
            thread::spawn(move || indicator_session(link));
        }
    });
    Ok(addr)
}

fn connect_indicator(addr: SocketAddr) -> io::Result<TcpStream> {
    let link = TcpStream::connect(addr)?;
    link.set_nodelay(true)?;
    link.set_read_timeout(Some(Duration::from_millis(24)))?;
    Ok(link)
}

fn collect_reply(link: &mut TcpStream) -> io::Result<String> {
    let mut reply = Vec::new();
    let mut chunk = [0u8; 512];
    loop {
        match link.read(&mut chunk) {
            // guilty
            Ok(0) => break,
            Ok(n) => reply.extend_from_slice(&chunk[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break, // guilty
            Err(e) => return Err(e),
        }
    }
    String::from_utf8(reply).map_err(|e| io::Error::new(ErrorKind::InvalidData, e))
}

fn collect_until_dot(link: &mut TcpStream) -> io::Result<String> {
    let mut reply = Vec::new();
    let mut chunk = [0u8; 512];
    while !reply.ends_with(b"\r\n.\r\n") {
        match link.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => reply.extend_from_slice(&chunk[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(e) => return Err(e),
        }
    }
    String::from_utf8(reply).map_err(|e| io::Error::new(ErrorKind::InvalidData, e))
}

fn parse_weighing(reply: &str) -> Weighing {
    let mut w = Weighing { gross: 0, tare: 0, stable: false };
    for (key, value) in reply.lines().filter_map(|l| l.split_once(' ')) {
        match key {
            "GROSS" => w.gross = value.parse().unwrap_or(0),
            "TARE" => w.tare = value.parse().unwrap_or(0),
            "STABLE" => w.stable = value == "1",
            _ => {}
        }
    }
    w
}

fn weigh(yard: &Yard, link: &mut TcpStream) -> io::Result<Weighing> {
    link.write_all(b"W?\r\n")?;
    let reply = match yard.framing {
        Framing::Silence => collect_reply(link)?,
        Framing::Dot => collect_until_dot(link)?,
    };
    Ok(parse_weighing(&reply))
}

fn ticket(yard: &Yard, w: &Weighing) -> String {
    let no = yard.tickets.fetch_add(1, Ordering::Relaxed);
    let net = w.gross.saturating_sub(w.tare);
    let cents = net * 13 / 10;
    let state = if w.stable { "stable" } else { "moving" };
    format!(
        "ticket {no}\ngross {} kg\ntare {} kg\nnet {net} kg ({state})\ndue {}.{:02}\n",
        w.gross,
        w.tare,
        cents / 100,
        cents % 100
    )
}

fn read_head(input: &mut impl BufRead) -> io::Result<bool> {
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        if line == "\r\n" {
            return Ok(true);
        }
    }
}

fn lane(yard: Arc<Yard>, mut conn: TcpStream) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut input = BufReader::new(conn.try_clone()?);
    let mut link = connect_indicator(yard.indicator)?;
    while read_head(&mut input)? {
        let body = ticket(&yard, &weigh(&yard, &mut link)?);
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        conn.write_all(answer.as_bytes())?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) -> io::Result<()> {
    let framing = if broken { Framing::Silence } else { Framing::Dot };
    let yard = Arc::new(Yard { indicator: start_indicator()?, framing, tickets: AtomicU64::new(1) });
    for conn in TcpListener::bind(("127.0.0.1", port))?.incoming().flatten() {
        let yard = yard.clone();
        thread::spawn(move || lane(yard, conn));
    }
    Ok(())
}
