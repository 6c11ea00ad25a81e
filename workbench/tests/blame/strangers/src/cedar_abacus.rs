//! Meter readings with an audit journal: every answer is written down, full segments are packed away.
use crate::cleo::{rng::Rng, wire};
use crossbeam_channel::{unbounded, Receiver, Sender};
use flate2::{write::GzEncoder, Compression};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

const SEGMENT: usize = 1_700_000;

#[derive(Clone, Copy, PartialEq)]
enum Packing {
    OnAppend,
    Archivist,
}

struct Segment {
    number: u64,
    text: Vec<u8>,
}

struct Journal {
    active: Mutex<Segment>,
    packing: Packing,
    shelf: PathBuf,
    full: Sender<Segment>,
}

fn pack(segment: &Segment, shelf: &PathBuf) -> io::Result<()> {
    let mut packer = GzEncoder::new(Vec::with_capacity(segment.text.len() / 4), Compression::new(6));
    packer.write_all(&segment.text)?;
    let packed = packer.finish()?;
    std::fs::write(shelf.join(format!("segment-{}.gz", segment.number % 4)), packed)
}

impl Journal {
    fn new(packing: Packing, shelf: PathBuf) -> (Journal, Receiver<Segment>) {
        let (full, done) = unbounded();
        let active = Mutex::new(Segment { number: 0, text: Vec::with_capacity(SEGMENT + 16384) });
        (Journal { active, packing, shelf, full }, done)
    }

    fn append(&self, entry: &str) -> io::Result<()> {
        let mut active = self.active.lock();
        active.text.extend_from_slice(entry.as_bytes());
        active.text.push(b'\n');
        if active.text.len() < SEGMENT {
            return Ok(());
        }
        let number = active.number + 1;
        if self.packing == Packing::OnAppend {
            pack(&active, &self.shelf)?; // guilty
            active.text.clear();
            active.number = number;
        } else {
            let next = Segment { number, text: Vec::with_capacity(SEGMENT + 16384) };
            let full = std::mem::replace(&mut *active, next);
            drop(active);
            let _ = self.full.send(full);
        }
        Ok(())
    }
}

fn archivist(full: Receiver<Segment>, shelf: PathBuf) {
    for segment in full {
        if let Err(error) = pack(&segment, &shelf) {
            eprintln!("archive: {error}");
        }
    }
}

struct Station {
    readings: RwLock<HashMap<u32, Vec<f32>>>,
    journal: Journal,
    visits: AtomicU64,
}

fn summary(values: &[f32]) -> (f32, f32, f32) {
    let low = values.iter().copied().fold(f32::MAX, f32::min);
    let high = values.iter().copied().fold(f32::MIN, f32::max);
    (low, values.iter().sum::<f32>() / values.len().max(1) as f32, high)
}

fn journal_entry(visit: u64, meter: u32, values: &[f32]) -> String {
    let mut line = format!("{{\"visit\":{visit},\"meter\":{meter},\"values\":[");
    for value in values {
        line.push_str(&format!("{value:.2},"));
    }
    line.push_str("]}");
    line
}

fn read_meter(station: &Station) -> io::Result<String> {
    let visit = station.visits.fetch_add(1, Ordering::Relaxed);
    let meter = (visit * 13 % 200) as u32;
    let values = station.readings.read().get(&meter).cloned().unwrap_or_default();
    let (low, mean, high) = summary(&values);
    station.journal.append(&journal_entry(visit, meter, &values))?;
    Ok(format!("{{\"meter\":{meter},\"low\":{low:.2},\"mean\":{mean:.2},\"high\":{high:.2}}}"))
}

fn converse(mut stream: TcpStream, station: &Station) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut pending = Vec::new();
    while let Some(head) = wire::next_head_sync(&mut stream, &mut pending)? {
        let answer = match head.path.as_str() {
            "/" => wire::reply("200 OK", &read_meter(station)?, head.keep),
            _ => wire::reply("404 Not Found", "{}", head.keep),
        };
        stream.write_all(&answer)?;
        if !head.keep {
            break;
        }
    }
    Ok(())
}

fn collect(station: Arc<Station>) {
    let mut rng = Rng::new(5);
    loop {
        std::thread::sleep(Duration::from_millis(20));
        let meter = rng.below(200) as u32;
        let value = 200.0 + 60.0 * rng.unit();
        let mut readings = station.readings.write();
        let values = readings.entry(meter).or_default();
        if values.len() >= 700 {
            values.remove(0);
        }
        values.push(value);
    }
}

pub fn run(broken: bool, port: u16) -> io::Result<()> {
    let packing = if broken { Packing::OnAppend } else { Packing::Archivist };
    let shelf = std::env::temp_dir().join(format!("cedar-abacus-{}", std::process::id()));
    std::fs::create_dir_all(&shelf)?;
    let (journal, full) = Journal::new(packing, shelf.clone());
    let mut rng = Rng::new(11);
    let readings = (0..200).map(|meter| (meter, (0..700).map(|_| 200.0 + 60.0 * rng.unit()).collect())).collect();
    let station = Arc::new(Station { readings: RwLock::new(readings), journal, visits: AtomicU64::new(0) });

    std::thread::Builder::new().name("archivist".into()).spawn(move || archivist(full, shelf))?;
    let collector = station.clone();
    std::thread::Builder::new().name("collector".into()).spawn(move || collect(collector))?;

    let listener = TcpListener::bind(("127.0.0.1", port))?;
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let station = station.clone();
        std::thread::Builder::new().name("visitor".into()).spawn(move || {
            let _ = converse(stream, &station);
        })?;
    }
    Ok(())
}
