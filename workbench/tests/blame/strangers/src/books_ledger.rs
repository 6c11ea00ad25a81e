//! A ledger: every request posts one movement and gets the account's statement. One bookkeeper thread
//! owns the accounts; connection threads send it postings.
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::thread;

const ACCOUNTS: usize = 120_000;
const JOURNAL_PAGE: usize = 80;

struct Account {
    number: u32,
    balance: i64,
    movements: u32,
}

struct Movement {
    account: usize,
    cents: i64,
}

struct Posting {
    reply: Sender<String>,
}

struct Books {
    accounts: Vec<Account>,
    journal: Vec<Movement>,
    serial: u64,
    checkpoint: String,
    seal: u64,
}

fn fnv(mut h: u64, bytes: &[u8]) -> u64 {
    for b in bytes {
        h = (h ^ *b as u64).wrapping_mul(0x100000001b3);
    }
    h
}

impl Books {
    fn open() -> Books {
        let accounts = (0..ACCOUNTS)
            .map(|i| Account { number: 40_000_000 + i as u32, balance: (i as i64 * 7919) % 500_000, movements: 0 })
            .collect();
        Books { accounts, journal: Vec::new(), serial: 0, checkpoint: String::new(), seal: 0xcbf29ce484222325 }
    }

    fn next_movement(&mut self) -> Movement {
        self.serial += 1;
        let account = (self.serial as usize * 104_729) % ACCOUNTS;
        let cents = (self.serial as i64 * 37) % 900 - 300;
        Movement { account, cents }
    }

    fn post(&mut self, m: Movement) -> String {
        let acc = &mut self.accounts[m.account];
        acc.balance += m.cents;
        acc.movements += 1;
        let mut out = format!("account {}\n", acc.number);
        let _ = writeln!(out, "posted {:+}.{:02}", m.cents / 100, m.cents.abs() % 100);
        let _ = writeln!(out, "balance {}.{:02}", acc.balance / 100, acc.balance.abs() % 100);
        self.journal.push(m);
        out
    }

    /// Writes the state down so that the journal can start a new page.
    fn checkpoint_books(&mut self) {
        let mut order: Vec<&Account> = self.accounts.iter().collect(); // guilty
        order.sort_by_key(|a| (a.balance, a.number)); // guilty
        let mut text = String::new();
        for a in order {
            // guilty
            let _ = writeln!(text, "{} {}.{:02} {}", a.number, a.balance / 100, a.balance.abs() % 100, a.movements);
            // guilty
        }
        self.seal = fnv(self.seal, text.as_bytes()); // guilty
        self.checkpoint = text;
        self.journal.clear();
    }

    fn checkpoint_page(&mut self) {
        let touched: BTreeSet<usize> = self.journal.iter().map(|m| m.account).collect();
        let mut text = String::new();
        for i in touched {
            let a = &self.accounts[i];
            let _ = writeln!(text, "{} {}.{:02} {}", a.number, a.balance / 100, a.balance.abs() % 100, a.movements);
        }
        self.seal = fnv(self.seal, text.as_bytes());
        self.checkpoint = text;
        self.journal.clear();
    }
}

fn bookkeeper(desk: Receiver<Posting>, broken: bool) {
    let mut books = Books::open();
    for posting in desk {
        let movement = books.next_movement();
        let mut statement = books.post(movement);
        if books.journal.len() >= JOURNAL_PAGE {
            if broken {
                books.checkpoint_books();
            } else {
                books.checkpoint_page();
            }
        }
        let _ = writeln!(statement, "seal {:016x}", books.seal);
        let _ = posting.reply.send(statement);
    }
}

fn teller(stream: TcpStream, desk: Sender<Posting>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream.try_clone()?);
    let (reply, statements) = channel();
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line.trim_end().is_empty() {
            desk.send(Posting { reply: reply.clone() }).expect("bookkeeper");
            let s = statements.recv().expect("bookkeeper");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", s.len());
            (&stream).write_all((head + &s).as_bytes())?;
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let (desk, postings) = channel();
    thread::Builder::new().name("bookkeeper".into()).spawn(move || bookkeeper(postings, broken)).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        let desk = desk.clone();
        thread::spawn(move || teller(stream, desk));
    }
}
