//! What the services share: a small generator, a minimal HTTP front.
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime")
}

/// A shared splitmix64 stream.
pub struct Dice(AtomicU64);

impl Dice {
    pub const fn new(seed: u64) -> Dice {
        Dice(AtomicU64::new(seed))
    }

    pub fn roll(&self) -> u64 {
        let s = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        mix(s)
    }

    pub fn below(&self, n: u64) -> u64 {
        self.roll() % n
    }
}

pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Serves HTTP/1.1 on `listener`; `answer` makes the body for a path.
pub async fn serve<F, Fut>(listener: TcpListener, answer: F)
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = String> + Send + 'static,
{
    let answer = Arc::new(answer);
    loop {
        let Ok((sock, _)) = listener.accept().await else { continue };
        let _ = sock.set_nodelay(true);
        let answer = answer.clone();
        tokio::spawn(async move {
            let _ = converse(sock, answer).await;
        });
    }
}

async fn converse<F, Fut>(mut sock: TcpStream, answer: Arc<F>) -> std::io::Result<()>
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = String> + Send + 'static,
{
    let (r, mut w) = sock.split();
    let mut r = BufReader::new(r);
    let mut line = String::new();
    loop {
        line.clear();
        if r.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let path = request_path(&line);
        let mut close = line.trim_end().ends_with("HTTP/1.0");
        loop {
            line.clear();
            if r.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let l = line.trim_end();
            if l.is_empty() {
                break;
            }
            if l.eq_ignore_ascii_case("connection: close") {
                close = true;
            }
        }
        let body = answer(path).await;
        w.write_all(response(&body, close).as_bytes()).await?;
        if close {
            return w.shutdown().await;
        }
    }
}

pub fn request_path(line: &str) -> String {
    line.split_whitespace().nth(1).unwrap_or("/").to_string()
}

pub fn response(body: &str, close: bool) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: {}\r\n\r\n{}",
        body.len(),
        if close { "close" } else { "keep-alive" },
        body
    )
}
