//! Turnstile: GET / hands out a signed day pass. Requests are queued by id to
//! the signer, which answers through the table of waiting ids.
use axum::{extract::State, routing::get, Router};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{interval, Interval};

const ROUNDS: u32 = 150_000;

struct Pass {
    id: u64,
    seal: u64,
}

struct Gate {
    ids: AtomicU64,
    issued: AtomicU64,
    per_beat: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Pass>>>,
    queue: mpsc::Sender<u64>,
}

fn seal(id: u64) -> Pass {
    let mut h = id ^ 0xCBF2_9CE4_8422_2325;
    for round in 0..ROUNDS {
        h = (h ^ round as u64).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23);
    }
    Pass { id, seal: h }
}

fn hand_over(gate: &Gate, pass: Pass) {
    gate.issued.fetch_add(1, Ordering::Relaxed);
    let reply = gate.waiting.lock().unwrap().remove(&pass.id);
    if let Some(reply) = reply {
        let _ = reply.send(pass);
    }
}

/// Remembers how many passes went out since the last beat.
fn beat(gate: &Gate, seen: &mut u64) {
    let issued = gate.issued.load(Ordering::Relaxed);
    gate.per_beat.store(issued - *seen, Ordering::Relaxed);
    *seen = issued;
}

async fn next_pass(queue: &mut mpsc::Receiver<u64>) -> Option<Pass> {
    let id = queue.recv().await?;
    spawn_blocking(move || seal(id)).await.ok() // guilty
}

async fn sign_and_beat(gate: Arc<Gate>, mut queue: mpsc::Receiver<u64>, mut tick: Interval) {
    let mut seen = 0;
    loop {
        tokio::select! { // guilty
            pass = next_pass(&mut queue) => match pass { // guilty
                Some(pass) => hand_over(&gate, pass),
                None => return,
            },
            _ = tick.tick() => beat(&gate, &mut seen), // guilty
        }
    }
}

async fn sign_all(gate: Arc<Gate>, mut queue: mpsc::Receiver<u64>) {
    while let Some(id) = queue.recv().await {
        if let Ok(pass) = spawn_blocking(move || seal(id)).await {
            hand_over(&gate, pass);
        }
    }
}

async fn beat_all(gate: Arc<Gate>, mut tick: Interval) {
    let mut seen = 0;
    loop {
        tick.tick().await;
        beat(&gate, &mut seen);
    }
}

async fn request_pass(gate: &Gate) -> Option<Pass> {
    let id = gate.ids.fetch_add(1, Ordering::Relaxed) + 1;
    let (tx, rx) = oneshot::channel();
    gate.waiting.lock().unwrap().insert(id, tx);
    gate.queue.send(id).await.ok()?;
    rx.await.ok()
}

fn show(gate: &Gate, pass: &Pass) -> String {
    let pace = gate.per_beat.load(Ordering::Relaxed);
    format!("pass {}\nseal {:016x}\npace {pace}\n", pass.id, pass.seal)
}

async fn enter(State(gate): State<Arc<Gate>>) -> Result<String, &'static str> {
    match request_pass(&gate).await {
        Some(pass) => Ok(show(&gate, &pass)),
        None => Err("the turnstile is closed\n"),
    }
}

#[tokio::main]
pub async fn run(broken: bool, port: u16) {
    let (tx, rx) = mpsc::channel(256);
    let gate = Arc::new(Gate {
        ids: AtomicU64::new(0),
        issued: AtomicU64::new(0),
        per_beat: AtomicU64::new(0),
        waiting: Mutex::new(HashMap::new()),
        queue: tx,
    });
    let tick = interval(Duration::from_millis(40));
    if broken {
        tokio::spawn(sign_and_beat(gate.clone(), rx, tick));
    } else {
        tokio::spawn(sign_all(gate.clone(), rx));
        tokio::spawn(beat_all(gate.clone(), tick));
    }
    let app = Router::new().route("/", get(enter)).with_state(gate);
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
