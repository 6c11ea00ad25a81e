//! Box office: holds a seat while an offer for it is drawn up; a hold lapses unless it is renewed.
use axum::{extract::State, routing::get, Router};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::interval;

const RENEW_EVERY: Duration = Duration::from_millis(120);
const SEATS: u32 = 900;

struct House {
    broken: bool,
    opened: Instant,
    leases: Vec<AtomicU64>,
    visitors: AtomicU32,
}

/// What a renewer needs to tell the house whose hold it is.
#[derive(Clone)]
struct Hold {
    seat: u32,
    note: Vec<u8>,
}

/// Keeps a hold alive; when it goes out of scope the hold may lapse.
enum Renewal {
    Task { _handle: JoinHandle<()> },
    Until { _released: oneshot::Sender<()> },
}

impl House {
    fn extend(&self, hold: &Hold) {
        let until = self.opened.elapsed().as_millis() as u64 + 900;
        let check = hold.note.iter().take(256).fold(0u64, |a, b| a.wrapping_mul(31) + *b as u64) & 1;
        self.leases[hold.seat as usize].store(until | check, Ordering::Relaxed);
    }

    fn held(&self) -> usize {
        let now = self.opened.elapsed().as_millis() as u64;
        self.leases.iter().filter(|l| l.load(Ordering::Relaxed) > now).count()
    }
}

fn pick_seat(house: &House) -> Hold {
    let visitor = house.visitors.fetch_add(1, Ordering::Relaxed);
    let seat = visitor.wrapping_mul(389) % SEATS;
    let mut note = format!("visitor {visitor} seat {seat} row {}", seat / 30).into_bytes();
    note.resize(3072, b' ');
    Hold { seat, note }
}

fn keep_renewed(house: Arc<House>, hold: Hold) -> Renewal {
    let _handle = tokio::spawn(async move {
        // guilty
        let mut tick = interval(RENEW_EVERY);
        loop {
            tick.tick().await; // guilty
            house.extend(&hold);
        }
    });
    Renewal::Task { _handle }
}

fn renew_until_released(house: Arc<House>, hold: Hold) -> Renewal {
    let (_released, mut gone) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let mut tick = interval(RENEW_EVERY);
        loop {
            tokio::select! {
                _ = &mut gone => return,
                _ = tick.tick() => house.extend(&hold),
            }
        }
    });
    Renewal::Until { _released }
}

fn price(seat: u32) -> u32 {
    let row = seat / 30;
    let middle = 15i32 - (seat % 30) as i32;
    9500 - row * 180 - middle.unsigned_abs() * 40
}

async fn draw_up_offer(hold: &Hold) -> String {
    tokio::task::yield_now().await;
    let cents = price(hold.seat);
    format!("seat {} row {} at {}.{:02}", hold.seat, hold.seat / 30, cents / 100, cents % 100)
}

async fn offer(State(house): State<Arc<House>>) -> String {
    let hold = pick_seat(&house);
    house.extend(&hold);
    let renewal = if house.broken {
        keep_renewed(house.clone(), hold.clone())
    } else {
        renew_until_released(house.clone(), hold.clone())
    };
    let text = draw_up_offer(&hold).await;
    drop(renewal);
    format!("{text}, {} of {SEATS} seats on hold\n", house.held())
}

pub async fn run(broken: bool, port: u16) {
    let house = Arc::new(House {
        broken,
        opened: Instant::now(),
        leases: (0..SEATS).map(|_| AtomicU64::new(0)).collect(),
        visitors: AtomicU32::new(0),
    });
    let app = Router::new().route("/", get(offer)).with_state(house);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(listener, app).await.unwrap();
}
