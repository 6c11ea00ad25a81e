//! Tide table of a harbour. Every client connection has its own line to the gauge station,
//! which answers a query with a handful of readings, one per line, and "END".
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const QUIET: Duration = Duration::from_millis(12);

struct Gauge {
    sock: TcpStream,
    buf: Vec<u8>,
}

impl Gauge {
    async fn dial(addr: std::net::SocketAddr) -> io::Result<Gauge> {
        let sock = TcpStream::connect(addr).await?;
        sock.set_nodelay(true)?;
        Ok(Gauge { sock, buf: Vec::with_capacity(1024) })
    }

    async fn query(&mut self, berth: u32, broken: bool) -> io::Result<Vec<(u32, i32)>> {
        self.buf.clear();
        self.sock.write_all(format!("READ {berth}\n").as_bytes()).await?;
        if broken {
            self.collect().await?;
        } else {
            self.collect_to_end().await?;
        }
        Ok(parse_readings(&self.buf))
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.sock.read_buf(&mut self.buf).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// The number of readings differs from berth to berth: take what comes.
    async fn collect(&mut self) -> io::Result<()> {
        self.more().await?;
        while let Ok(got) = timeout(QUIET, self.more()).await {
            // guilty
            got?;
        }
        Ok(())
    }

    async fn collect_to_end(&mut self) -> io::Result<()> {
        while !self.buf.ends_with(b"END\n") {
            self.more().await?;
        }
        Ok(())
    }
}

fn parse_readings(raw: &[u8]) -> Vec<(u32, i32)> {
    let text = String::from_utf8_lossy(raw);
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(minute, mm)| Some((minute.parse().ok()?, mm.parse().ok()?)))
        .collect()
}

fn table(berth: u32, readings: &[(u32, i32)]) -> String {
    let mut text = format!("berth {berth}\n");
    for (minute, mm) in readings {
        text.push_str(&format!("{:02}:{:02} {:+.2} m\n", minute / 60, minute % 60, *mm as f64 / 1000.0));
    }
    if let Some((minute, _)) = readings.iter().max_by_key(|r| r.1) {
        text.push_str(&format!("high water {:02}:{:02}\n", minute / 60, minute % 60));
    }
    text
}

struct Office {
    station: std::net::SocketAddr,
    broken: bool,
    asked: Cell<u32>,
}

async fn serve(mut sock: TcpStream, office: Rc<Office>) -> io::Result<()> {
    sock.set_nodelay(true)?;
    let mut gauge = Gauge::dial(office.station).await?;
    let mut buf = Vec::with_capacity(1024);
    loop {
        while let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
            buf.drain(..end + 4);
            let berth = office.asked.get() % 60;
            office.asked.set(office.asked.get().wrapping_add(1));
            let readings = gauge.query(berth, office.broken).await?;
            let body = table(berth, &readings);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
            sock.write_all((head + &body).as_bytes()).await?;
        }
        if sock.read_buf(&mut buf).await? == 0 {
            return Ok(());
        }
    }
}

/// Stand-in for the gauge station.
async fn station(mut sock: TcpStream) -> io::Result<()> {
    sock.set_nodelay(true)?;
    let mut buf = Vec::new();
    while sock.read_buf(&mut buf).await? > 0 {
        let Some(line) = buf.strip_suffix(b"\n") else { continue };
        let berth: u32 = String::from_utf8_lossy(line).trim_start_matches("READ ").parse().unwrap_or(0);
        let mut answer = String::new();
        for i in 0..8 + berth % 7 {
            let minute = i * 95 % 1440;
            let mm = (f64::from(minute + berth * 11) / 745.0 * std::f64::consts::TAU).sin() * 1850.0;
            answer.push_str(&format!("{minute} {}\n", mm as i32));
        }
        sock.write_all(answer.as_bytes()).await?;
        sock.write_all(b"END\n").await?;
        buf.clear();
    }
    Ok(())
}

async fn station_listen(listener: TcpListener) -> io::Result<()> {
    loop {
        let (sock, _) = listener.accept().await?;
        tokio::task::spawn_local(station(sock));
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&rt, async move {
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let office = Rc::new(Office { station: inner.local_addr().unwrap(), broken, asked: Cell::new(0) });
        tokio::task::spawn_local(station_listen(inner));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        loop {
            let (sock, _) = listener.accept().await.unwrap();
            tokio::task::spawn_local(serve(sock, office.clone()));
        }
    });
}
