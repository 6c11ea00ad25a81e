//! Parcel lockers: a code to open a compartment is asked from the locker wall's controller.
//! One line to the controller is shared by all; its answers come back tagged with our reference.
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const COMPARTMENTS: u64 = 180;

#[derive(Default)]
struct Reply {
    code: Mutex<Option<String>>,
    here: Condvar,
}

impl Reply {
    fn put(&self, code: String) {
        *self.code.lock().unwrap() = Some(code);
        self.here.notify_all();
    }

    fn take(&self) -> String {
        let mut code = self.code.lock().unwrap();
        loop {
            match code.take() {
                Some(c) => return c,
                None => code = self.here.wait(code).unwrap(),
            }
        }
    }
}

struct Wall {
    line: Mutex<TcpStream>,
    expected: Mutex<HashMap<u64, Arc<Reply>>>,
    references: AtomicU64,
    visits: AtomicU64,
}

/// The wall's controller: answers every question some 6 ms after it came in.
fn controller(listener: TcpListener) -> io::Result<()> {
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let (tx, rx) = mpsc::channel::<(Instant, String)>();
    thread::spawn(move || {
        for (due, line) in rx {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let mut words = line.split(' ').map(|w| w.parse::<u64>().unwrap_or(0));
            let (reference, compartment) = (words.next().unwrap_or(0), words.next().unwrap_or(0));
            let code = (compartment * 7919 + 104_729) % 1_000_000;
            if out.write_all(format!("{reference} {code:06}\n").as_bytes()).is_err() {
                return;
            }
        }
    });
    for line in BufReader::new(stream).lines() {
        let _ = tx.send((Instant::now() + Duration::from_millis(6), line?));
    }
    Ok(())
}

fn sort_answers(wall: Arc<Wall>, stream: TcpStream) -> io::Result<()> {
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let Some((reference, code)) = line.split_once(' ') else { continue };
        let Ok(reference) = reference.parse::<u64>() else { continue };
        let waiting = wall.expected.lock().unwrap().remove(&reference);
        if let Some(reply) = waiting {
            reply.put(code.to_string());
        }
    }
    Ok(())
}

impl Wall {
    fn send(&self, reference: u64, compartment: u64) -> io::Result<()> {
        let question = format!("{reference} {compartment}\n");
        self.line.lock().unwrap().write_all(question.as_bytes())
    }

    fn next_compartment(&self) -> u64 {
        let mut n = self.visits.fetch_add(1, Ordering::Relaxed) + 0x9e37_79b9_7f4a_7c15;
        for _ in 0..3 {
            n = (n ^ (n >> 31)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        }
        (n >> 32) % COMPARTMENTS
    }

    fn code_for(&self, compartment: u64) -> io::Result<String> {
        let reply = Arc::new(Reply::default());
        self.expected.lock().unwrap().insert(compartment, reply.clone()); // guilty
        self.send(compartment, compartment)?; // guilty
        Ok(reply.take())
    }

    fn code_by_reference(&self, compartment: u64) -> io::Result<String> {
        let reference = self.references.fetch_add(1, Ordering::Relaxed);
        let reply = Arc::new(Reply::default());
        self.expected.lock().unwrap().insert(reference, reply.clone());
        self.send(reference, compartment)?;
        Ok(reply.take())
    }
}

fn visitor(stream: TcpStream, wall: Arc<Wall>, plain: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        if !line?.is_empty() {
            continue;
        }
        let compartment = wall.next_compartment();
        let code = if plain { wall.code_for(compartment)? } else { wall.code_by_reference(compartment)? };
        let body = format!("compartment {compartment} opens with {code}\n");
        out.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("controller");
    let address = listener.local_addr().unwrap();
    thread::spawn(move || controller(listener));
    let line = TcpStream::connect(address).expect("line to the controller");
    line.set_nodelay(true).unwrap();
    let incoming = line.try_clone().unwrap();
    let wall = Arc::new(Wall {
        line: Mutex::new(line),
        expected: Mutex::default(),
        references: AtomicU64::new(1),
        visits: AtomicU64::new(0),
    });
    let sorter = wall.clone();
    thread::spawn(move || sort_answers(sorter, incoming));
    let door = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in door.incoming().flatten() {
        let wall = wall.clone();
        thread::spawn(move || visitor(stream, wall, broken));
    }
}
