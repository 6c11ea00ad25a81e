//! Coin ledger: GET / moves a few coins between two accounts and shows the new balance. The books
//! are kept by the bookkeeper, reached over TCP with frames of a 4-byte length and a text.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

const ACCOUNTS: usize = 64;

struct Entry {
    from: usize,
    to: usize,
    coins: i64,
}

impl Entry {
    fn numbered(number: u32) -> Entry {
        let number = number as usize;
        Entry { from: number % ACCOUNTS, to: (number * 13 + 5) % ACCOUNTS, coins: (number % 9) as i64 + 1 }
    }

    fn text(&self) -> String {
        format!("{} {} {}", self.from, self.to, self.coins)
    }
}

fn read_frame(stream: &mut impl Read) -> io::Result<String> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut text = vec![0; u32::from_be_bytes(length).min(65536) as usize];
    stream.read_exact(&mut text)?;
    String::from_utf8(text).map_err(io::Error::other)
}

fn put_frame(stream: &mut TcpStream, text: &str) -> io::Result<()> {
    stream.write_all(&(text.len() as u32).to_be_bytes())?; // guilty
    stream.write_all(text.as_bytes()) // guilty
}

fn send_frame(stream: &mut TcpStream, text: &str) -> io::Result<()> {
    let mut frame = Vec::with_capacity(4 + text.len());
    frame.extend((text.len() as u32).to_be_bytes());
    frame.extend(text.as_bytes());
    stream.write_all(&frame)
}

struct Books {
    port: u16,
    idle: Mutex<Vec<TcpStream>>,
    broken: bool,
}

impl Books {
    fn line(&self) -> io::Result<TcpStream> {
        let kept = self.idle.lock().unwrap().pop();
        kept.map_or_else(|| TcpStream::connect(("127.0.0.1", self.port)), Ok)
    }

    fn post(&self, entry: &Entry) -> io::Result<i64> {
        let mut line = self.line()?;
        let text = entry.text();
        match self.broken {
            true => put_frame(&mut line, &text)?,
            false => send_frame(&mut line, &text)?,
        }
        let balance = read_frame(&mut line)?;
        self.idle.lock().unwrap().push(line);
        balance.parse().map_err(io::Error::other)
    }
}

fn receipt(entry: &Entry, balance: i64) -> String {
    let mood = if balance < 0 { "owes" } else { "has" };
    format!(
        "{} coins from account {} to account {}\naccount {} now {} {}\n",
        entry.coins,
        entry.from,
        entry.to,
        entry.from,
        mood,
        balance.abs()
    )
}

fn handle(books: &Books, number: u32) -> (&'static str, String) {
    let entry = Entry::numbered(number);
    match books.post(&entry) {
        Ok(balance) => ("200 OK", receipt(&entry, balance)),
        Err(error) => ("502 Bad Gateway", format!("{error}\n")),
    }
}

fn serve(stream: TcpStream, books: Arc<Books>, numbers: Arc<AtomicU32>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(first) = lines.next() {
        let first = first?;
        for line in lines.by_ref() {
            if line?.is_empty() {
                break;
            }
        }
        let (status, body) = match first.starts_with("GET / ") {
            true => handle(&books, numbers.fetch_add(1, Ordering::Relaxed)),
            false => ("404 Not Found", String::new()),
        };
        writer.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    }
    Ok(())
}

fn keep_books(mut stream: TcpStream, accounts: Arc<Mutex<[i64; ACCOUNTS]>>) -> io::Result<()> {
    loop {
        let text = read_frame(&mut stream)?;
        let fields: Vec<i64> = text.split(' ').filter_map(|field| field.parse().ok()).collect();
        let balance = match fields[..] {
            [from, to, coins] => {
                let mut accounts = accounts.lock().unwrap();
                accounts[to as usize % ACCOUNTS] += coins;
                accounts[from as usize % ACCOUNTS] -= coins;
                accounts[from as usize % ACCOUNTS]
            }
            _ => 0,
        };
        send_frame(&mut stream, &balance.to_string())?;
    }
}

pub fn run(broken: bool, port: u16) {
    let keeper = TcpListener::bind("127.0.0.1:0").unwrap();
    let books = Books { port: keeper.local_addr().unwrap().port(), idle: Mutex::new(Vec::new()), broken };
    thread::spawn(move || {
        let accounts = Arc::new(Mutex::new([100; ACCOUNTS]));
        for stream in keeper.incoming().flatten() {
            let accounts = accounts.clone();
            thread::spawn(move || keep_books(stream, accounts));
        }
    });
    let (books, numbers) = (Arc::new(books), Arc::new(AtomicU32::new(0)));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("port");
    for stream in listener.incoming().flatten() {
        let (books, numbers) = (books.clone(), numbers.clone());
        thread::spawn(move || serve(stream, books, numbers));
    }
}
