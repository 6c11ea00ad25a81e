//! Ferry times: the departures of a pier, corrected by the water level that the harbour office gives out over HTTP.
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const IDLE: Duration = Duration::from_millis(35);

struct Pier {
    broken: bool,
    office: SocketAddr,
    visits: AtomicUsize,
}

/// The harbour office: an ordinary keep-alive server that hangs up on idle clients.
async fn office_client(mut sock: TcpStream) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut head = Vec::new();
    let mut level = 180;
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            match tokio::time::timeout(IDLE, sock.read_buf(&mut head)).await {
                Ok(Ok(n)) if n > 0 => {}
                _ => return sock.shutdown().await,
            }
        }
        level = (level + head.len()) % 400;
        let body = format!("{{\"level_cm\": {level}, \"trend\": \"rising\"}}");
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        sock.write_all(answer.as_bytes()).await?;
    }
}

async fn harbour_office(listener: TcpListener) {
    loop {
        if let Ok((sock, _)) = listener.accept().await {
            tokio::spawn(office_client(sock));
        }
    }
}

fn bad(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_string())
}

fn head_end(raw: &[u8]) -> Option<usize> {
    raw.windows(4).position(|w| w == b"\r\n\r\n").map(|i| i + 4)
}

fn content_length(head: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(head).ok()?;
    text.lines().find_map(|l| l.strip_prefix("Content-Length: ")?.trim().parse().ok())
}

async fn whole_reply(office: &mut TcpStream) -> std::io::Result<String> {
    let mut raw = Vec::new();
    office.read_to_end(&mut raw).await?; // guilty
    let start = head_end(&raw).ok_or_else(|| bad("no head"))?;
    Ok(String::from_utf8_lossy(&raw[start..]).into_owned())
}

async fn sized_reply(office: &mut TcpStream) -> std::io::Result<String> {
    let mut raw = Vec::new();
    loop {
        if let Some(start) = head_end(&raw) {
            let len = content_length(&raw[..start]).ok_or_else(|| bad("no length"))?;
            if raw.len() >= start + len {
                return Ok(String::from_utf8_lossy(&raw[start..start + len]).into_owned());
            }
        }
        if office.read_buf(&mut raw).await? == 0 {
            return Err(bad("cut off"));
        }
    }
}

impl Pier {
    async fn water_level(&self, gauge: usize) -> std::io::Result<i64> {
        let mut office = TcpStream::connect(self.office).await?;
        office.set_nodelay(true)?;
        let ask = format!("GET /gauges/{gauge} HTTP/1.1\r\nHost: harbour\r\nAccept: application/json\r\n\r\n");
        office.write_all(ask.as_bytes()).await?;
        let reply = if self.broken { whole_reply(&mut office).await? } else { sized_reply(&mut office).await? };
        let digits = reply.split("\"level_cm\": ").nth(1).ok_or_else(|| bad("no level"))?;
        let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().map_err(|_| bad("level"))
    }

    fn departures(&self, pier: usize, level: i64) -> String {
        let mut out = format!("pier {pier}, water {level} cm\n");
        for i in 0..9 {
            let minute = (pier as i64 * 7 + i * 23 + level / 40) % 720;
            let note = if level > 320 && i % 3 == 0 { " (no cars)" } else { "" };
            out.push_str(&format!("{:02}:{:02}{note}\n", 6 + minute / 60, minute % 60));
        }
        out
    }

    async fn page(&self) -> (u16, String) {
        let pier = self.visits.fetch_add(1, Ordering::Relaxed) % 24;
        match self.water_level(pier / 4).await {
            Ok(level) => (200, self.departures(pier, level)),
            Err(e) => (502, format!("harbour office: {e}\n")),
        }
    }
}

async fn serve(mut sock: TcpStream, pier: Arc<Pier>) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut head = Vec::with_capacity(1024);
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if sock.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let (status, body) = pier.page().await;
        let answer = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        sock.write_all(answer.as_bytes()).await?;
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    rt.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("office");
        let office = listener.local_addr().expect("addr");
        tokio::spawn(harbour_office(listener));
        let pier = Arc::new(Pier { broken, office, visits: AtomicUsize::new(0) });
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        loop {
            if let Ok((sock, _)) = listener.accept().await {
                let pier = pier.clone();
                tokio::spawn(async move {
                    let _ = serve(sock, pier).await;
                });
            }
        }
    });
}
