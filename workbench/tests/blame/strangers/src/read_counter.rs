//! How often was an article read: a little write-optimised store (a memtable in front of one sorted run).
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

const ARTICLES: u64 = 190_000;
const MEMTABLE_ROWS: usize = 80;

type Memtable = BTreeMap<Arc<str>, u64>;

#[derive(Default)]
struct Run {
    rows: Vec<(Arc<str>, u64)>,
    checksum: u32,
}

fn crc_step(mut crc: u32, bytes: &[u8]) -> u32 {
    for b in bytes {
        crc ^= *b as u32;
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    crc
}

impl Run {
    fn seal(&mut self) {
        let add = |crc, (key, count): &(Arc<str>, u64)| crc_step(crc_step(crc, key.as_bytes()), &count.to_le_bytes());
        self.checksum = !self.rows.iter().fold(!0, add);
    }

    /// The rows of both, written into the buffers of a run that is no longer needed.
    fn merged_with(&self, fresh: &Memtable, mut out: Run) -> Run {
        out.rows.clear();
        let mut newer = fresh.iter().peekable();
        for (key, count) in &self.rows {
            while let Some((k, n)) = newer.next_if(|(k, _)| *k < key) {
                out.rows.push((k.clone(), *n));
            }
            let added = newer.next_if(|(k, _)| *k == key).map_or(0, |(_, n)| *n);
            out.rows.push((key.clone(), count + added));
        }
        out.rows.extend(newer.map(|(k, n)| (k.clone(), *n)));
        out.seal();
        out
    }

    fn get(&self, key: &str) -> u64 {
        self.rows.binary_search_by(|(k, _)| (**k).cmp(key)).map_or(0, |i| self.rows[i].1)
    }
}

struct Tables {
    mem: Memtable,
    frozen: Option<Arc<Memtable>>,
    run: Arc<Run>,
    spare: Run,
}

struct Store {
    tables: Mutex<Tables>,
    compactor: Option<Sender<Arc<Memtable>>>,
    clock: AtomicU64,
}

impl Store {
    fn record_read(&self, key: Arc<str>) -> u64 {
        let mut t = self.tables.lock().unwrap();
        *t.mem.entry(key.clone()).or_insert(0) += 1;
        let frozen = t.frozen.as_ref().and_then(|f| f.get(&key)).copied().unwrap_or(0);
        let total = t.run.get(&key) + frozen + t.mem[&key];
        if t.mem.len() >= MEMTABLE_ROWS {
            match &self.compactor {
                None => self.flush(&mut t),
                Some(compactor) => freeze(&mut t, compactor),
            }
        }
        total
    }

    fn flush(&self, t: &mut Tables) {
        let fresh = std::mem::take(&mut t.mem);
        let spare = std::mem::take(&mut t.spare);
        let merged = t.run.merged_with(&fresh, spare); // guilty
        let old = std::mem::replace(&mut t.run, Arc::new(merged));
        t.spare = Arc::into_inner(old).unwrap_or_default();
    }

    fn page(&self) -> String {
        let n = self.clock.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let key: Arc<str> = article_key((n >> 17) % ARTICLES).into();
        let total = self.record_read(key.clone());
        format!("{{\"article\":\"{key}\",\"reads\":{total}}}\n")
    }
}

fn freeze(t: &mut Tables, compactor: &Sender<Arc<Memtable>>) {
    if t.frozen.is_none() {
        let frozen = Arc::new(std::mem::take(&mut t.mem));
        t.frozen = Some(frozen.clone());
        let _ = compactor.send(frozen);
    }
}

fn compact(store: Arc<Store>, work: Receiver<Arc<Memtable>>) {
    let mut spare = Run::default();
    for frozen in work {
        let current = store.tables.lock().unwrap().run.clone();
        let merged = Arc::new(current.merged_with(&frozen, spare));
        let mut t = store.tables.lock().unwrap();
        t.run = merged;
        t.frozen = None;
        drop(t);
        spare = Arc::into_inner(current).unwrap_or_default();
    }
}

fn article_key(n: u64) -> String {
    format!("a/{:02}/{:06}", n % 40, n)
}

fn reader(stream: TcpStream, store: &Store) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        if line?.is_empty() {
            let body = store.page();
            out.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        }
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let mut run = Run::default();
    run.rows = (0..ARTICLES).map(|n| (article_key(n).into(), n % 90)).collect();
    run.rows.sort();
    run.seal();
    eprintln!("run of {} rows, checksum {:08x}", run.rows.len(), run.checksum);
    let (tx, work) = mpsc::channel();
    let tables = Mutex::new(Tables { mem: Memtable::new(), frozen: None, run: Arc::new(run), spare: Run::default() });
    let store = Arc::new(Store { tables, compactor: (!broken).then_some(tx), clock: AtomicU64::new(1) });
    if !broken {
        let store = store.clone();
        thread::Builder::new().name("compactor".into()).spawn(move || compact(store, work)).unwrap();
    }
    for stream in TcpListener::bind(("127.0.0.1", port)).expect("bind").incoming().flatten() {
        let store = store.clone();
        thread::spawn(move || reader(stream, &store));
    }
}
