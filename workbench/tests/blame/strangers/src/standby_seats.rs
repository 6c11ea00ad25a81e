//! Box office: GET / sells the next free seat. A replicator keeps the standby
//! hall up to date by sending it the whole seat board, section by section.
use axum::{extract::State, routing::get, Router};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;

const SECTIONS: usize = 10;
const SEATS: usize = 300;

#[derive(Clone)]
struct Section {
    name: char,
    sold: Vec<u64>,
    next: usize,
}

struct Board {
    sections: Vec<Section>,
}

struct Office {
    board: RwLock<Board>,
    orders: AtomicU64,
}

struct Ticket {
    order: u64,
    section: char,
    seat: usize,
    left: usize,
}

impl Board {
    fn new() -> Board {
        let sections =
            (0..SECTIONS).map(|i| Section { name: (b'A' + i as u8) as char, sold: vec![0; SEATS], next: 0 }).collect();
        Board { sections }
    }

    fn sell(&mut self, order: u64) -> Ticket {
        let section = &mut self.sections[order as usize % SECTIONS];
        if section.next == SEATS {
            // the house is sold out: open the next performance
            section.sold.fill(0);
            section.next = 0;
        }
        let seat = section.next;
        section.sold[seat] = order;
        section.next += 1;
        Ticket { order, section: section.name, seat, left: SEATS - section.next }
    }
}

fn encode(section: &Section) -> Vec<u8> {
    let mut body = Vec::with_capacity(5 + SEATS * 8);
    body.extend_from_slice(&((SEATS * 8 + 1) as u32).to_be_bytes());
    body.push(section.name as u8);
    for order in &section.sold {
        body.extend_from_slice(&order.to_be_bytes());
    }
    body
}

async fn send_section(standby: &mut TcpStream, section: &Section) -> std::io::Result<()> {
    standby.write_all(&encode(section)).await?;
    standby.read_u8().await.map(|_| ())
}

async fn ship_board(office: &Office, standby: &mut TcpStream) -> std::io::Result<()> {
    let board = office.board.read().await; // guilty
    for section in &board.sections {
        send_section(standby, section).await?; // guilty
    }
    Ok(())
}

async fn ship_copy(office: &Office, standby: &mut TcpStream) -> std::io::Result<()> {
    let sections = office.board.read().await.sections.clone();
    for section in &sections {
        send_section(standby, section).await?;
    }
    Ok(())
}

async fn replicate(office: Arc<Office>, addr: std::net::SocketAddr, broken: bool) -> std::io::Result<()> {
    let mut standby = TcpStream::connect(addr).await?;
    standby.set_nodelay(true)?;
    loop {
        if broken {
            ship_board(&office, &mut standby).await?;
        } else {
            ship_copy(&office, &mut standby).await?;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The other hall: takes a section, puts it on disk, acknowledges it.
async fn standby_hall(listener: TcpListener) -> std::io::Result<()> {
    let (mut peer, _) = listener.accept().await?;
    peer.set_nodelay(true)?;
    let mut page = vec![0u8; SEATS * 8 + 1];
    loop {
        let len = peer.read_u32().await? as usize;
        peer.read_exact(&mut page[..len]).await?;
        tokio::time::sleep(Duration::from_millis(3)).await; // its disk and the line to it
        peer.write_u8(1).await?;
    }
}

fn print_ticket(t: &Ticket) -> String {
    let mut out = String::with_capacity(96);
    let _ = writeln!(out, "order {}", t.order);
    let _ = writeln!(out, "section {} row {} seat {}", t.section, t.seat / 20 + 1, t.seat % 20 + 1);
    let _ = writeln!(out, "{} left in this section", t.left);
    out
}

async fn reserve(office: &Office) -> Ticket {
    let order = office.orders.fetch_add(1, Ordering::Relaxed) + 1;
    office.board.write().await.sell(order)
}

async fn buy(State(office): State<Arc<Office>>) -> String {
    let ticket = reserve(&office).await;
    print_ticket(&ticket)
}

#[tokio::main]
pub async fn run(broken: bool, port: u16) {
    let office = Arc::new(Office { board: RwLock::new(Board::new()), orders: AtomicU64::new(0) });
    let hall = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = hall.local_addr().unwrap();
    tokio::spawn(standby_hall(hall));
    tokio::spawn(replicate(office.clone(), addr, broken));
    let app = Router::new().route("/", get(buy)).with_state(office);
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
