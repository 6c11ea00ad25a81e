//! Freight quotes: every request asks the carrier's gateway for a price over one long-lived connection.
use axum::{extract::State, routing::get, Router};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader as StdReader, Write};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{mpsc as std_mpsc, Arc};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

const GATEWAY_TRANSIT: Duration = Duration::from_millis(7);

struct Parcel {
    number: u32,
    grams: u32,
    zone: u8,
}

struct Ask {
    line: String,
    reply: oneshot::Sender<u32>,
}

struct Desk {
    asks: mpsc::Sender<Ask>,
    issued: AtomicU32,
}

/// Stands in for the carrier's data centre: answers lines in order, each one a transit time after it came.
fn carrier_gateway() -> SocketAddr {
    let listener = StdListener::bind("127.0.0.1:0").expect("gateway");
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for sock in listener.incoming().flatten() {
            sock.set_nodelay(true).ok();
            let mut out = sock.try_clone().unwrap();
            let (tx, rx) = std_mpsc::channel::<(Instant, u32)>();
            std::thread::spawn(move || {
                for (due, cents) in rx {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    if writeln!(out, "{cents}").is_err() {
                        return;
                    }
                }
            });
            std::thread::spawn(move || {
                for line in StdReader::new(sock).lines().map_while(Result::ok) {
                    let mut words = line.split(' ').skip(1).map(|w| w.parse::<u32>().unwrap_or(0));
                    let (grams, zone) = (words.next().unwrap_or(0), words.next().unwrap_or(0));
                    let _ = tx.send((Instant::now() + GATEWAY_TRANSIT, 390 + grams / 20 + zone * 75));
                }
            });
        }
    });
    addr
}

fn to_cents(line: &str) -> u32 {
    line.trim().parse().unwrap_or(0)
}

async fn converse(mut asks: mpsc::Receiver<Ask>, sock: TcpStream) -> std::io::Result<()> {
    let (rd, mut wr) = sock.into_split();
    let mut answers = BufReader::new(rd).lines();
    while let Some(ask) = asks.recv().await {
        wr.write_all(ask.line.as_bytes()).await?;
        let line = answers.next_line().await?.unwrap_or_default(); // guilty
        let _ = ask.reply.send(to_cents(&line));
    }
    Ok(())
}

async fn pipeline(mut asks: mpsc::Receiver<Ask>, sock: TcpStream) -> std::io::Result<()> {
    let (rd, mut wr) = sock.into_split();
    let mut answers = BufReader::new(rd).lines();
    let mut outstanding: VecDeque<oneshot::Sender<u32>> = VecDeque::new();
    loop {
        tokio::select! {
            ask = asks.recv() => {
                let Some(ask) = ask else { return Ok(()) };
                outstanding.push_back(ask.reply);
                wr.write_all(ask.line.as_bytes()).await?;
            }
            line = answers.next_line() => {
                let Some(line) = line? else { return Ok(()) };
                if let Some(reply) = outstanding.pop_front() {
                    let _ = reply.send(to_cents(&line));
                }
            }
        }
    }
}

fn weigh(number: u32) -> Parcel {
    Parcel { number, grams: 200 + number.wrapping_mul(2654435761) % 9000, zone: (number % 6) as u8 }
}

fn with_fuel_surcharge(cents: u32, zone: u8) -> u32 {
    cents + cents * (6 + zone as u32) / 100
}

async fn quote(State(desk): State<Arc<Desk>>) -> String {
    let parcel = weigh(desk.issued.fetch_add(1, Ordering::Relaxed));
    let (reply, answer) = oneshot::channel();
    let line = format!("QUOTE {} {}\n", parcel.grams, parcel.zone);
    if desk.asks.send(Ask { line, reply }).await.is_err() {
        return "gateway gone\n".into();
    }
    let cents = with_fuel_surcharge(answer.await.unwrap_or(0), parcel.zone);
    format!(
        "parcel {} {} g zone {}: {}.{:02} EUR\n",
        parcel.number,
        parcel.grams,
        parcel.zone,
        cents / 100,
        cents % 100
    )
}

pub async fn run(broken: bool, port: u16) {
    let sock = TcpStream::connect(carrier_gateway()).await.expect("gateway");
    sock.set_nodelay(true).ok();
    let (asks, rx) = mpsc::channel(256);
    if broken {
        tokio::spawn(converse(rx, sock));
    } else {
        tokio::spawn(pipeline(rx, sock));
    }
    let desk = Arc::new(Desk { asks, issued: AtomicU32::new(1) });
    let app = Router::new().route("/", get(quote)).with_state(desk);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(listener, app).await.unwrap();
}
