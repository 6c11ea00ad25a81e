//! Quotes for pallets: asks the carrier, adds the margin, answers the shop.
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::Router;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

struct Inquiry {
    zone: u32,
    kilos: u32,
    reply: oneshot::Sender<u32>,
}

struct Shop {
    desk: mpsc::Sender<Inquiry>,
    visits: AtomicU32,
}

struct Carrier {
    addr: std::net::SocketAddr,
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

impl Carrier {
    async fn line(&self) -> std::io::Result<BufReader<TcpStream>> {
        if let Some(line) = self.idle.lock().unwrap().pop() {
            return Ok(line);
        }
        let stream = TcpStream::connect(self.addr).await?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }

    async fn tariff(&self, zone: u32, kilos: u32) -> std::io::Result<u32> {
        let mut line = self.line().await?;
        let ask = format!("TARIFF {zone} {kilos}\n");
        line.get_mut().write_all(ask.as_bytes()).await?;
        let mut answer = String::new();
        line.read_line(&mut answer).await?;
        self.idle.lock().unwrap().push(line);
        answer.trim().parse().map_err(|_| std::io::Error::other("unreadable tariff"))
    }
}

fn with_margin(cents: u32, zone: u32) -> u32 {
    let margin = if zone > 4 { 14 } else { 9 };
    cents + cents * margin / 100
}

async fn answer(carrier: &Carrier, inquiry: Inquiry) {
    if let Ok(cents) = carrier.tariff(inquiry.zone, inquiry.kilos).await {
        let _ = inquiry.reply.send(with_margin(cents, inquiry.zone));
    }
}

async fn staff_desk(carrier: Arc<Carrier>, mut inbox: mpsc::Receiver<Inquiry>) {
    while let Some(inquiry) = inbox.recv().await {
        answer(&carrier, inquiry).await; // guilty
    }
}

async fn staff_office(carrier: Arc<Carrier>, mut inbox: mpsc::Receiver<Inquiry>) {
    while let Some(inquiry) = inbox.recv().await {
        let carrier = carrier.clone();
        tokio::spawn(async move { answer(&carrier, inquiry).await });
    }
}

async fn ask_desk(shop: &Shop, zone: u32, kilos: u32) -> Option<u32> {
    let (reply, answer) = oneshot::channel();
    shop.desk.send(Inquiry { zone, kilos, reply }).await.ok()?;
    answer.await.ok()
}

async fn quote(State(shop): State<Arc<Shop>>) -> Result<String, StatusCode> {
    let n = shop.visits.fetch_add(1, Ordering::Relaxed);
    let (zone, kilos) = (1 + n % 7, 40 + n % 600);
    let cents = ask_desk(&shop, zone, kilos).await.ok_or(StatusCode::BAD_GATEWAY)?;
    Ok(format!("zone {zone}, {kilos} kg: {}.{:02}\n", cents / 100, cents % 100))
}

async fn carrier_session(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut ask = String::new();
    while stream.read_line(&mut ask).await? > 0 {
        let numbers: Vec<u32> = ask.split_whitespace().filter_map(|w| w.parse().ok()).collect();
        // the carrier is three towns away
        tokio::time::sleep(Duration::from_millis(7)).await;
        let cents = 900 + numbers.iter().sum::<u32>() * 11;
        stream.get_mut().write_all(format!("{cents}\n").as_bytes()).await?;
        ask.clear();
    }
    Ok(())
}

fn open_carrier() -> std::io::Result<std::net::SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("carrier".into()).spawn(move || {
        rt.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("listener");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carrier_session(stream));
            }
        })
    })?;
    Ok(addr)
}

pub async fn run(broken: bool, port: u16) -> std::io::Result<()> {
    let carrier = Arc::new(Carrier { addr: open_carrier()?, idle: Mutex::default() });
    let (desk, inbox) = mpsc::channel(64);
    if broken {
        tokio::spawn(staff_desk(carrier, inbox));
    } else {
        tokio::spawn(staff_office(carrier, inbox));
    }
    let shop = Arc::new(Shop { desk, visits: AtomicU32::new(0) });
    let app = Router::new().route("/", get(quote)).with_state(shop);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await
}
