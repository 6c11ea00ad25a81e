//! Prints parcel labels and keeps the printed ones, packed, for reprints.
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::get;
use axum::Router;
use flate2::write::ZlibEncoder;
use flate2::Compression;

const PER_BOX: usize = 90;
const KEPT_BOXES: usize = 12;

#[derive(Default)]
struct Shelf {
    open: Vec<u8>,
    labels: usize,
    boxes: VecDeque<Vec<u8>>,
}

impl Shelf {
    fn add(&mut self, label: &str) {
        self.open.extend_from_slice(label.as_bytes());
        self.labels += 1;
    }

    fn take_full(&mut self) -> Option<Vec<u8>> {
        if self.labels < PER_BOX {
            return None;
        }
        self.labels = 0;
        Some(std::mem::take(&mut self.open))
    }

    fn store(&mut self, packed: Vec<u8>) {
        self.boxes.push_back(packed);
        if self.boxes.len() > KEPT_BOXES {
            self.boxes.pop_front();
        }
    }
}

struct Depot {
    shelf: Arc<Mutex<Shelf>>,
    packer: Option<Mutex<Sender<Vec<u8>>>>,
    next: AtomicU64,
}

fn pack(raw: &[u8]) -> Vec<u8> {
    let mut enc = ZlibEncoder::new(Vec::with_capacity(raw.len() / 2), Compression::new(6));
    enc.write_all(raw).expect("in memory");
    enc.finish().expect("in memory")
}

fn barcode(mut seed: u64, out: &mut String) {
    for _ in 0..20 {
        out.push_str("^GFA,");
        for _ in 0..16 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let _ = write!(out, "{:016X}", seed & 0x0FFF_00FF_0F0F_FFFF);
        }
        out.push('\n');
    }
}

fn draw_label(number: u64) -> String {
    let mut out = String::with_capacity(6 * 1024);
    let _ = writeln!(out, "^XA^FO40,40^ADN,36,20^FDParcel {number:010}^FS");
    let _ = writeln!(out, "^FO40,90^FDRoute {}-{}^FS", number % 17, number % 5);
    barcode(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, &mut out);
    out.push_str("^XZ\n");
    out
}

fn keep_label(depot: &Depot, label: &str) {
    let mut shelf = depot.shelf.lock().unwrap();
    shelf.add(label);
    if let Some(raw) = shelf.take_full() {
        let packed = pack(&raw); // guilty
        shelf.store(packed);
    }
}

fn hand_to_packer(depot: &Depot, packer: &Mutex<Sender<Vec<u8>>>, label: &str) {
    let full = {
        let mut shelf = depot.shelf.lock().unwrap();
        shelf.add(label);
        shelf.take_full()
    };
    if let Some(raw) = full {
        let _ = packer.lock().unwrap().send(raw);
    }
}

fn start_packer(shelf: Arc<Mutex<Shelf>>) -> Sender<Vec<u8>> {
    let (tx, rx) = channel::<Vec<u8>>();
    std::thread::Builder::new()
        .name("packer".into())
        .spawn(move || {
            for raw in rx {
                let packed = pack(&raw);
                shelf.lock().unwrap().store(packed);
            }
        })
        .expect("thread");
    tx
}

async fn print_label(State(depot): State<Arc<Depot>>) -> String {
    let number = depot.next.fetch_add(1, Ordering::Relaxed);
    let label = draw_label(number);
    match &depot.packer {
        None => keep_label(&depot, &label),
        Some(packer) => hand_to_packer(&depot, packer, &label),
    }
    label
}

pub async fn run(broken: bool, port: u16) -> std::io::Result<()> {
    let shelf = Arc::new(Mutex::new(Shelf::default()));
    let packer = (!broken).then(|| Mutex::new(start_packer(shelf.clone())));
    let depot = Arc::new(Depot { shelf, packer, next: AtomicU64::new(1) });
    let app = Router::new().route("/", get(print_label)).with_state(depot);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await
}
