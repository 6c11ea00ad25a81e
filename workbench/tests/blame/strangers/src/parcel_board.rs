//! The board of parcels: where is parcel N? Asks the carrier; also keeps the carrier's manifest fresh.
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval, sleep, MissedTickBehavior};

const MANIFEST_EVERY: Duration = Duration::from_millis(220);
const IN_FLIGHT_MAX: usize = 64;

// ---- the carrier (a line protocol, one question at a time on a connection) ----

async fn carrier_session(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer = match line.trim_end().split_once(' ') {
            Some(("TRACK", id)) => {
                sleep(Duration::from_millis(3)).await;
                let n: u64 = id.parse().unwrap_or(0);
                format!("DEPOT {} LEG {}\n", n % 41, n % 5)
            }
            _ => {
                sleep(Duration::from_millis(160)).await;
                "MANIFEST 1840 PARCELS\n".to_string()
            }
        };
        stream.get_mut().write_all(answer.as_bytes()).await?;
    }
}

async fn start_carrier() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(carrier_session(stream));
        }
    });
    Ok(addr)
}

struct CarrierClient {
    addr: SocketAddr,
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

impl CarrierClient {
    async fn ask(&self, question: &str) -> std::io::Result<String> {
        let kept = self.idle.lock().unwrap().pop();
        let mut conn = match kept {
            Some(conn) => conn,
            None => {
                let stream = TcpStream::connect(self.addr).await?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        conn.get_mut().write_all(question.as_bytes()).await?;
        let mut line = String::new();
        conn.read_line(&mut line).await?;
        self.idle.lock().unwrap().push(conn);
        Ok(line)
    }
}

// ---- jobs ----

enum Job {
    Track { parcel: u64, reply: oneshot::Sender<String> },
    Manifest,
}

enum Outcome {
    Located(oneshot::Sender<String>, String),
    Manifest(String),
    Failed,
}

struct Board {
    carrier: CarrierClient,
    manifest: Mutex<String>,
}

impl Board {
    async fn run(&self, job: Job) -> Outcome {
        match job {
            Job::Track { parcel, reply } => match self.carrier.ask(&format!("TRACK {parcel}\n")).await {
                Ok(place) => Outcome::Located(reply, place),
                Err(_) => Outcome::Failed,
            },
            Job::Manifest => match self.carrier.ask("LIST\n").await {
                Ok(list) => Outcome::Manifest(list),
                Err(_) => Outcome::Failed,
            },
        }
    }

    fn deliver(&self, outcome: Outcome) {
        match outcome {
            Outcome::Located(reply, place) => {
                let _ = reply.send(place);
            }
            Outcome::Manifest(list) => *self.manifest.lock().unwrap() = list,
            Outcome::Failed => {}
        }
    }
}

/// Takes what has arrived, works on all of it concurrently, delivers each outcome as it comes.
async fn work_in_rounds(board: Arc<Board>, mut intake: mpsc::Receiver<Job>) {
    while let Some(first) = intake.recv().await {
        let mut round = FuturesUnordered::new();
        round.push(board.run(first));
        while round.len() < IN_FLIGHT_MAX {
            match intake.try_recv() {
                Ok(job) => round.push(board.run(job)),
                Err(_) => break,
            }
        }
        while let Some(outcome) = round.next().await {
            // guilty
            board.deliver(outcome);
        }
    }
}

async fn work_through(board: Arc<Board>, mut intake: mpsc::Receiver<Job>) {
    let mut in_flight = FuturesUnordered::new();
    loop {
        tokio::select! {
            job = intake.recv(), if in_flight.len() < IN_FLIGHT_MAX => match job {
                Some(job) => in_flight.push(board.run(job)),
                None => return,
            },
            Some(outcome) = in_flight.next() => board.deliver(outcome),
        }
    }
}

async fn refresh_manifest(jobs: mpsc::Sender<Job>) {
    let mut tick = interval(MANIFEST_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if jobs.send(Job::Manifest).await.is_err() {
            return;
        }
    }
}

async fn locate(jobs: mpsc::Sender<Job>, parcel: u64) -> Option<String> {
    let (reply, place) = oneshot::channel();
    jobs.send(Job::Track { parcel, reply }).await.ok()?;
    place.await.ok()
}

async fn serve(mode: String, port: u16) -> std::io::Result<()> {
    let board = Arc::new(Board {
        carrier: CarrierClient { addr: start_carrier().await?, idle: Mutex::new(Vec::new()) },
        manifest: Mutex::new(String::new()),
    });
    let (jobs, intake) = mpsc::channel(256);
    match mode.as_str() {
        "healthy" => tokio::spawn(work_through(board.clone(), intake)),
        _ => tokio::spawn(work_in_rounds(board.clone(), intake)),
    };
    tokio::spawn(refresh_manifest(jobs.clone()));

    let parcels = Arc::new(AtomicU64::new(70_000));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (jobs, parcels, board) = (jobs.clone(), parcels.clone(), board.clone());
        let service = service_fn(move |_req: Request<Incoming>| {
            let parcel = parcels.fetch_add(1, Ordering::Relaxed);
            let (jobs, board) = (jobs.clone(), board.clone());
            async move {
                let mut response = Response::new(Full::new(Bytes::new()));
                match locate(jobs, parcel).await {
                    Some(place) => {
                        let text = format!("{parcel}: {place}{}", board.manifest.lock().unwrap());
                        *response.body_mut() = Full::new(Bytes::from(text));
                    }
                    None => *response.status_mut() = StatusCode::BAD_GATEWAY,
                }
                Ok::<_, Infallible>(response)
            }
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

pub async fn run(broken: bool, port: u16) -> std::io::Result<()> {
    let mode = if broken { "broken" } else { "healthy" };
    serve(mode.to_owned(), port).await
}
