//! Parcel tariffs: quotes a parcel for a zone, counts the use of each zone, and keeps a
//! partner (the customs broker) up to date with the whole book, page by page.
use axum::{extract::State, routing::get, Router};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;

const ZONES: usize = 480;
const PAGE: usize = 24;

#[derive(Clone)]
struct Zone {
    code: String,
    cents_per_kg: u64,
    used: u64,
}

#[derive(Clone)]
struct Book {
    zones: Vec<Zone>,
    revision: u64,
}

impl Book {
    fn load() -> Book {
        let zones = (0..ZONES)
            .map(|i| Zone { code: format!("Z{i:03}"), cents_per_kg: 90 + (i as u64 * 37) % 410, used: 0 })
            .collect();
        Book { zones, revision: 1 }
    }

    fn quote(&self, zone: usize, grams: u64) -> (String, u64) {
        let z = &self.zones[zone % self.zones.len()];
        (z.code.clone(), (z.cents_per_kg * grams).div_ceil(1000))
    }

    fn count(&mut self, zone: usize) {
        let n = self.zones.len();
        self.zones[zone % n].used += 1;
        self.revision += 1;
    }
}

struct Office {
    book: RwLock<Book>,
    served: AtomicU64,
}

fn page_text(page: &[Zone], revision: u64) -> Vec<u8> {
    let mut text = format!("rev={revision}\n");
    for z in page {
        text.push_str(&format!("{};{};{}\n", z.code, z.cents_per_kg, z.used));
    }
    let mut out = (text.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(text.as_bytes());
    out
}

async fn send_page(partner: &mut TcpStream, page: &[Zone], revision: u64) -> io::Result<()> {
    partner.write_all(&page_text(page, revision)).await?;
    let mut ack = [0u8; 1];
    partner.read_exact(&mut ack).await?;
    Ok(())
}

/// The partner wants one revision in all pages.
async fn sync_consistent(office: &Office, partner: &mut TcpStream) -> io::Result<()> {
    let book = office.book.read().await; // guilty
    for page in book.zones.chunks(PAGE) {
        send_page(partner, page, book.revision).await?; // guilty
    }
    Ok(())
}

/// The partner wants one revision in all pages.
async fn sync_copy(office: &Office, partner: &mut TcpStream) -> io::Result<()> {
    let book = office.book.read().await.clone();
    for page in book.zones.chunks(PAGE) {
        send_page(partner, page, book.revision).await?;
    }
    Ok(())
}

async fn keep_partner_current(office: Arc<Office>, addr: std::net::SocketAddr, broken: bool) -> io::Result<()> {
    let mut partner = TcpStream::connect(addr).await?;
    partner.set_nodelay(true)?;
    loop {
        if broken {
            sync_consistent(&office, &mut partner).await?;
        } else {
            sync_copy(&office, &mut partner).await?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Stand-in for the customs broker's host: a few milliseconds away, acknowledges each page.
async fn broker(listener: TcpListener) -> io::Result<()> {
    let (mut sock, _) = listener.accept().await?;
    sock.set_nodelay(true)?;
    let mut body = Vec::new();
    loop {
        let len = sock.read_u32().await? as usize;
        body.resize(len, 0);
        sock.read_exact(&mut body).await?;
        tokio::time::sleep(Duration::from_millis(4)).await;
        sock.write_all(b"+").await?;
    }
}

async fn quote(State(office): State<Arc<Office>>) -> String {
    let n = office.served.fetch_add(1, Ordering::Relaxed);
    let zone = (n as usize).wrapping_mul(131) % ZONES;
    let grams = 200 + (n * 77) % 4800;
    let (code, cents) = office.book.read().await.quote(zone, grams);
    if n % 3 == 0 {
        office.book.write().await.count(zone);
    }
    format!("zone={code} grams={grams} cents={cents}\n")
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    rt.block_on(async move {
        let office = Arc::new(Office { book: RwLock::new(Book::load()), served: AtomicU64::new(0) });
        let broker_port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = broker_port.local_addr().unwrap();
        tokio::spawn(broker(broker_port));
        tokio::spawn(keep_partner_current(office.clone(), addr, broken));
        let app = Router::new().route("/", get(quote)).with_state(office);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
