//! Container yard: one desk task owns the yard's state. It takes position readings from the
//! cranes (which arrive in batches, as the radio link delivers them) and questions of drivers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn, Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

const LANES: usize = 24;
const TRACK: usize = 4096;

struct Reading {
    lane: usize,
    metres: f64,
}

struct Order {
    truck: u64,
    reply: oneshot::Sender<String>,
}

struct Yard {
    tracks: Vec<Vec<f64>>,
    head: Vec<usize>,
    smoothed: Vec<f64>,
    trucks: u64,
}

impl Yard {
    fn new() -> Yard {
        Yard { tracks: vec![vec![0.0; TRACK]; LANES], head: vec![0; LANES], smoothed: vec![0.0; LANES], trucks: 0 }
    }

    /// Adds a position and fits the lane's track again.
    fn apply(&mut self, reading: Reading) {
        let track = &mut self.tracks[reading.lane];
        let head = &mut self.head[reading.lane];
        track[*head] = reading.metres;
        *head = (*head + 1) % TRACK;
        let mut level = track[*head];
        let mut slope = 0.0f64;
        for i in 1..TRACK * 3 {
            let seen = track[(*head + i) % TRACK];
            let last = level;
            level = 0.3 * seen + 0.7 * (level + slope);
            slope = 0.1 * (level - last) + 0.9 * slope;
        }
        self.smoothed[reading.lane] = level;
    }

    fn direct(&mut self, order: Order) {
        self.trucks += 1;
        let mut best = 0;
        for lane in 1..LANES {
            if self.smoothed[lane] < self.smoothed[best] {
                best = lane;
            }
        }
        let _ = order.reply.send(format!("truck {} to lane {} at {:.1} m\n", order.truck, best, self.smoothed[best]));
    }
}

/// Positions first: a driver must be sent by the newest picture of the yard.
async fn run_desk(mut yard: Yard, mut readings: mpsc::Receiver<Reading>, mut orders: mpsc::Receiver<Order>) {
    loop {
        tokio::select! {
            biased; // guilty
            Some(reading) = readings.recv() => { // guilty
                yard.apply(reading);
                tokio::task::yield_now().await;
            }
            Some(order) = orders.recv() => yard.direct(order),
            else => return,
        }
    }
}

/// Drivers first, positions in between.
async fn run_desk_drivers_first(
    mut yard: Yard,
    mut readings: mpsc::Receiver<Reading>,
    mut orders: mpsc::Receiver<Order>,
) {
    loop {
        tokio::select! {
            biased;
            Some(order) = orders.recv() => yard.direct(order),
            Some(reading) = readings.recv() => {
                yard.apply(reading);
                tokio::task::yield_now().await;
            }
            else => return,
        }
    }
}

/// The radio link: hands over what the cranes have collected, three times a second.
async fn radio(out: mpsc::Sender<Reading>) {
    let mut tick = tokio::time::interval(Duration::from_millis(300));
    let mut n = 0u64;
    loop {
        tick.tick().await;
        for _ in 0..380 {
            n += 1;
            let reading = Reading { lane: (n % LANES as u64) as usize, metres: (n * 7919 % 3000) as f64 / 10.0 };
            if out.send(reading).await.is_err() {
                return;
            }
        }
    }
}

async fn ask(desk: mpsc::Sender<Order>, truck: u64) -> String {
    let (reply, answer) = oneshot::channel();
    if desk.send(Order { truck, reply }).await.is_err() {
        return "yard closed\n".into();
    }
    answer.await.unwrap_or_else(|_| "no lane\n".into())
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let (radio_tx, readings) = mpsc::channel(2048);
        let (desk, orders) = mpsc::channel(256);
        if broken {
            tokio::spawn(run_desk(Yard::new(), readings, orders));
        } else {
            tokio::spawn(run_desk_drivers_first(Yard::new(), readings, orders));
        }
        tokio::spawn(radio(radio_tx));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let mut gate = 0u64;
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            let _ = socket.set_nodelay(true);
            gate += 1;
            let (desk, truck) = (desk.clone(), gate);
            tokio::spawn(async move {
                let answer = service_fn(move |_req: Request<hyper::body::Incoming>| {
                    let desk = desk.clone();
                    async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(ask(desk, truck).await)))) }
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await;
            });
        }
    });
}
