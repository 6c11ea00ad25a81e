//! Auction floor: every lot of the sale has its clerk (a task) who records the
//! bids on it. GET places a bid and answers when the clerk has recorded it.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, Notify};

const LOTS: usize = 24_000;

struct Bid {
    paddle: u64,
    confirm: oneshot::Sender<u64>,
}

#[derive(Default)]
struct Lot {
    tray: Mutex<Vec<Bid>>,
    gong: Notify,
    price: AtomicU64,
    leader: AtomicU64,
}

struct House {
    lots: Vec<Lot>,
    bell: Notify,
    paddles: AtomicU64,
    shared_bell: bool,
}

fn record(lot: &Lot, bid: Bid) {
    let price = lot.price.load(Ordering::Relaxed);
    let raised = price + (price / 20).max(5);
    lot.price.store(raised % 1_000_000, Ordering::Relaxed);
    lot.leader.store(bid.paddle, Ordering::Relaxed);
    let _ = bid.confirm.send(raised);
}

fn empty_tray(lot: &Lot) {
    let bids = std::mem::take(&mut *lot.tray.lock().unwrap());
    for bid in bids {
        record(lot, bid);
    }
}

async fn clerk_at_own_gong(house: Arc<House>, n: usize) {
    let lot = &house.lots[n];
    loop {
        lot.gong.notified().await;
        empty_tray(lot);
    }
}

async fn clerk_on_the_floor(house: Arc<House>, n: usize) {
    let lot = &house.lots[n];
    loop {
        let rung = house.bell.notified(); // guilty
        empty_tray(lot);
        rung.await; // guilty
    }
}

fn ring(house: &House) {
    house.bell.notify_waiters(); // guilty
}

async fn place_bid(house: &House) -> Option<(usize, u64, u64)> {
    let paddle = house.paddles.fetch_add(1, Ordering::Relaxed);
    let n = (paddle as usize).wrapping_mul(2_654_435_761) % LOTS;
    let (confirm, confirmed) = oneshot::channel();
    house.lots[n].tray.lock().unwrap().push(Bid { paddle, confirm });
    if house.shared_bell {
        ring(house);
    } else {
        house.lots[n].gong.notify_one();
    }
    let price = confirmed.await.ok()?;
    Some((n, paddle, price))
}

fn slip(n: usize, paddle: u64, price: u64) -> String {
    format!("<p>lot {n}: paddle {paddle} leads at {price}</p>\n")
}

fn take_head(buf: &mut Vec<u8>) -> bool {
    match buf.windows(4).position(|w| w == b"\r\n\r\n") {
        Some(p) => {
            buf.drain(..p + 4);
            true
        }
        None => false,
    }
}

async fn bidder(house: Arc<House>, mut sock: TcpStream) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut buf = Vec::with_capacity(1024);
    loop {
        while !take_head(&mut buf) {
            if sock.read_buf(&mut buf).await? == 0 {
                return Ok(());
            }
        }
        let (status, page) = match place_bid(&house).await {
            Some((n, paddle, price)) => ("200 OK", slip(n, paddle, price)),
            None => ("503 Service Unavailable", String::from("sale closed\n")),
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", page.len());
        sock.write_all((head + &page).as_bytes()).await?;
    }
}

async fn open_sale(broken: bool, port: u16) -> std::io::Result<()> {
    let lots = (0..LOTS).map(|i| Lot { price: AtomicU64::new(100 + i as u64 % 900), ..Lot::default() }).collect();
    let house = Arc::new(House { lots, bell: Notify::new(), paddles: AtomicU64::new(1), shared_bell: broken });
    for n in 0..LOTS {
        if broken {
            tokio::spawn(clerk_on_the_floor(house.clone(), n));
        } else {
            tokio::spawn(clerk_at_own_gong(house.clone(), n));
        }
    }
    let door = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (sock, _) = door.accept().await?;
        tokio::spawn(bidder(house.clone(), sock));
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    rt.block_on(open_sale(broken, port)).expect("sale");
}
