//! Clearing ledger: GET shows an account; a settlement task posts transfers all
//! the time; an exporter sends the day's totals to the archive over TCP.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;
use tokio::time::{interval, sleep, MissedTickBehavior};

const ACCOUNTS: usize = 600;
const PER_PAGE: usize = 100;

struct Account {
    holder: String,
    cents: i64,
    postings: u32,
}

struct Ledger {
    accounts: RwLock<Vec<Account>>,
    looked_at: AtomicUsize,
}

fn open_books() -> Vec<Account> {
    (0..ACCOUNTS)
        .map(|i| Account { holder: format!("member-{i:04}"), cents: 100_000 + i as i64 * 37, postings: 0 })
        .collect()
}

fn page_of(rows: &[Account]) -> String {
    let mut page = String::with_capacity(rows.len() * 32);
    for a in rows {
        page.push_str(&format!("{},{},{};", a.holder, a.cents, a.postings));
    }
    page.push('\n');
    page
}

/// The archive: stores one page, then acknowledges it. A few ms for its disk.
async fn archive(door: TcpListener) {
    while let Ok((sock, _)) = door.accept().await {
        let (r, mut w) = sock.into_split();
        let mut lines = BufReader::new(r).lines();
        while let Ok(Some(page)) = lines.next_line().await {
            sleep(Duration::from_millis(6)).await;
            if w.write_all(format!("stored {}\n", page.len()).as_bytes()).await.is_err() {
                break;
            }
        }
    }
}

async fn ship(link: &mut BufReader<TcpStream>, page: &str) -> std::io::Result<usize> {
    link.get_mut().write_all(page.as_bytes()).await?;
    let mut ack = String::new();
    link.read_line(&mut ack).await
}

async fn export_live(ledger: &Ledger, link: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    let accounts = ledger.accounts.read().await; // guilty
    for rows in accounts.chunks(PER_PAGE) {
        ship(link, &page_of(rows)).await?; // guilty
    }
    Ok(())
}

async fn export_copied(ledger: &Ledger, link: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    let pages: Vec<String> = ledger.accounts.read().await.chunks(PER_PAGE).map(page_of).collect();
    for page in &pages {
        ship(link, page).await?;
    }
    Ok(())
}

async fn exporter(ledger: Arc<Ledger>, archive_port: u16, broken: bool) -> std::io::Result<()> {
    let sock = TcpStream::connect(("127.0.0.1", archive_port)).await?;
    sock.set_nodelay(true)?;
    let mut link = BufReader::new(sock);
    loop {
        if broken {
            export_live(&ledger, &mut link).await?;
        } else {
            export_copied(&ledger, &mut link).await?;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn settle(ledger: Arc<Ledger>) {
    let mut clock = interval(Duration::from_millis(10));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 1usize.. {
        clock.tick().await;
        let mut accounts = ledger.accounts.write().await;
        let (from, to) = (round * 17 % ACCOUNTS, round * 29 % ACCOUNTS);
        let amount = 100 + (round % 900) as i64;
        accounts[from].cents -= amount;
        accounts[to].cents += amount;
        accounts[from].postings += 1;
        accounts[to].postings += 1;
    }
}

async fn statement(ledger: &Ledger) -> String {
    let i = ledger.looked_at.fetch_add(7, Ordering::Relaxed) % ACCOUNTS;
    let accounts = ledger.accounts.read().await;
    let a = &accounts[i];
    format!("{{\"holder\":\"{}\",\"cents\":{},\"postings\":{}}}\n", a.holder, a.cents, a.postings)
}

async fn counter(ledger: Arc<Ledger>, mut sock: TcpStream) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut tail = 0u32;
    let mut chunk = [0u8; 1024];
    loop {
        let n = sock.read(&mut chunk).await?;
        if n == 0 {
            return Ok(());
        }
        for &b in &chunk[..n] {
            tail = tail << 8 | b as u32;
            if tail == u32::from_be_bytes(*b"\r\n\r\n") {
                let body = statement(&ledger).await;
                let msg = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: application/json\r\n\r\n{body}",
                    body.len()
                );
                sock.write_all(msg.as_bytes()).await?;
            }
        }
    }
}

async fn open_house(broken: bool, port: u16) -> std::io::Result<()> {
    let ledger = Arc::new(Ledger { accounts: RwLock::new(open_books()), looked_at: AtomicUsize::new(0) });
    let vault = TcpListener::bind("127.0.0.1:0").await?;
    let archive_port = vault.local_addr()?.port();
    tokio::spawn(archive(vault));
    tokio::spawn(exporter(ledger.clone(), archive_port, broken));
    tokio::spawn(settle(ledger.clone()));
    let door = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (sock, _) = door.accept().await?;
        tokio::spawn(counter(ledger.clone(), sock));
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    rt.block_on(open_house(broken, port)).expect("ledger");
}
