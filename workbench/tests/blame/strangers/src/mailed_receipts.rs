//! Checkout of a small shop: totals a basket and mails a receipt to customers who asked for one.
use axum::{extract::State, routing::get, Router};
use std::io::{BufRead, BufReader as StdReader, Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

struct Shop {
    broken: bool,
    relay: SocketAddr,
    orders: AtomicU64,
    mailed: AtomicU64,
}

struct Basket {
    order: u64,
    lines: Vec<(&'static str, u32, u32)>,
}

const SHELF: [(&str, u32); 6] =
    [("tea", 420), ("honey", 690), ("oat biscuits", 310), ("jam", 455), ("coffee", 980), ("sugar", 150)];

/// The provider's mail relay: takes its time over each command.
fn mail_relay() -> SocketAddr {
    let listener = StdListener::bind("127.0.0.1:0").expect("relay");
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for sock in listener.incoming().flatten() {
            std::thread::spawn(move || {
                sock.set_nodelay(true).ok();
                let mut out = sock.try_clone().unwrap();
                for line in StdReader::new(sock.take(1 << 16)).lines().map_while(Result::ok) {
                    std::thread::sleep(Duration::from_millis(11));
                    if writeln!(out, "250 {}", line.split(' ').next().unwrap_or("")).is_err() {
                        return;
                    }
                }
            });
        }
    });
    addr
}

fn fill_basket(order: u64) -> Basket {
    let n = 2 + (order % 4) as usize;
    let lines = (0..n)
        .map(|i| {
            let (name, cents) = SHELF[(order as usize * 5 + i * 7) % SHELF.len()];
            (name, cents, 1 + ((order >> i) % 3) as u32)
        })
        .collect();
    Basket { order, lines }
}

fn total(basket: &Basket) -> u32 {
    basket.lines.iter().map(|(_, cents, n)| cents * n).sum()
}

fn commands(basket: &Basket) -> [String; 4] {
    [
        "HELO shop.example\n".into(),
        "MAIL FROM:<till@shop.example>\n".into(),
        format!("RCPT TO:<customer{}@mail.example>\n", basket.order % 977),
        format!("DATA order {} total {}\n", basket.order, total(basket)),
    ]
}

fn submit(relay: SocketAddr, basket: &Basket) -> std::io::Result<bool> {
    let mut sock = StdStream::connect(relay)?;
    sock.set_nodelay(true)?;
    let mut replies = StdReader::new(sock.try_clone()?);
    let mut reply = String::new();
    for command in commands(basket) {
        sock.write_all(command.as_bytes())?;
        reply.clear();
        replies.read_line(&mut reply)?; // guilty
        if !reply.starts_with("250") {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn submit_async(relay: SocketAddr, basket: &Basket) -> std::io::Result<bool> {
    let mut sock = TcpStream::connect(relay).await?;
    sock.set_nodelay(true)?;
    let (rd, mut wr) = sock.split();
    let mut replies = BufReader::new(rd);
    let mut reply = String::new();
    for command in commands(basket) {
        wr.write_all(command.as_bytes()).await?;
        reply.clear();
        replies.read_line(&mut reply).await?;
        if !reply.starts_with("250") {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn mail_receipt(shop: Arc<Shop>, basket: Basket) {
    let sent = submit(shop.relay, &basket); // guilty
    note_outcome(&shop, sent);
}

async fn mail_receipt_async(shop: Arc<Shop>, basket: Basket) {
    let sent = submit_async(shop.relay, &basket).await;
    note_outcome(&shop, sent);
}

fn note_outcome(shop: &Shop, sent: std::io::Result<bool>) {
    if matches!(sent, Ok(true)) {
        shop.mailed.fetch_add(1, Ordering::Relaxed);
    }
}

async fn checkout(State(shop): State<Arc<Shop>>) -> String {
    let basket = fill_basket(shop.orders.fetch_add(1, Ordering::Relaxed));
    let mut page = format!("order {}\n", basket.order);
    for (name, cents, n) in &basket.lines {
        page += &format!("{n} x {name:<14}{:>8}\n", cents * n);
    }
    page += &format!("total {} cents, {} receipts mailed today\n", total(&basket), shop.mailed.load(Ordering::Relaxed));
    if basket.order % 5 == 0 {
        if shop.broken {
            tokio::spawn(mail_receipt(shop.clone(), basket));
        } else {
            tokio::spawn(mail_receipt_async(shop.clone(), basket));
        }
    }
    page
}

pub async fn run(broken: bool, port: u16) {
    let shop = Arc::new(Shop { broken, relay: mail_relay(), orders: AtomicU64::new(1), mailed: AtomicU64::new(0) });
    let app = Router::new().route("/", get(checkout)).with_state(shop);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(listener, app).await.unwrap();
}
