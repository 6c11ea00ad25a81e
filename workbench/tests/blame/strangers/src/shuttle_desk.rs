//! Airport shuttles: books seats; a planner per route rearranges its buses when bookings change.
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, Notify};

const ROUTES: usize = 36;
const SEATS: usize = 48 * 1024;

struct Route {
    seats: Mutex<Vec<u8>>,
    changed: Notify,
    booked: AtomicU32,
    buses: AtomicU32,
}

struct Booking {
    route: usize,
    done: oneshot::Sender<(u32, u32)>,
}

fn fingerprint(seats: &[u8]) -> u64 {
    seats.iter().fold(0xcbf29ce484222325, |h, &s| (h ^ s as u64).wrapping_mul(0x100000001b3))
}

fn plan_buses(r: &Route) {
    r.buses.store(r.booked.load(Relaxed).div_ceil(48), Relaxed);
}

async fn plan_on_drift(r: Arc<Route>) {
    let mut seen = 0;
    loop {
        let now = fingerprint(&r.seats.lock().unwrap()); // guilty
        if now != seen {
            seen = now;
            plan_buses(&r);
        }
        tokio::task::yield_now().await; // guilty
    }
}

async fn plan_on_change(r: Arc<Route>) {
    loop {
        plan_buses(&r);
        r.changed.notified().await;
    }
}

fn take_seat(r: &Route) -> u32 {
    let n = r.booked.fetch_add(1, Relaxed) + 1;
    r.seats.lock().unwrap()[n as usize % SEATS] ^= 1 + (n % 3) as u8;
    r.changed.notify_one();
    n
}

/// Bookings are made in the order in which they come in.
async fn booking_desk(routes: Vec<Arc<Route>>, mut rx: mpsc::Receiver<Booking>) {
    while let Some(b) = rx.recv().await {
        let r = &routes[b.route];
        let seat = take_seat(r);
        let _ = b.done.send((seat, r.buses.load(Relaxed)));
    }
}

async fn book(desk: &mpsc::Sender<Booking>, n: usize) -> String {
    let route = n * 7 % ROUTES;
    let (done, got) = oneshot::channel();
    if desk.send(Booking { route, done }).await.is_err() {
        return "closed\n".into();
    }
    match got.await {
        Ok((seat, buses)) => format!("route {route}: booking {seat}, {buses} buses planned\n"),
        Err(_) => "closed\n".into(),
    }
}

async fn traveller(mut sock: TcpStream, desk: mpsc::Sender<Booking>, count: Arc<AtomicUsize>) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut buf = Vec::with_capacity(1024);
    loop {
        while let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
            buf.drain(..end + 4);
            let body = book(&desk, count.fetch_add(1, Relaxed)).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
            sock.write_all((head + &body).as_bytes()).await?;
        }
        if sock.read_buf(&mut buf).await? == 0 {
            return Ok(());
        }
    }
}

async fn serve(broken: bool, port: u16) -> std::io::Result<()> {
    let mut routes = Vec::new();
    for _ in 0..ROUTES {
        let r = Arc::new(Route {
            seats: Mutex::new(vec![0; SEATS]),
            changed: Notify::new(),
            booked: AtomicU32::new(0),
            buses: AtomicU32::new(0),
        });
        if broken {
            tokio::spawn(plan_on_drift(r.clone()));
        } else {
            tokio::spawn(plan_on_change(r.clone()));
        }
        routes.push(r);
    }
    let (desk, rx) = mpsc::channel(256);
    tokio::spawn(booking_desk(routes, rx));
    let count = Arc::new(AtomicUsize::new(0));
    let l = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (sock, _) = l.accept().await?;
        tokio::spawn(traveller(sock, desk.clone(), count.clone()));
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(serve(broken, port)).unwrap();
}
