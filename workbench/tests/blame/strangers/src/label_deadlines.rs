//! Label desk: GET / renders a parcel label and hands it to the printer. Every
//! job has a deadline, after which the desk reports it as overdue.
use std::cmp::Ordering as Cmp;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PRINT_WINDOW: Duration = Duration::from_secs(15 * 60);
const RASTER: usize = 12 * 1024;

struct Job {
    id: u64,
    due: Instant,
    raster: Vec<u8>,
    done: AtomicBool,
}

struct ByDue(Arc<Job>);

impl PartialEq for ByDue {
    fn eq(&self, o: &ByDue) -> bool {
        self.0.id == o.0.id
    }
}
impl Eq for ByDue {}
impl PartialOrd for ByDue {
    fn partial_cmp(&self, o: &ByDue) -> Option<Cmp> {
        Some(self.cmp(o))
    }
}
impl Ord for ByDue {
    fn cmp(&self, o: &ByDue) -> Cmp {
        (o.0.due, o.0.id).cmp(&(self.0.due, self.0.id)) // earliest on top
    }
}

struct Desk {
    broken: bool,
    ids: AtomicU64,
    overdue: AtomicU64,
    heap: Mutex<BinaryHeap<ByDue>>,
    open: Mutex<BTreeMap<(Instant, u64), Arc<Job>>>,
}

fn watch_on_heap(desk: &Desk, job: &Arc<Job>) {
    desk.heap.lock().unwrap().push(ByDue(job.clone())); // guilty
}

/// The heap has no removal from the middle; `sweep_heap` skips what is done.
fn settle_on_heap(job: &Job) {
    job.done.store(true, Ordering::Release); // guilty
}

fn sweep_heap(desk: &Desk, now: Instant) {
    let mut heap = desk.heap.lock().unwrap();
    while heap.peek().is_some_and(|top| top.0.due <= now) {
        let job = heap.pop().unwrap().0;
        if !job.done.load(Ordering::Acquire) {
            desk.overdue.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn watch(desk: &Desk, job: &Arc<Job>) {
    desk.open.lock().unwrap().insert((job.due, job.id), job.clone());
}

fn settle(desk: &Desk, job: &Job) {
    job.done.store(true, Ordering::Release);
    desk.open.lock().unwrap().remove(&(job.due, job.id));
}

fn sweep(desk: &Desk, now: Instant) {
    let mut open = desk.open.lock().unwrap();
    while open.first_key_value().is_some_and(|(k, _)| k.0 <= now) {
        open.pop_first();
        desk.overdue.fetch_add(1, Ordering::Relaxed);
    }
}

fn render(id: u64) -> Vec<u8> {
    let mut bits = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut raster = vec![0u8; RASTER];
    for line in raster.chunks_mut(96) {
        bits = bits.rotate_left(7) ^ id;
        for (i, dot) in line.iter_mut().enumerate() {
            *dot = if bits >> (i % 64) & 1 == 1 { 0xFF } else { 0x00 };
        }
    }
    raster
}

fn print(job: &Job) -> u32 {
    job.raster.iter().fold(1u32, |sum, b| sum.wrapping_mul(31).wrapping_add(*b as u32))
}

fn label(desk: &Desk) -> String {
    let id = desk.ids.fetch_add(1, Ordering::Relaxed) + 1;
    let due = Instant::now() + PRINT_WINDOW;
    let job = Arc::new(Job { id, due, raster: render(id), done: AtomicBool::new(false) });
    if desk.broken {
        watch_on_heap(desk, &job);
    } else {
        watch(desk, &job);
    }
    let sum = print(&job);
    if desk.broken {
        settle_on_heap(&job);
    } else {
        settle(desk, &job);
    }
    format!("label {id} checksum {sum:08x} overdue {}\n", desk.overdue.load(Ordering::Relaxed))
}

async fn serve(desk: Arc<Desk>, mut sock: TcpStream) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut buf = Vec::with_capacity(2048);
    loop {
        while let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
            buf.drain(..end + 4);
            let body = label(&desk);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
            sock.write_all((head + &body).as_bytes()).await?;
        }
        if sock.read_buf(&mut buf).await? == 0 {
            return Ok(());
        }
    }
}

async fn overdue_watch(desk: Arc<Desk>) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        let now = tick.tick().await.into_std();
        sweep_heap(&desk, now);
        sweep(&desk, now);
    }
}

#[tokio::main]
pub async fn run(broken: bool, port: u16) {
    let desk = Arc::new(Desk {
        broken,
        ids: AtomicU64::new(0),
        overdue: AtomicU64::new(0),
        heap: Mutex::new(BinaryHeap::new()),
        open: Mutex::new(BTreeMap::new()),
    });
    tokio::spawn(overdue_watch(desk.clone()));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        if let Ok((sock, _)) = listener.accept().await {
            tokio::spawn(serve(desk.clone(), sock));
        }
    }
}
