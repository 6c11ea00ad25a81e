//! Customs desk: one clerk task takes parcels in, has them assessed and files the declarations.
use axum::{extract::State, routing::get, Router};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

struct Parcel {
    id: u64,
    heading: u32,
    value_cents: u64,
    reply: oneshot::Sender<String>,
}

struct Declaration {
    id: u64,
    duty_cents: u64,
    line: String,
}

struct Front {
    intake: mpsc::Sender<Parcel>,
    next: AtomicU64,
}

async fn tariff_permille(tariff: SocketAddr, heading: u32) -> std::io::Result<u32> {
    let mut conn = TcpStream::connect(tariff).await?;
    conn.write_u32(heading).await?;
    conn.read_u32().await
}

async fn assess(tariff: SocketAddr, parcel: Parcel) -> (Parcel, Declaration) {
    let permille = tariff_permille(tariff, parcel.heading).await.unwrap_or(45) as u64;
    let duty_cents = parcel.value_cents * permille / 1000;
    let line = format!("{};{:06};{};{}", parcel.id, parcel.heading, parcel.value_cents, duty_cents);
    let declaration = Declaration { id: parcel.id, duty_cents, line };
    (parcel, declaration)
}

/// The authority's archive acknowledges every filing after a few milliseconds.
async fn file_with_archive(declaration: Declaration) -> (u64, usize) {
    let bytes = declaration.line.len() + 8;
    tokio::time::sleep(Duration::from_millis(5)).await;
    (declaration.id, bytes)
}

fn hand_out(parcel: Parcel, declaration: &Declaration) {
    let text = format!(
        "parcel {} duty {}.{:02}\n",
        declaration.id,
        declaration.duty_cents / 100,
        declaration.duty_cents % 100
    );
    let _ = parcel.reply.send(text);
}

async fn clerk(tariff: SocketAddr, mut intake: mpsc::Receiver<Parcel>) {
    let mut open = FuturesUnordered::new();
    let mut filed = (0u64, 0usize);
    loop {
        tokio::select! {
            Some(parcel) = intake.recv() => open.push(assess(tariff, parcel)),
            Some((parcel, declaration)) = open.next() => {
                hand_out(parcel, &declaration);
                let (_, bytes) = file_with_archive(declaration).await; // guilty
                filed = (filed.0 + 1, filed.1 + bytes);
            }
            else => break,
        }
    }
    eprintln!("filed {} declarations, {} bytes", filed.0, filed.1);
}

async fn clerk_with_outbox(tariff: SocketAddr, mut intake: mpsc::Receiver<Parcel>) {
    let mut open = FuturesUnordered::new();
    let mut outbox = FuturesUnordered::new();
    let mut filed = (0u64, 0usize);
    loop {
        tokio::select! {
            Some(parcel) = intake.recv() => open.push(assess(tariff, parcel)),
            Some((parcel, declaration)) = open.next() => {
                hand_out(parcel, &declaration);
                outbox.push(file_with_archive(declaration));
            }
            Some((_, bytes)) = outbox.next() => filed = (filed.0 + 1, filed.1 + bytes),
            else => break,
        }
    }
    eprintln!("filed {} declarations, {} bytes", filed.0, filed.1);
}

async fn declare(State(front): State<Arc<Front>>) -> String {
    let id = front.next.fetch_add(1, Ordering::Relaxed);
    let (reply, answer) = oneshot::channel();
    let parcel = Parcel { id, heading: 610_000 + (id % 400) as u32, value_cents: 900 + (id * 7919) % 80_000, reply };
    if front.intake.send(parcel).await.is_err() {
        return "desk closed\n".into();
    }
    answer.await.unwrap_or_else(|_| "lost\n".into())
}

async fn tariff_service(listener: TcpListener) {
    while let Ok((mut sock, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(heading) = sock.read_u32().await {
                let _ = sock.write_u32(20 + heading % 130).await;
            }
        });
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tariff = upstream.local_addr().unwrap();
        tokio::spawn(tariff_service(upstream));
        let (intake, parcels) = mpsc::channel(64);
        if broken {
            tokio::spawn(clerk(tariff, parcels));
        } else {
            tokio::spawn(clerk_with_outbox(tariff, parcels));
        }
        let front = Arc::new(Front { intake, next: AtomicU64::new(1) });
        let app = Router::new().route("/", get(declare)).with_state(front);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
