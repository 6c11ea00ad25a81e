//! Ticket printing desk: a roll holds so many tickets; who comes while it is changed waits.
use axum::{extract::State, routing::get, Router};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const ROLL: u32 = 240;
const CHANGE: Duration = Duration::from_millis(9);

#[derive(Default)]
struct Printer {
    left: u32,
    printed: u64,
    rolls: u32,
    waiting: Vec<oneshot::Sender<()>>,
}

struct Desk {
    printer: Mutex<Printer>,
    one_call: bool,
}

enum Turn {
    Ticket(u64, u32),
    LastOnRoll(u64, u32),
    Wait(oneshot::Receiver<()>),
}

fn step_up(desk: &Desk) -> Turn {
    let mut p = desk.printer.lock().unwrap();
    if p.left == 0 {
        let (tx, rx) = oneshot::channel();
        p.waiting.push(tx);
        return Turn::Wait(rx);
    }
    p.left -= 1;
    p.printed += 1;
    if p.left == 0 {
        Turn::LastOnRoll(p.printed, p.rolls)
    } else {
        Turn::Ticket(p.printed, p.rolls)
    }
}

fn call_next(p: &mut Printer) {
    if let Some(w) = p.waiting.pop() {
        // guilty
        let _ = w.send(()); // guilty
    }
}

fn call_everybody(p: &mut Printer) {
    for w in p.waiting.drain(..) {
        let _ = w.send(());
    }
}

fn insert_roll(desk: &Desk) {
    let mut p = desk.printer.lock().unwrap();
    p.left = ROLL;
    p.rolls += 1;
    if desk.one_call {
        call_next(&mut p);
    } else {
        call_everybody(&mut p);
    }
}

async fn change_roll(desk: Arc<Desk>) {
    tokio::time::sleep(CHANGE).await;
    insert_roll(&desk);
}

fn check_digit(n: u64) -> u64 {
    let (mut n, mut sum, mut odd) = (n, 0, true);
    while n > 0 {
        let d = n % 10 * if odd { 2 } else { 1 };
        sum += d / 10 + d % 10;
        odd = !odd;
        n /= 10;
    }
    (10 - sum % 10) % 10
}

fn layout(n: u64, roll: u32) -> String {
    let code = 470_000_000 + n;
    format!(
        "+----------------------+\n| ADMIT ONE  {code}-{} |\n| roll {roll:>5}           |\n+----------------------+\n",
        check_digit(code)
    )
}

async fn next_ticket(desk: &Arc<Desk>) -> (u64, u32) {
    loop {
        match step_up(desk) {
            Turn::Ticket(n, roll) => return (n, roll),
            Turn::LastOnRoll(n, roll) => {
                tokio::spawn(change_roll(desk.clone()));
                return (n, roll);
            }
            Turn::Wait(called) => {
                let _ = called.await;
            }
        }
    }
}

async fn ticket(State(desk): State<Arc<Desk>>) -> String {
    let (n, roll) = next_ticket(&desk).await;
    layout(n, roll)
}

async fn serve(broken: bool, port: u16) -> std::io::Result<()> {
    let desk = Arc::new(Desk { printer: Mutex::new(Printer::default()), one_call: broken });
    insert_roll(&desk);
    let app = Router::new().route("/", get(ticket)).with_state(desk);
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, app).await
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(serve(broken, port)).unwrap();
}
