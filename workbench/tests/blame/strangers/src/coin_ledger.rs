//! Coin ledger: every visit books one entry and files a receipt with the archive across the hall.
use axum::{extract::State, routing::get, Json, Router};
use parking_lot::Mutex as SyncMutex;
use serde_json::{json, Value};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

#[derive(Default)]
struct Ledger {
    balances: Vec<i64>,
    serial: u64,
    checksum: u64,
}

struct Entry {
    serial: u64,
    account: usize,
    balance: i64,
    checksum: u64,
}

impl Ledger {
    fn book(&mut self) -> Entry {
        self.serial += 1;
        let account = (self.serial % self.balances.len() as u64) as usize;
        let amount = (self.serial * 7919 % 2000) as i64 - 990;
        self.balances[account] += amount;
        self.checksum = self.checksum.rotate_left(5) ^ amount as u64 ^ self.serial;
        Entry { serial: self.serial, account, balance: self.balances[account], checksum: self.checksum }
    }
}

struct Archive {
    addr: SocketAddr,
    idle: SyncMutex<Vec<BufReader<TcpStream>>>,
}

impl Archive {
    async fn open() -> io::Result<Archive> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(shelve(stream));
            }
        });
        Ok(Archive { addr, idle: SyncMutex::new(Vec::new()) })
    }

    async fn file(&self, e: &Entry) -> io::Result<String> {
        let idle = self.idle.lock().pop();
        let mut line = match idle {
            Some(line) => line,
            None => {
                let fresh = TcpStream::connect(self.addr).await?;
                fresh.set_nodelay(true)?;
                BufReader::new(fresh)
            }
        };
        line.write_all(format!("{} {} {} {:x}\n", e.serial, e.account, e.balance, e.checksum).as_bytes()).await?;
        let mut receipt = String::new();
        line.read_line(&mut receipt).await?;
        self.idle.lock().push(line);
        Ok(receipt.trim().to_string())
    }
}

/// The far side: a shelf that needs a few milliseconds for each receipt, any number at once.
async fn shelve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let shelf = line.len() * 31 % 97;
        stream.write_all(format!("shelf-{shelf}/{}\n", line.split(' ').next().unwrap_or("?")).as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

struct Office {
    ledger: Mutex<Ledger>,
    archive: Archive,
    broken: bool,
}

async fn book_and_file(office: &Office) -> io::Result<(Entry, String)> {
    let mut ledger = office.ledger.lock().await;
    let entry = ledger.book();
    let receipt = office.archive.file(&entry).await?; // guilty
    Ok((entry, receipt))
}

async fn book_then_file(office: &Office) -> io::Result<(Entry, String)> {
    let entry = office.ledger.lock().await.book();
    let receipt = office.archive.file(&entry).await?;
    Ok((entry, receipt))
}

async fn index(State(office): State<Arc<Office>>) -> Json<Value> {
    let booked = if office.broken { book_and_file(&office).await } else { book_then_file(&office).await };
    match booked {
        Ok((e, receipt)) => {
            Json(json!({"serial": e.serial, "account": e.account, "balance": e.balance, "receipt": receipt}))
        }
        Err(e) => Json(json!({"error": e.to_string()})),
    }
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let ledger = Mutex::new(Ledger { balances: vec![0; 200], ..Ledger::default() });
    let office = Arc::new(Office { ledger, archive: Archive::open().await?, broken });
    let app = Router::new().route("/", get(index)).with_state(office);
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, app).await
}
