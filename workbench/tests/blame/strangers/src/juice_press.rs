//! Order counter of a juice bar. All counters share one line to the press room;
//! orders on it carry a tag from 0 to 31, and the answer bears the tag of its order.

use crossbeam_channel::{bounded, unbounded, Receiver, Sender};
use parking_lot::{Condvar, Mutex};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const TAGS: usize = 32;
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Ticket {
    cup: Mutex<Option<u16>>,
    served: Condvar,
}

impl Ticket {
    fn serve(&self, millilitres: u16) {
        *self.cup.lock() = Some(millilitres);
        self.served.notify_one();
    }

    fn collect(&self, patience: Duration) -> Option<u16> {
        let until = Instant::now() + patience;
        let mut cup = self.cup.lock();
        while cup.is_none() {
            if self.served.wait_until(&mut cup, until).timed_out() {
                break;
            }
        }
        *cup
    }
}

struct PressLine {
    wire: Mutex<TcpStream>,
    tickets: Vec<Mutex<Option<Arc<Ticket>>>>,
    free_tags: Receiver<u8>,
    return_tag: Sender<u8>,
    orders: AtomicU64,
    by_turn: bool,
}

impl PressLine {
    fn connect(room: SocketAddr, by_turn: bool) -> io::Result<Arc<PressLine>> {
        let wire = TcpStream::connect(room)?;
        wire.set_nodelay(true)?;
        let answers = wire.try_clone()?;
        let (return_tag, free_tags) = bounded(TAGS);
        for tag in 0..TAGS as u8 {
            let _ = return_tag.try_send(tag);
        }
        let line = Arc::new(PressLine {
            wire: Mutex::new(wire),
            tickets: (0..TAGS).map(|_| Mutex::new(None)).collect(),
            free_tags,
            return_tag,
            orders: AtomicU64::new(0),
            by_turn,
        });
        let receiving = Arc::clone(&line);
        thread::Builder::new().name("press-answers".into()).spawn(move || receiving.receive(answers))?;
        Ok(line)
    }

    /// Takes a tag that no open order bears.
    fn tag_from_free(&self, ticket: &Arc<Ticket>) -> u8 {
        let tag = self.free_tags.recv().unwrap_or(0);
        *self.tickets[tag as usize].lock() = Some(Arc::clone(ticket));
        tag
    }

    /// Takes the tags in turn.
    fn tag_by_turn(&self, ticket: &Arc<Ticket>, order: u64) -> u8 {
        let tag = (order % TAGS as u64) as u8;
        *self.tickets[tag as usize].lock() = Some(Arc::clone(ticket)); // guilty
        tag
    }

    fn order(&self) -> io::Result<Option<u16>> {
        let order = self.orders.fetch_add(1, Ordering::Relaxed);
        let fruit = if order % 250 == 120 { 9 } else { order % 8 } as u8;
        let ticket = Arc::new(Ticket::default());
        let tag = if self.by_turn { self.tag_by_turn(&ticket, order) } else { self.tag_from_free(&ticket) };
        self.wire.lock().write_all(&[tag, fruit])?;
        Ok(ticket.collect(PATIENCE))
    }

    fn receive(&self, answers: TcpStream) -> io::Result<()> {
        let mut answers = BufReader::new(answers);
        let mut frame = [0u8; 3];
        loop {
            answers.read_exact(&mut frame)?;
            let [tag, high, low] = frame;
            let ticket = self.tickets[tag as usize % TAGS].lock().take();
            if !self.by_turn {
                let _ = self.return_tag.try_send(tag);
            }
            if let Some(ticket) = ticket {
                ticket.serve(u16::from_be_bytes([high, low]));
            }
        }
    }
}

/// The press room: oranges and the like run through at once,
/// pomegranates (fruit 9) are seeded by hand first.
fn press_room() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || press_orders(stream));
        }
    });
    Ok(addr)
}

fn press_orders(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let out = Arc::new(Mutex::new(stream.try_clone()?));
    let (queue, presses) = unbounded::<(u8, u8)>();
    for _ in 0..48 {
        let presses = presses.clone();
        let out = Arc::clone(&out);
        thread::spawn(move || {
            for (tag, fruit) in presses {
                let seeding = if fruit == 9 { 300 } else { 3 };
                thread::sleep(Duration::from_millis(seeding));
                let [high, low] = (180 + 20 * fruit as u16).to_be_bytes();
                if out.lock().write_all(&[tag, high, low]).is_err() {
                    return;
                }
            }
        });
    }
    let mut frame = [0u8; 2];
    loop {
        stream.read_exact(&mut frame)?;
        let _ = queue.send((frame[0], frame[1]));
    }
}

fn counter(line: &PressLine, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut header = String::new();
    while reader.read_line(&mut header)? > 0 {
        if header == "\r\n" {
            let (status, body) = match line.order()? {
                Some(ml) => ("200 OK", format!("juice {ml} ml\n")),
                None => ("504 Gateway Timeout", String::from("press room\n")),
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes())?;
        }
        header.clear();
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let room = press_room().expect("press room");
    let line = PressLine::connect(room, broken).expect("press line");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        let line = Arc::clone(&line);
        thread::spawn(move || counter(&line, stream));
    }
}
