//! Threads only: whoever answers puts its entry into a short queue first, and one writer takes 9 ms for each entry.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::Twin;

struct Entry {
    line: String,
    kept: SyncSender<usize>,
}

trait Writer: Send {
    fn keep(&mut self, entry: &Entry) -> usize;
}

struct Tape {
    end: usize,
    seek: Duration,
}

impl Writer for Tape {
    fn keep(&mut self, entry: &Entry) -> usize {
        self.wind();
        self.end += entry.line.len();
        self.end
    }
}

impl Tape {
    fn wind(&self) {
        std::thread::sleep(self.seek); // guilty
    }
}

fn keep_all(mut writer: Box<dyn Writer>, entries: &Receiver<Entry>) {
    for entry in entries {
        let end = writer.keep(&entry); // guilty
        let _ = entry.kept.send(end);
    }
}

fn note(writers: &[SyncSender<Entry>], line: String) -> Option<usize> {
    let (kept, end) = sync_channel(1);
    let writer = &writers[line.len() % writers.len()];
    writer.send(Entry { line, kept }).ok()?;
    end.recv().ok()
}

fn converse(socket: TcpStream, writers: &[SyncSender<Entry>], mut number: usize) -> io::Result<()> {
    let mut out = socket.try_clone()?;
    let mut lines = BufReader::new(socket);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        if line == "\r\n" {
            number += 1;
            let end = note(writers, "x".repeat(number % 64)).unwrap_or_default().to_string();
            out.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{end}", end.len()).as_bytes())?;
        }
        line.clear();
    }
    Ok(())
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let count = match twin {
        Twin::Broken => 1,
        Twin::Healthy => 32,
    };
    let mut writers = Vec::new();
    for _ in 0..count {
        let (sender, entries) = sync_channel(4);
        let tape = Box::new(Tape { end: 0, seek: Duration::from_millis(9) });
        std::thread::spawn(move || keep_all(tape, &entries));
        writers.push(sender);
    }
    for (number, socket) in TcpListener::bind(("127.0.0.1", port))?.incoming().enumerate() {
        let (socket, writers) = (socket?, writers.clone());
        socket.set_nodelay(true)?;
        std::thread::spawn(move || converse(socket, &writers, number * 5));
    }
    Ok(())
}
