//! Courier quotes: asks the carrier's gateway for a rate; the gateway wants a short-lived access token with each call.
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

const TOKEN_LIFE: Duration = Duration::from_millis(350);

type Line = BufReader<TcpStream>;

/// The carrier's side: signs tokens (their login takes its time) and prices parcels.
async fn gateway(listener: TcpListener) {
    let mut serial = 0u64;
    while let Ok((sock, _)) = listener.accept().await {
        serial += 1_000_000;
        tokio::spawn(gateway_line(sock, serial));
    }
}

async fn gateway_line(sock: TcpStream, mut serial: u64) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut io = BufReader::new(sock);
    let mut line = String::new();
    while io.read_line(&mut line).await? > 0 {
        let answer = if line.starts_with("TOKEN") {
            tokio::time::sleep(Duration::from_millis(40)).await;
            serial += 1;
            format!("tk-{serial:012x}\n")
        } else {
            let grams: u64 = line.rsplit(' ').next().and_then(|g| g.trim().parse().ok()).unwrap_or(500);
            format!("{}\n", 390 + grams / 20)
        };
        io.write_all(answer.as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

struct Token {
    text: String,
    until: Instant,
}

struct Carrier {
    addr: SocketAddr,
    idle: std::sync::Mutex<Vec<Line>>,
    token: Mutex<Token>,
    parcels: AtomicU64,
    on_demand: bool,
}

impl Carrier {
    async fn line(&self) -> std::io::Result<Line> {
        let kept = self.idle.lock().unwrap().pop();
        match kept {
            Some(line) => Ok(line),
            None => {
                let sock = TcpStream::connect(self.addr).await?;
                sock.set_nodelay(true)?;
                Ok(BufReader::new(sock))
            }
        }
    }

    async fn call(&self, request: &str) -> std::io::Result<String> {
        let mut line = self.line().await?;
        line.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        line.read_line(&mut answer).await?;
        self.idle.lock().unwrap().push(line);
        answer.truncate(answer.trim_end().len());
        Ok(answer)
    }

    async fn log_in(&self) -> std::io::Result<Token> {
        let text = self.call("TOKEN quotes\n").await?;
        Ok(Token { text, until: Instant::now() + TOKEN_LIFE })
    }

    async fn bearer(&self) -> std::io::Result<String> {
        let mut token = self.token.lock().await;
        if token.until <= Instant::now() {
            *token = self.log_in().await?; // guilty
        }
        Ok(token.text.clone())
    }

    async fn current(&self) -> String {
        self.token.lock().await.text.clone()
    }

    async fn quote(&self) -> std::io::Result<String> {
        let token = if self.on_demand { self.bearer().await? } else { self.current().await };
        let n = self.parcels.fetch_add(1, Ordering::Relaxed);
        let grams = 200 + n * 37 % 9000;
        let cents: u64 = self.call(&format!("RATE {token} {grams}\n")).await?.parse().unwrap_or(0);
        Ok(format!("parcel {n}: {grams} g, {}.{:02} EUR\n", cents / 100, cents % 100))
    }
}

async fn keep_logged_in(carrier: Arc<Carrier>) {
    loop {
        tokio::time::sleep(TOKEN_LIFE / 2).await;
        if let Ok(fresh) = carrier.log_in().await {
            *carrier.token.lock().await = fresh;
        }
    }
}

async fn shopper(sock: TcpStream, carrier: Arc<Carrier>) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut io = BufReader::new(sock);
    let mut line = String::new();
    while io.read_line(&mut line).await? > 0 {
        if line == "\r\n" {
            let (status, body) = match carrier.quote().await {
                Ok(body) => ("200 OK", body),
                Err(e) => ("502 Bad Gateway", format!("{e}\n")),
            };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            io.write_all(answer.as_bytes()).await?;
        }
        line.clear();
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    rt.block_on(async move {
        let side = TcpListener::bind("127.0.0.1:0").await.expect("gateway");
        let addr = side.local_addr().expect("addr");
        tokio::spawn(gateway(side));
        let carrier = Arc::new(Carrier {
            addr,
            idle: Default::default(),
            token: Mutex::new(Token { text: String::new(), until: Instant::now() }),
            parcels: AtomicU64::new(0),
            on_demand: broken,
        });
        let first = carrier.log_in().await.expect("log in");
        *carrier.token.lock().await = first;
        if !carrier.on_demand {
            tokio::spawn(keep_logged_in(carrier.clone()));
        }
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        while let Ok((sock, _)) = listener.accept().await {
            tokio::spawn(shopper(sock, carrier.clone()));
        }
    });
}
