//! Quiz hall: asks a question, has the guess marked by the judge, a service of its own behind a TCP connection.
use parking_lot::Mutex;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const CAPITALS: [(&str, &str); 6] = [
    ("Norway", "Oslo"),
    ("Peru", "Lima"),
    ("Kenya", "Nairobi"),
    ("Latvia", "Riga"),
    ("Ghana", "Accra"),
    ("Cuba", "Havana"),
];

/// The judge reads `MARK length\n` and a sheet of that length, and says how many points it is worth.
async fn judge(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let _ = mark_sheets(BufReader::new(stream)).await;
        });
    }
}

async fn mark_sheets(mut stream: BufReader<TcpStream>) -> io::Result<()> {
    let mut head = String::new();
    while stream.read_line(&mut head).await? > 0 {
        let len: usize = head.trim().rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut sheet = vec![0; len];
        stream.read_exact(&mut sheet).await?;
        let text = String::from_utf8_lossy(&sheet);
        let points = match text.split_once('=') {
            Some((land, guess)) if CAPITALS.contains(&(land, guess)) => 10,
            Some(_) => 1,
            None => 0,
        };
        stream.write_all(format!("{points}\n").as_bytes()).await?;
        head.clear();
    }
    Ok(())
}

type JudgeLine = BufReader<TcpStream>;

struct Hall {
    judge: SocketAddr,
    lines: Mutex<Vec<JudgeLine>>,
    round: AtomicU64,
    broken: bool,
}

impl Hall {
    async fn line(&self) -> io::Result<JudgeLine> {
        let idle = self.lines.lock().pop();
        match idle {
            Some(line) => Ok(line),
            None => Ok(BufReader::new(TcpStream::connect(self.judge).await?)),
        }
    }

    async fn play(&self) -> io::Result<String> {
        let round = self.round.fetch_add(1, Ordering::Relaxed) as usize;
        let (land, capital) = CAPITALS[round % 6];
        let guess = if round % 4 == 3 { CAPITALS[(round + 1) % 6].1 } else { capital };
        let sheet = format!("{land}={guess}");
        let mut line = self.line().await?;
        let points = if self.broken { mark(&mut line, &sheet).await? } else { mark_whole(&mut line, &sheet).await? };
        self.lines.lock().push(line);
        Ok(format!("Round {round}: capital of {land}? {guess}! {points} points\n"))
    }
}

async fn read_points(line: &mut JudgeLine) -> io::Result<u32> {
    let mut answer = String::new();
    line.read_line(&mut answer).await?;
    answer.trim().parse().map_err(io::Error::other)
}

async fn mark(line: &mut JudgeLine, sheet: &str) -> io::Result<u32> {
    line.write_all(format!("MARK {}\n", sheet.len()).as_bytes()).await?;
    line.write_all(sheet.as_bytes()).await?; // guilty
    read_points(line).await
}

async fn mark_whole(line: &mut JudgeLine, sheet: &str) -> io::Result<u32> {
    line.write_all(format!("MARK {}\n{sheet}", sheet.len()).as_bytes()).await?;
    read_points(line).await
}

async fn serve(hall: Arc<Hall>, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if line.trim_end().is_empty() {
            let body = hall.play().await?;
            let reply =
                format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(reply.as_bytes()).await?;
        }
        line.clear();
    }
    Ok(())
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let bench = TcpListener::bind("127.0.0.1:0").await?;
    let hall =
        Arc::new(Hall { judge: bench.local_addr()?, lines: Mutex::new(Vec::new()), round: AtomicU64::new(0), broken });
    tokio::spawn(judge(bench));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(hall.clone(), stream));
    }
}
