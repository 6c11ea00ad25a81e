//! Preview service: connection threads parse, a pool of eight renders.
//! A job fetches the original from the object store (a wait) and scales it (some CPU).
use crate::web;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const WORKERS: usize = 8;

struct Job {
    id: u64,
    done: SyncSender<u32>,
}

struct Stats {
    rendered: AtomicU64,
    by_size: Mutex<[u64; 8]>,
}

fn fetch_original(id: u64) -> Vec<u8> {
    thread::sleep(Duration::from_millis(7)); // object store round trip
    let mut state = id.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut pixels = vec![0u8; 96 * 96 * 3];
    for px in pixels.iter_mut() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *px = state as u8;
    }
    pixels
}

fn downscale(pixels: &[u8]) -> u32 {
    let mut crc = 0u32;
    for _pass in 0..4 {
        for block in pixels.chunks(12) {
            let sum: u32 = block.iter().map(|&p| p as u32).sum();
            crc = crc.rotate_left(5) ^ (sum / block.len() as u32);
        }
    }
    crc
}

fn render(job: Job, stats: &Stats) {
    let pixels = fetch_original(job.id);
    let crc = downscale(&pixels);
    stats.rendered.fetch_add(1, Ordering::Relaxed);
    stats.by_size.lock().unwrap()[(job.id % 8) as usize] += 1;
    let _ = job.done.send(crc);
}

fn pool_worker(jobs: Arc<Mutex<Receiver<Job>>>, stats: Arc<Stats>) {
    // guilty
    while let Ok(job) = jobs.lock().unwrap().recv() {
        render(job, &stats);
    }
}

fn pool_worker_ok(jobs: Arc<Mutex<Receiver<Job>>>, stats: Arc<Stats>) {
    loop {
        let job = jobs.lock().unwrap().recv();
        match job {
            Ok(job) => render(job, &stats),
            Err(_) => return,
        }
    }
}

fn start_pool(broken: bool, stats: &Arc<Stats>) -> Sender<Job> {
    let (tx, rx) = mpsc::channel();
    let rx = Arc::new(Mutex::new(rx));
    for n in 0..WORKERS {
        let (rx, stats) = (rx.clone(), stats.clone());
        thread::Builder::new()
            .name(format!("render-{n}"))
            .spawn(move || if broken { pool_worker(rx, stats) } else { pool_worker_ok(rx, stats) })
            .expect("thread");
    }
    tx
}

pub fn serve(broken: bool, port: u16) {
    let stats = Arc::new(Stats { rendered: AtomicU64::new(0), by_size: Mutex::new([0; 8]) });
    let pool = start_pool(broken, &stats);
    let ids = Arc::new(AtomicU64::new(1));
    web::thread_per_connection(port, move |path| {
        if path == "/stats" {
            return format!("{} {:?}\n", stats.rendered.load(Ordering::Relaxed), stats.by_size.lock().unwrap());
        }
        let (done, result) = mpsc::sync_channel(1);
        let id = ids.fetch_add(1, Ordering::Relaxed);
        if pool.send(Job { id, done }).is_err() {
            return "closed\n".into();
        }
        match result.recv() {
            Ok(crc) => format!("preview {id} {crc:08x}\n"),
            Err(_) => "lost\n".into(),
        }
    });
}
