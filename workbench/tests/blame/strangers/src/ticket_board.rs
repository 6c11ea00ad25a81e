//! Support desk board: lists the most urgent tickets, mirrors the board to a second site.
use axum::{extract::State, routing::get, Router};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::RwLock;

const PAGE: usize = 50;

#[derive(Clone)]
struct Ticket {
    id: u64,
    subject: String,
    urgency: u32,
    views: u64,
}

struct Board {
    tickets: RwLock<Vec<Ticket>>,
    visits: AtomicU64,
}

impl Board {
    fn seeded(n: u64) -> Board {
        let tickets = (0..n)
            .map(|i| Ticket {
                id: 4000 + i,
                subject: format!("printer {} does not answer", i % 37),
                urgency: (i * 7919 % 101) as u32,
                views: 0,
            })
            .collect();
        Board { tickets: RwLock::new(tickets), visits: AtomicU64::new(0) }
    }

    async fn mark_viewed(&self, visit: u64) {
        let mut tickets = self.tickets.write().await;
        let n = tickets.len() as u64;
        let t = &mut tickets[(visit % n) as usize];
        t.views += 1;
        t.urgency = (t.urgency + 3) % 101;
    }

    async fn most_urgent(&self) -> Vec<Ticket> {
        let tickets = self.tickets.read().await;
        let mut top: Vec<&Ticket> = tickets.iter().filter(|t| t.urgency > 92).collect();
        top.sort_by_key(|t| std::cmp::Reverse((t.urgency, t.id)));
        top.into_iter().take(8).cloned().collect()
    }
}

fn encode_page(page: &[Ticket]) -> Vec<u8> {
    let mut text = String::with_capacity(page.len() * 48);
    for t in page {
        let _ = writeln!(text, "{};{};{};{}", t.id, t.subject, t.urgency, t.views);
    }
    text.into_bytes()
}

async fn send_page(link: &mut DuplexStream, page: &[Ticket]) -> std::io::Result<()> {
    let bytes = encode_page(page);
    link.write_u32(bytes.len() as u32).await?;
    link.write_all(&bytes).await?;
    link.read_u8().await?;
    Ok(())
}

/// The other site: takes a page, stores it, acknowledges. It is 3 ms away.
async fn second_site(mut link: DuplexStream) -> std::io::Result<()> {
    let mut stored = Vec::new();
    loop {
        let n = link.read_u32().await? as usize;
        stored.resize(n, 0);
        link.read_exact(&mut stored).await?;
        tokio::time::sleep(Duration::from_millis(3)).await;
        link.write_u8(1).await?;
    }
}

async fn mirror_live(board: &Board, link: &mut DuplexStream) -> std::io::Result<()> {
    let tickets = board.tickets.read().await; // guilty
    for page in tickets.chunks(PAGE) {
        send_page(link, page).await?; // guilty
    }
    Ok(())
}

async fn mirror_copy(board: &Board, link: &mut DuplexStream) -> std::io::Result<()> {
    let copy = board.tickets.read().await.clone();
    for page in copy.chunks(PAGE) {
        send_page(link, page).await?;
    }
    Ok(())
}

async fn mirror_loop(board: Arc<Board>, mut link: DuplexStream, broken: bool) {
    loop {
        let sent = if broken { mirror_live(&board, &mut link).await } else { mirror_copy(&board, &mut link).await };
        if sent.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

async fn show(State(board): State<Arc<Board>>) -> String {
    let visit = board.visits.fetch_add(1, Ordering::Relaxed);
    if visit % 3 == 0 {
        board.mark_viewed(visit / 3).await;
    }
    let mut out = String::from("most urgent\n");
    for t in board.most_urgent().await {
        let _ = writeln!(out, "#{} [{}] {}", t.id, t.urgency, t.subject);
    }
    out
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let board = Arc::new(Board::seeded(600));
    let (ours, theirs) = tokio::io::duplex(16 * 1024);
    tokio::spawn(second_site(theirs));
    tokio::spawn(mirror_loop(board.clone(), ours, broken));
    let app = Router::new().route("/", get(show)).with_state(board);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(listener, app).await.expect("serve");
}
