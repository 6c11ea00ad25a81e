//! Ledger: books an entry per request and keeps a backlog so that followers can catch up.
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const WINDOW: usize = 64;

struct Record {
    seq: u64,
    body: Box<[u8]>,
}

#[derive(Default)]
struct Book {
    next_seq: u64,
    accounts: BTreeMap<u32, i64>,
    backlog: VecDeque<Record>,
    /// follower name -> last sequence number it has confirmed
    followers: BTreeMap<String, u64>,
}

struct Ledger {
    book: Mutex<Book>,
    follow: bool,
}

/// The entry as followers get it: the line itself and the page of balances it belongs to.
fn encode(book: &Book, seq: u64, account: u32, cents: i64) -> Box<[u8]> {
    let mut s = String::with_capacity(4096);
    let _ = writeln!(s, "{seq} {account} {cents}");
    let page = account / 100 * 100;
    for (id, balance) in book.accounts.range(page..page + 100) {
        let _ = writeln!(s, "  {id:08} balance {balance:>12}");
    }
    s.into_bytes().into_boxed_slice()
}

fn retain_for_followers(book: &mut Book, rec: Record) {
    book.backlog.push_back(rec); // guilty
    if let Some(confirmed) = book.followers.values().min().copied() {
        while book.backlog.front().is_some_and(|r| r.seq <= confirmed) {
            book.backlog.pop_front();
        }
    }
}

fn retain_window(book: &mut Book, rec: Record) {
    book.backlog.push_back(rec);
    while book.backlog.len() > WINDOW {
        // a follower further behind than this starts from a snapshot
        book.backlog.pop_front();
    }
}

fn book_entry(ledger: &Ledger) -> String {
    let mut book = ledger.book.lock().unwrap();
    let seq = book.next_seq;
    book.next_seq += 1;
    let account = (seq.wrapping_mul(2654435761) % 1000) as u32;
    let cents = (seq % 977) as i64 - 400;
    let balance = {
        let b = book.accounts.entry(account).or_insert(0);
        *b += cents;
        *b
    };
    let rec = Record { seq, body: encode(&book, seq, account, cents) };
    let size = rec.body.len();
    if ledger.follow {
        retain_for_followers(&mut book, rec);
    } else {
        retain_window(&mut book, rec);
    }
    format!("entry {seq} account {account} balance {balance} record {size}\n")
}

fn answer(out: &mut Vec<u8>, body: &str) {
    out.clear();
    let _ = std::io::Write::write_fmt(
        out,
        format_args!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{}", body.len(), body),
    );
}

async fn read_head(r: &mut BufReader<TcpStream>, line: &mut String) -> std::io::Result<bool> {
    loop {
        line.clear();
        if r.read_line(line).await? == 0 {
            return Ok(false);
        }
        if line == "\r\n" {
            return Ok(true);
        }
    }
}

async fn connection(sock: TcpStream, ledger: Arc<Ledger>) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut r = BufReader::new(sock);
    let (mut line, mut out) = (String::new(), Vec::new());
    while read_head(&mut r, &mut line).await? {
        let body = book_entry(&ledger);
        answer(&mut out, &body);
        r.write_all(&out).await?;
    }
    Ok(())
}

async fn serve(broken: bool, port: u16) -> std::io::Result<()> {
    let mut book = Book::default();
    book.accounts.extend((0..1000).map(|id| (id, 10_000)));
    let ledger = Arc::new(Ledger { book: Mutex::new(book), follow: broken });
    let l = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (sock, _) = l.accept().await?;
        tokio::spawn(connection(sock, ledger.clone()));
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(serve(broken, port)).unwrap();
}
