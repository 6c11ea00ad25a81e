//! Box office: holds seats for visitors and keeps a resale partner up to date.
use axum::{extract::State, routing::get, Router};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;

#[derive(Clone)]
struct Section {
    name: String,
    free: u32,
    cents: u32,
    sold: u64,
}

struct House {
    sections: RwLock<Vec<Section>>,
    visitors: AtomicUsize,
}

type Link = BufReader<TcpStream>;

fn open_house() -> House {
    let names = ["stalls", "circle", "balcony", "box-l", "box-r", "gallery", "pit", "terrace"];
    let sections = names
        .iter()
        .enumerate()
        .map(|(i, n)| Section { name: n.to_string(), free: 400, cents: 2500 + 700 * i as u32, sold: 0 })
        .collect();
    House { sections: RwLock::new(sections), visitors: AtomicUsize::new(0) }
}

/// The partner's gateway: one line per section, an acknowledgement once it is filed.
async fn partner_gateway(l: TcpListener) {
    while let Ok((sock, _)) = l.accept().await {
        let _ = sock.set_nodelay(true);
        tokio::spawn(async move {
            let mut peer = BufReader::new(sock);
            let mut line = String::new();
            while matches!(peer.read_line(&mut line).await, Ok(n) if n > 0) {
                line.clear();
                tokio::time::sleep(Duration::from_millis(2)).await;
                if peer.write_all(b"filed\n").await.is_err() {
                    return;
                }
            }
        });
    }
}

async fn send_section(link: &mut Link, s: &Section) -> std::io::Result<()> {
    let line = format!("{};{};{};{}\n", s.name, s.free, s.cents, s.sold);
    link.write_all(line.as_bytes()).await?;
    let mut ack = String::new();
    link.read_line(&mut ack).await?;
    Ok(())
}

async fn publish_house(house: &House, link: &mut Link) -> std::io::Result<()> {
    let sections = house.sections.read().await; // guilty
    for s in sections.iter().filter(|s| s.free > 0) {
        send_section(link, s).await?; // guilty
    }
    Ok(())
}

async fn publish_copy(house: &House, link: &mut Link) -> std::io::Result<()> {
    let copy = house.sections.read().await.clone();
    for s in copy.iter().filter(|s| s.free > 0) {
        send_section(link, s).await?;
    }
    Ok(())
}

async fn partner_feed(house: Arc<House>, addr: std::net::SocketAddr, broken: bool) -> std::io::Result<()> {
    let sock = TcpStream::connect(addr).await?;
    sock.set_nodelay(true)?;
    let mut link = BufReader::new(sock);
    loop {
        if broken {
            publish_house(&house, &mut link).await?;
        } else {
            publish_copy(&house, &mut link).await?;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

async fn hold_seat(house: &House, visitor: usize) -> Section {
    let mut sections = house.sections.write().await;
    let n = sections.len();
    let s = &mut sections[visitor % n];
    if s.free <= 1 {
        s.free = 400; // next performance
    }
    s.free -= 1;
    s.sold += 1;
    s.clone()
}

fn receipt(visitor: usize, s: &Section) -> String {
    format!("visitor {visitor}: one seat in {} for {}.{:02}, {} left\n", s.name, s.cents / 100, s.cents % 100, s.free)
}

async fn buy(State(house): State<Arc<House>>) -> String {
    let visitor = house.visitors.fetch_add(1, Ordering::Relaxed);
    let s = hold_seat(&house, visitor).await;
    receipt(visitor, &s)
}

async fn serve(broken: bool, port: u16) -> std::io::Result<()> {
    let house = Arc::new(open_house());
    let gate = TcpListener::bind("127.0.0.1:0").await?;
    let addr = gate.local_addr()?;
    tokio::spawn(partner_gateway(gate));
    tokio::spawn(partner_feed(house.clone(), addr, broken));
    let app = Router::new().route("/", get(buy)).with_state(house);
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, app).await
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(serve(broken, port)).unwrap();
}
