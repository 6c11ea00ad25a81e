//! Tide board: GET / shows the latest readings of one harbour. They come from
//! the gauge concentrator, which speaks a line protocol over TCP.
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const HARBOURS: u32 = 24;
const QUIET: Duration = Duration::from_millis(25);

struct Board {
    broken: bool,
    turn: AtomicU32,
    gauges: SocketAddr,
    lines: Mutex<Vec<TcpStream>>,
}

struct Reading {
    hour: u32,
    centimetres: i32,
}

async fn take_line(board: &Board) -> std::io::Result<TcpStream> {
    let free = board.lines.lock().unwrap().pop();
    if let Some(line) = free {
        return Ok(line);
    }
    let line = TcpStream::connect(board.gauges).await?;
    line.set_nodelay(true)?;
    Ok(line)
}

async fn collect_reply(line: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut reply = Vec::with_capacity(1024);
    while let Ok(got) = timeout(QUIET, line.read_buf(&mut reply)).await {
        // guilty
        if got? == 0 {
            break;
        }
    }
    Ok(reply)
}

async fn collect_to_end(line: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut reply = Vec::with_capacity(1024);
    while !reply.ends_with(b"END\n") {
        if line.read_buf(&mut reply).await? == 0 {
            break;
        }
    }
    Ok(reply)
}

fn parse(reply: &[u8]) -> Vec<Reading> {
    let text = String::from_utf8_lossy(reply);
    let mut readings = Vec::with_capacity(24);
    for row in text.lines() {
        let Some((hour, cm)) = row.split_once(' ') else { continue };
        if let (Ok(hour), Ok(centimetres)) = (hour.parse(), cm.parse()) {
            readings.push(Reading { hour, centimetres });
        }
    }
    readings
}

async fn ask(board: &Board, harbour: u32) -> std::io::Result<Vec<Reading>> {
    let mut line = take_line(board).await?;
    line.write_all(format!("READ {harbour}\n").as_bytes()).await?;
    let reply = if board.broken { collect_reply(&mut line).await? } else { collect_to_end(&mut line).await? };
    board.lines.lock().unwrap().push(line);
    Ok(parse(&reply))
}

fn draw(harbour: u32, readings: &[Reading]) -> String {
    let mut page = format!("harbour {harbour}, {} readings\n", readings.len());
    let high = readings.iter().max_by_key(|r| r.centimetres);
    if let Some(high) = high {
        page += &format!("high water {} cm at {:02}:00\n", high.centimetres, high.hour);
    }
    for r in readings {
        page += &format!("{:02} {}\n", r.hour, "~".repeat((r.centimetres.max(0) / 40) as usize));
    }
    page
}

async fn serve(board: Arc<Board>, mut sock: TcpStream) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut buf = Vec::with_capacity(2048);
    loop {
        while let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
            buf.drain(..end + 4);
            let harbour = board.turn.fetch_add(1, Ordering::Relaxed) % HARBOURS;
            let (status, body) = match ask(&board, harbour).await {
                Ok(readings) => ("200 OK", draw(harbour, &readings)),
                Err(e) => ("502 Bad Gateway", format!("no gauge: {e}\n")),
            };
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
            sock.write_all((head + &body).as_bytes()).await?;
        }
        if sock.read_buf(&mut buf).await? == 0 {
            return Ok(());
        }
    }
}

/// The concentrator, as it stands in the harbour office.
async fn gauge_line(sock: TcpStream) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut sock = BufReader::new(sock);
    let mut row = String::new();
    while sock.read_line(&mut row).await? > 0 {
        let harbour: i32 = row.trim_start_matches("READ ").trim().parse().unwrap_or(0);
        let mut out = String::with_capacity(256);
        for hour in 0..24 {
            out += &format!("{hour} {}\n", 180 + ((hour * 7 + harbour * 3) % 25 - 12) * 13);
        }
        out += "END\n";
        sock.get_mut().write_all(out.as_bytes()).await?;
        row.clear();
    }
    Ok(())
}

async fn gauge_office(listener: TcpListener) {
    while let Ok((sock, _)) = listener.accept().await {
        tokio::spawn(gauge_line(sock));
    }
}

#[tokio::main]
pub async fn run(broken: bool, port: u16) {
    let office = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gauges = office.local_addr().unwrap();
    tokio::spawn(gauge_office(office));
    let board = Arc::new(Board { broken, turn: AtomicU32::new(0), gauges, lines: Mutex::new(Vec::new()) });
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        if let Ok((sock, _)) = listener.accept().await {
            tokio::spawn(serve(board.clone(), sock));
        }
    }
}
