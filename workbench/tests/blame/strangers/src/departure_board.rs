//! Departure board of a railway station, as CSV for the displays on the platforms.
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::{TcpListener, TcpStream};

const TOWNS: [&str; 9] = ["Aarau", "Basel", "Chur", "Davos", "Engelberg", "Fribourg", "Genf", "Horgen", "Interlaken"];

struct Train {
    minute: u32,
    line: String,
    town: &'static str,
    platform: u32,
    delay: u32,
}

struct Station {
    broken: bool,
    timetable: Vec<Train>,
    clock: AtomicU32,
}

fn timetable() -> Vec<Train> {
    (0..720u32)
        .map(|i| Train {
            minute: i * 2,
            line: format!("{}{}", if i % 3 == 0 { "IC" } else { "S" }, 1 + i % 24),
            town: TOWNS[(i as usize * 5 + 1) % TOWNS.len()],
            platform: 1 + (i * 7) % 12,
            delay: if i % 11 == 0 { i % 9 } else { 0 },
        })
        .collect()
}

impl Station {
    fn next_trains(&self) -> impl Iterator<Item = &Train> {
        let now = self.clock.fetch_add(1, Ordering::Relaxed) as usize % self.timetable.len();
        self.timetable.iter().cycle().skip(now).take(360)
    }
}

fn cells(train: &Train) -> [String; 5] {
    [
        format!("{:02}:{:02}", train.minute / 60, train.minute % 60),
        train.line.clone(),
        train.town.to_string(),
        train.platform.to_string(),
        if train.delay > 0 { format!("+{}", train.delay) } else { String::new() },
    ]
}

fn body_len(rows: &[[String; 5]]) -> usize {
    rows.iter().map(|r| r.iter().map(|c| c.len() + 1).sum::<usize>()).sum()
}

fn head(len: usize) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: {len}\r\n\r\n")
}

async fn print_row<W: AsyncWrite + Unpin>(out: &mut W, row: &[String; 5]) -> std::io::Result<()> {
    for (i, cell) in row.iter().enumerate() {
        out.write_all(cell.as_bytes()).await?; // guilty
        out.write_all(if i == 4 { b"\n" } else { b";" }).await?; // guilty
    }
    Ok(())
}

async fn send_board<W: AsyncWrite + Unpin>(out: &mut W, rows: &[[String; 5]]) -> std::io::Result<()> {
    out.write_all(head(body_len(rows)).as_bytes()).await?;
    for row in rows {
        print_row(out, row).await?; // guilty
    }
    out.flush().await
}

async fn send_board_buffered<W: AsyncWrite + Unpin>(out: &mut W, rows: &[[String; 5]]) -> std::io::Result<()> {
    let mut page = BufWriter::with_capacity(32 * 1024, out);
    page.write_all(head(body_len(rows)).as_bytes()).await?;
    for row in rows {
        page.write_all(row.join(";").as_bytes()).await?;
        page.write_all(b"\n").await?;
    }
    page.flush().await
}

async fn read_request<R: AsyncBufReadExt + Unpin>(input: &mut R, line: &mut String) -> std::io::Result<bool> {
    loop {
        line.clear();
        if input.read_line(line).await? == 0 {
            return Ok(false);
        }
        if line == "\r\n" {
            return Ok(true);
        }
    }
}

async fn serve_display(station: Arc<Station>, mut sock: TcpStream) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let (rd, mut wr) = sock.split();
    let mut input = BufReader::new(rd);
    let mut line = String::new();
    while read_request(&mut input, &mut line).await? {
        let rows: Vec<_> = station.next_trains().map(cells).collect();
        if station.broken {
            send_board(&mut wr, &rows).await?;
        } else {
            send_board_buffered(&mut wr, &rows).await?;
        }
    }
    Ok(())
}

pub async fn run(broken: bool, port: u16) {
    let station = Arc::new(Station { broken, timetable: timetable(), clock: AtomicU32::new(0) });
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    loop {
        if let Ok((sock, _)) = listener.accept().await {
            tokio::spawn(serve_display(station.clone(), sock));
        }
    }
}
