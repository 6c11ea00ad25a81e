//! Menu board: the cafés' prices, and the screens above the counters that are told of each change.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, Mutex};

struct Change {
    dish: usize,
    cents: u32,
}

enum Outbox {
    Bounded(mpsc::Sender<Change>),
    Latest(std::sync::Mutex<BTreeMap<usize, u32>>, tokio::sync::Notify),
}

struct Board {
    prices: Mutex<BTreeMap<usize, u32>>,
    outbox: Outbox,
    visits: AtomicUsize,
}

/// The gateway of the screens: takes a list of changes and confirms when they are shown.
async fn screens_gateway(listener: TcpListener) -> std::io::Result<()> {
    let (mut sock, _) = listener.accept().await?;
    let mut taken = 0u32;
    loop {
        let count = sock.read_u32().await?;
        for _ in 0..count {
            sock.read_u64().await?;
        }
        taken += 1;
        let radio = if taken % 8 == 0 { 110 } else { 4 };
        tokio::time::sleep(Duration::from_millis(radio)).await;
        sock.write_u8(b'k').await?;
    }
}

async fn show(gateway: &mut TcpStream, changes: &[(usize, u32)]) -> std::io::Result<()> {
    let mut frame = (changes.len() as u32).to_be_bytes().to_vec();
    for (dish, cents) in changes {
        frame.extend_from_slice(&((*dish as u64) << 32 | u64::from(*cents)).to_be_bytes());
    }
    gateway.write_all(&frame).await?;
    gateway.read_u8().await?;
    Ok(())
}

async fn tell_screens(mut queue: mpsc::Receiver<Change>, addr: SocketAddr) -> std::io::Result<()> {
    let mut gateway = TcpStream::connect(addr).await?;
    gateway.set_nodelay(true)?;
    while let Some(change) = queue.recv().await {
        show(&mut gateway, &[(change.dish, change.cents)]).await?;
    }
    Ok(())
}

async fn tell_screens_latest(board: Arc<Board>, addr: SocketAddr) -> std::io::Result<()> {
    let mut gateway = TcpStream::connect(addr).await?;
    gateway.set_nodelay(true)?;
    let Outbox::Latest(waiting, bell) = &board.outbox else { return Ok(()) };
    loop {
        bell.notified().await;
        let batch: Vec<(usize, u32)> = std::mem::take(&mut *waiting.lock().unwrap()).into_iter().collect();
        if !batch.is_empty() {
            show(&mut gateway, &batch).await?;
        }
    }
}

impl Board {
    async fn change_and_tell(&self, queue: &mpsc::Sender<Change>, dish: usize, cents: u32) {
        let mut prices = self.prices.lock().await;
        let old = prices.insert(dish, cents);
        if old != Some(cents) {
            let _ = queue.send(Change { dish, cents }).await; // guilty
        }
    }

    async fn change_price(&self, dish: usize, cents: u32) {
        match &self.outbox {
            Outbox::Bounded(queue) => self.change_and_tell(queue, dish, cents).await,
            Outbox::Latest(waiting, bell) => {
                let old = self.prices.lock().await.insert(dish, cents);
                if old != Some(cents) {
                    waiting.lock().unwrap().insert(dish, cents);
                    bell.notify_one();
                }
            }
        }
    }

    async fn render(&self, from: usize) -> String {
        let prices = self.prices.lock().await;
        let mut out = String::from("today\n");
        for (dish, cents) in prices.range(from..).take(12) {
            out.push_str(&format!("dish {dish}: {}.{:02}\n", cents / 100, cents % 100));
        }
        out
    }

    async fn visit(&self) -> String {
        let n = self.visits.fetch_add(1, Ordering::Relaxed);
        if n % 4 == 1 {
            self.change_price((n * 7) % 200, 250 + (n as u32 * 5) % 900).await;
        }
        self.render((n * 3) % 180).await
    }
}

async fn serve(mut sock: TcpStream, board: Arc<Board>) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut head = Vec::with_capacity(1024);
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if sock.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let body = board.visit().await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        sock.write_all(answer.as_bytes()).await?;
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    rt.block_on(async move {
        let gateway = TcpListener::bind("127.0.0.1:0").await.expect("gateway");
        let addr = gateway.local_addr().expect("addr");
        tokio::spawn(screens_gateway(gateway));
        let (tx, rx) = mpsc::channel(2);
        let outbox = if broken { Outbox::Bounded(tx) } else { Outbox::Latest(Default::default(), Default::default()) };
        let prices = Mutex::new((0..200).map(|d| (d, 300 + d as u32)).collect());
        let board = Arc::new(Board { prices, outbox, visits: AtomicUsize::new(0) });
        if broken {
            tokio::spawn(tell_screens(rx, addr));
        } else {
            tokio::spawn(tell_screens_latest(board.clone(), addr));
        }
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        loop {
            if let Ok((sock, _)) = listener.accept().await {
                let board = board.clone();
                tokio::spawn(async move {
                    let _ = serve(sock, board).await;
                });
            }
        }
    });
}
