//! No async at all: a thread for each connection, and one lock that is held while the books are balanced.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::Twin;

struct Books {
    entries: Vec<u64>,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let books = Arc::new(Mutex::new(Books { entries: (0..4096).collect() }));
    for socket in listener.incoming() {
        let (socket, books) = (socket?, Arc::clone(&books));
        socket.set_nodelay(true)?;
        std::thread::spawn(move || {
            let _ = converse(socket, &books, twin);
        });
    }
    Ok(())
}

fn converse(socket: TcpStream, books: &Mutex<Books>, twin: Twin) -> io::Result<()> {
    let mut out = socket.try_clone()?;
    let mut lines = BufReader::new(socket);
    let mut line = String::new();
    loop {
        line.clear();
        while line != "\r\n" {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        let sum = match twin {
            Twin::Broken => enter(books),
            Twin::Healthy => enter_only(books),
        };
        let body = sum.to_string();
        out.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    }
}

/// The bank confirms each entry.
fn confirm(entry: u64) -> u64 {
    std::thread::sleep(std::time::Duration::from_millis(7));
    entry
}

fn enter(books: &Mutex<Books>) -> u64 {
    let mut books = books.lock().expect("nobody panics");
    let entry = confirm(books.entries[0] + 1); // guilty
    books.entries[0] = entry;
    entry
}

fn enter_only(books: &Mutex<Books>) -> u64 {
    let entry = {
        let mut books = books.lock().expect("nobody panics");
        books.entries[0] += 1;
        books.entries[0]
    };
    confirm(entry)
}
