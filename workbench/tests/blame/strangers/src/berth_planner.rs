//! Assigns berths to arriving vessels. A planner task takes the arrivals,
//! looks up tide windows for many of them at once and notes each decision in
//! the harbour journal before the pilot station is told.

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use futures_util::StreamExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

const LOOKUPS_AT_ONCE: usize = 32;
const ARRIVALS: usize = 64;

#[derive(Clone, Copy)]
struct Vessel {
    call: u64,
    draught_cm: u32,
    length_m: u32,
}

struct Arrival {
    vessel: Vessel,
    told: oneshot::Sender<Decision>,
}

#[derive(Clone, Copy)]
struct Decision {
    call: u64,
    berth: u32,
    tide_minute: u32,
}

struct Decided {
    decision: Decision,
    told: oneshot::Sender<Decision>,
}

/// The last decisions, for the wall display.
struct Journal {
    lines: Vec<Decision>,
    at: usize,
}

impl Journal {
    fn new(len: usize) -> Self {
        let blank = Decision { call: 0, berth: 0, tide_minute: 0 };
        Journal { lines: vec![blank; len], at: 0 }
    }

    fn enter(&mut self, decided: Decided) {
        self.lines[self.at] = decided.decision;
        self.at = (self.at + 1) % self.lines.len();
        let _ = decided.told.send(decided.decision);
    }
}

impl Vessel {
    fn from_call(call: u64) -> Self {
        let deep = call % 40 == 17;
        Vessel {
            call,
            draught_cm: if deep { 1_480 } else { 500 + (call % 300) as u32 },
            length_m: 80 + (call * 13 % 190) as u32,
        }
    }
}

/// The hydrographic office answers at once for shallow vessels; for deep
/// ones it computes the windows of several tides.
async fn tide_window(vessel: &Vessel) -> u32 {
    let micros = if vessel.draught_cm > 1_200 { 140_000 } else { 2_000 + u64::from(vessel.draught_cm) * 4 };
    tokio::time::sleep(Duration::from_micros(micros)).await;
    vessel.draught_cm % 720
}

async fn decide(arrival: Arrival) -> Decided {
    let Arrival { vessel, told } = arrival;
    let tide_minute = tide_window(&vessel).await;
    let decision = Decision { call: vessel.call, berth: vessel.length_m / 30, tide_minute };
    Decided { decision, told }
}

fn arrivals(queue: mpsc::Receiver<Arrival>) -> impl Stream<Item = Arrival> {
    stream::unfold(queue, |mut queue| async move {
        let arrival = queue.recv().await?;
        Some((arrival, queue))
    })
}

async fn journal_by_arrival<S, F>(decisions: S, mut journal: Journal)
where
    S: Stream<Item = F>,
    F: Future<Output = Decided>,
{
    let mut decided = Box::pin(decisions.buffered(LOOKUPS_AT_ONCE)); // guilty
    while let Some(next) = decided.next().await {
        journal.enter(next);
    }
}

async fn journal_by_decision<S, F>(decisions: S, mut journal: Journal)
where
    S: Stream<Item = F>,
    F: Future<Output = Decided>,
{
    let mut decided = Box::pin(decisions.buffer_unordered(LOOKUPS_AT_ONCE));
    while let Some(next) = decided.next().await {
        journal.enter(next);
    }
}

async fn plan(queue: mpsc::Receiver<Arrival>, broken: bool) {
    let decisions = arrivals(queue).map(decide);
    let journal = Journal::new(200);
    if broken {
        journal_by_arrival(decisions, journal).await;
    } else {
        journal_by_decision(decisions, journal).await;
    }
}

struct PilotStation {
    planner: mpsc::Sender<Arrival>,
    calls: AtomicU64,
}

impl PilotStation {
    async fn announce(&self) -> Option<Decision> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let vessel = Vessel::from_call(call);
        let (told, answer) = oneshot::channel();
        self.planner.send(Arrival { vessel, told }).await.ok()?;
        answer.await.ok()
    }

    async fn respond(&self, _req: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (status, text) = match self.announce().await {
            Some(d) => (StatusCode::OK, format!("call={} berth={} tide={}\n", d.call, d.berth, d.tide_minute)),
            None => (StatusCode::SERVICE_UNAVAILABLE, String::from("no planner\n")),
        };
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        Ok(response)
    }
}

async fn connection(stream: TcpStream, station: Arc<PilotStation>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|req| station.respond(req));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

pub fn run(broken: bool, port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async move {
        let (planner, queue) = mpsc::channel(ARRIVALS);
        tokio::spawn(plan(queue, broken));
        let station = Arc::new(PilotStation { planner, calls: AtomicU64::new(0) });
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, station.clone()));
            }
        }
    });
}
