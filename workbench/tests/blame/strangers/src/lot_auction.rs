//! An auction hall. A request takes a seat at the current lot, bids, and is told the
//! price ladder that came out of its own bid (everybody seated hears every bid).
use axum::{extract::State, http::StatusCode, routing::get, Router};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{channel, Receiver, Sender};

const LEVELS: usize = 40;
const CATCH_UP: usize = 24;

#[derive(Clone, Copy, Default)]
struct Level {
    cents: u32,
    bidders: u32,
}

#[derive(Clone, Copy)]
struct Call {
    bid: u64,
    ladder: [Level; LEVELS],
}

struct Seat {
    paddle: u64,
    card: Vec<Call>,
    ear: Sender<Call>,
}

struct Room {
    seats: Vec<Seat>,
    recent: VecDeque<Call>,
    ladder: [Level; LEVELS],
}

struct Hall {
    room: Mutex<Room>,
    next_bid: AtomicU64,
    tidy: bool,
}

impl Room {
    fn open() -> Room {
        let mut ladder = [Level::default(); LEVELS];
        for (i, level) in ladder.iter_mut().enumerate() {
            level.cents = 1000 + 25 * i as u32;
        }
        Room { seats: Vec::new(), recent: VecDeque::with_capacity(CATCH_UP + 1), ladder }
    }

    /// A newcomer gets the latest calls on a card.
    fn take_seat(&mut self, paddle: u64) -> Receiver<Call> {
        let (ear, hears) = channel(32);
        let card = self.recent.iter().copied().collect();
        self.seats.push(Seat { paddle, card, ear }); // guilty
        hears
    }

    fn enter_bid(&mut self, bid: u64) -> Call {
        let step = (bid.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % LEVELS;
        self.ladder[step].bidders += 1;
        if self.ladder[step].bidders > 500 {
            self.ladder[step] = Level { cents: self.ladder[step].cents + 25, bidders: 1 };
        }
        let call = Call { bid, ladder: self.ladder };
        self.recent.push_back(call);
        if self.recent.len() > CATCH_UP {
            self.recent.pop_front();
        }
        call
    }

    /// A bidder who is busy or gone misses the call.
    fn call_out(&self, call: Call) {
        for seat in &self.seats {
            let _ = seat.ear.try_send(call); // guilty
        }
    }

    fn call_and_clear(&mut self, call: Call) {
        self.seats.retain(|seat| seat.ear.try_send(call).is_ok() || !seat.ear.is_closed());
    }

    fn front_row(&self) -> (u64, u64) {
        self.seats.last().map_or((0, 0), |seat| (seat.paddle, seat.card.first().map_or(0, |c| c.bid)))
    }
}

impl Hall {
    fn bid(&self, bid: u64) -> (Receiver<Call>, (u64, u64)) {
        let mut room = self.room.lock().unwrap();
        let hears = room.take_seat(bid);
        let call = room.enter_bid(bid);
        if self.tidy {
            room.call_and_clear(call);
        } else {
            room.call_out(call);
        }
        (hears, room.front_row())
    }
}

fn best(ladder: &[Level]) -> Level {
    ladder.iter().copied().filter(|l| l.bidders > 0).max_by_key(|l| l.cents).unwrap_or_default()
}

fn render(call: &Call, front: (u64, u64)) -> String {
    let top = best(&call.ladder);
    let mut text =
        format!("bid {} front {} since {}\nbest {} by {}\n", call.bid, front.0, front.1, top.cents, top.bidders);
    for level in call.ladder.iter().rev().take(8) {
        text.push_str(&format!("{:>7} {:>4}\n", level.cents, level.bidders));
    }
    text
}

async fn own_call(mut hears: Receiver<Call>, bid: u64) -> Option<Call> {
    while let Some(call) = hears.recv().await {
        if call.bid == bid {
            return Some(call);
        }
    }
    None
}

async fn take_part(State(hall): State<Arc<Hall>>) -> Result<String, StatusCode> {
    let bid = hall.next_bid.fetch_add(1, Ordering::Relaxed);
    let (hears, front) = hall.bid(bid);
    let call = own_call(hears, bid).await.ok_or(StatusCode::GONE)?;
    Ok(render(&call, front))
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    rt.block_on(async move {
        let hall = Hall { room: Mutex::new(Room::open()), next_bid: AtomicU64::new(1), tidy: !broken };
        let app = Router::new().route("/", get(take_part)).with_state(Arc::new(hall));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
