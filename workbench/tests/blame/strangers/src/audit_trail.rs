//! Case files of a public office. Every look at a file is written to the audit trail with a
//! copy of what was shown; full segments of the trail are packed and the latest ones kept.

use flate2::{write::GzEncoder, Compression};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{sync_channel, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;

const SEGMENT: usize = 640 * 1024;
const KEEP: usize = 6;

type Shelf = Arc<Mutex<VecDeque<Vec<u8>>>>;

struct Trail {
    segment: Mutex<Vec<u8>>,
    shelf: Shelf,
    archivist: Option<SyncSender<Vec<u8>>>,
}

impl Trail {
    fn open(with_archivist: bool) -> Trail {
        let shelf = Shelf::default();
        let archivist = with_archivist.then(|| hire_archivist(shelf.clone()));
        Trail { segment: Mutex::new(Vec::with_capacity(SEGMENT)), shelf, archivist }
    }

    fn note(&self, number: usize, shown: &str) {
        let mut segment = self.segment.lock().unwrap();
        let _ = writeln!(segment, "look {number} bytes {}", shown.len());
        segment.extend_from_slice(shown.as_bytes());
        if segment.len() >= SEGMENT {
            match &self.archivist {
                Some(archivist) => {
                    let full = std::mem::replace(&mut *segment, Vec::with_capacity(SEGMENT));
                    let _ = archivist.send(full);
                }
                None => self.close_segment(&mut segment),
            }
        }
    }

    fn close_segment(&self, segment: &mut Vec<u8>) {
        let mut gz = GzEncoder::new(Vec::new(), Compression::best());
        gz.write_all(segment).expect("pack"); // guilty
        let packed = gz.finish().expect("pack"); // guilty
        shelve(&self.shelf, packed);
        segment.clear();
    }
}

fn shelve(shelf: &Shelf, packed: Vec<u8>) {
    let mut shelf = shelf.lock().unwrap();
    shelf.push_back(packed);
    while shelf.len() > KEEP {
        shelf.pop_front();
    }
}

fn hire_archivist(shelf: Shelf) -> SyncSender<Vec<u8>> {
    let (full, segments) = sync_channel::<Vec<u8>>(4);
    thread::spawn(move || {
        for segment in segments {
            let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
            gz.write_all(&segment).expect("pack");
            shelve(&shelf, gz.finish().expect("pack"));
        }
    });
    full
}

struct Office {
    trail: Trail,
    looks: AtomicUsize,
}

impl Office {
    fn case_file(&self, number: usize) -> String {
        let mut page = String::with_capacity(8 * 1024);
        let mut seal = number as u64 ^ 0x5DEE_CE66_D001;
        while page.len() < 7_000 {
            seal = seal.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let _ = writeln!(
                page,
                "{{\"case\":{},\"clerk\":\"desk {}\",\"fee\":{},\"seal\":\"{:08x}\",\"state\":\"{}\"}}",
                number % 9_000,
                seal >> 60,
                (seal >> 40) % 5_000,
                seal >> 32,
                ["filed", "heard", "granted", "returned"][(seal >> 58) as usize & 3]
            );
        }
        page
    }

    fn show(&self) -> String {
        let number = self.looks.fetch_add(1, Ordering::Relaxed);
        let page = self.case_file(number);
        self.trail.note(number, &page);
        page
    }

    fn counter(&self, mut citizen: TcpStream) -> io::Result<()> {
        citizen.set_nodelay(true)?;
        let mut lines = BufReader::new(citizen.try_clone()?).lines();
        while let Some(line) = lines.next() {
            if line?.is_empty() {
                let page = self.show();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    page.len()
                );
                citizen.write_all(&[head.as_bytes(), page.as_bytes()].concat())?;
            }
        }
        Ok(())
    }
}

pub fn run(broken: bool, port: u16) {
    let office = Arc::new(Office { trail: Trail::open(!broken), looks: AtomicUsize::new(0) });
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for citizen in listener.incoming().flatten() {
        let office = office.clone();
        thread::spawn(move || office.counter(citizen));
    }
}
