//! A ledger of small accounts. Each request posts one entry; an auditor takes a snapshot
//! a few times a second and adds up the branches.
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ACCOUNTS: u64 = 180_000;
const SHARDS: u64 = 1024;
const BRANCHES: u64 = 10;

#[derive(Clone)]
struct Account {
    holder: String,
    branch: u64,
    balance: i64,
    recent: Vec<i64>,
}

type Accounts = HashMap<String, Account>;

#[derive(Clone)]
enum Books {
    Whole(Arc<Accounts>),
    Sharded(Vec<Arc<Accounts>>),
}

struct Ledger {
    books: Mutex<Books>,
    posted: AtomicU64,
    audited: AtomicI64,
}

fn iban(n: u64) -> String {
    format!("CN{:02}{:010}", n % 97, n)
}

fn open_accounts(numbers: impl Iterator<Item = u64>) -> Arc<Accounts> {
    let open = |n: u64| {
        let account = Account {
            holder: format!("holder no. {n}"),
            branch: n % BRANCHES,
            balance: 1000 + (n % 500) as i64,
            recent: vec![0; 6],
        };
        (iban(n), account)
    };
    Arc::new(numbers.map(open).collect())
}

fn enter(account: &mut Account, amount: i64) -> String {
    account.balance += amount;
    account.recent.rotate_right(1);
    account.recent[0] = amount;
    format!("{} balance={}", account.holder, account.balance)
}

fn post_whole(accounts: &mut Arc<Accounts>, number: u64, amount: i64) -> Option<String> {
    let accounts = Arc::make_mut(accounts); // guilty
    accounts.get_mut(&iban(number)).map(|a| enter(a, amount))
}

fn post_sharded(shards: &mut [Arc<Accounts>], number: u64, amount: i64) -> Option<String> {
    let shard = Arc::make_mut(&mut shards[(number % SHARDS) as usize]);
    shard.get_mut(&iban(number)).map(|a| enter(a, amount))
}

impl Ledger {
    fn post(&self) -> String {
        let n = self.posted.fetch_add(1, Ordering::Relaxed);
        let number = n.wrapping_mul(7919) % ACCOUNTS;
        let amount = (n % 41) as i64 - 20;
        let mut books = self.books.lock().unwrap();
        let line = match &mut *books {
            Books::Whole(accounts) => post_whole(accounts, number, amount),
            Books::Sharded(shards) => post_sharded(shards, number, amount),
        };
        drop(books);
        line.unwrap_or_else(|| "no such account".to_string())
    }

    fn snapshot(&self) -> Books {
        self.books.lock().unwrap().clone()
    }
}

fn branch_total(books: &Books, branch: u64) -> i64 {
    let sum = |m: &Accounts| m.values().filter(|a| a.branch == branch).map(|a| a.balance).sum::<i64>();
    match books {
        Books::Whole(accounts) => sum(accounts),
        Books::Sharded(shards) => shards.iter().map(|s| sum(s)).sum(),
    }
}

/// Runs on a thread of its own and takes a breath between branches.
fn auditor(ledger: Arc<Ledger>) {
    loop {
        std::thread::sleep(Duration::from_millis(380));
        let books = ledger.snapshot();
        let mut total = 0;
        for branch in 0..BRANCHES {
            total += branch_total(&books, branch);
            std::thread::sleep(Duration::from_millis(3));
        }
        ledger.audited.store(total, Ordering::Relaxed);
    }
}

async fn serve(mut sock: TcpStream, ledger: Arc<Ledger>) -> io::Result<()> {
    sock.set_nodelay(true)?;
    let mut buf = Vec::with_capacity(1024);
    loop {
        while let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
            buf.drain(..end + 4);
            let body = format!("{} audited={}\n", ledger.post(), ledger.audited.load(Ordering::Relaxed));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
            sock.write_all((head + &body).as_bytes()).await?;
        }
        if sock.read_buf(&mut buf).await? == 0 {
            return Ok(());
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let books = if broken {
        Books::Whole(open_accounts(0..ACCOUNTS))
    } else {
        Books::Sharded((0..SHARDS).map(|s| open_accounts((s..ACCOUNTS).step_by(SHARDS as usize))).collect())
    };
    let ledger = Arc::new(Ledger { books: Mutex::new(books), posted: AtomicU64::new(0), audited: AtomicI64::new(0) });
    let for_auditor = ledger.clone();
    std::thread::Builder::new().name("auditor".into()).spawn(move || auditor(for_auditor)).unwrap();
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        loop {
            let (sock, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(sock, ledger.clone()));
        }
    });
}
