//! Club card: the points of a member. Everything that happened to a card is kept as a line of its
//! history; points, tier and favourite shop follow from the history.
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const MEMBERS: usize = 24;
const HISTORY: usize = 90_000;

#[derive(Clone, Default)]
struct Standing {
    points: i64,
    earned: i64,
    by_shop: BTreeMap<u16, u32>,
    corrections: u32,
}

impl Standing {
    /// One line of history: `B shop cents` bought, `R points` redeemed, `C points` corrected.
    fn apply(&mut self, line: &str) {
        let mut part = line.split(' ');
        let kind = part.next();
        let mut number = || part.next().and_then(|p| p.parse::<i64>().ok()).unwrap_or(0);
        match kind {
            Some("B") => {
                let shop = number() as u16;
                let points = number() / 100;
                self.points += points;
                self.earned += points;
                *self.by_shop.entry(shop).or_default() += 1;
            }
            Some("R") => self.points -= number().min(self.points),
            Some("C") => {
                self.points += number();
                self.corrections += 1;
            }
            _ => {}
        }
    }

    fn tier(&self) -> &'static str {
        match self.earned {
            0..=9_999 => "green",
            10_000..=99_999 => "silver",
            _ => "gold",
        }
    }

    fn favourite(&self) -> u16 {
        self.by_shop.iter().max_by_key(|(_, n)| **n).map_or(0, |(shop, _)| *shop)
    }
}

#[derive(Default)]
struct Card {
    history: Vec<Box<str>>,
    known: Standing,
    known_upto: usize,
}

impl Card {
    fn from_history(&self) -> Standing {
        let mut standing = Standing::default();
        for line in &self.history {
            standing.apply(line); // guilty
        }
        standing
    }

    fn caught_up(&mut self) -> Standing {
        for line in &self.history[self.known_upto..] {
            self.known.apply(line);
        }
        self.known_upto = self.history.len();
        self.known.clone()
    }
}

struct Club {
    cards: Vec<Mutex<Card>>,
    turn: AtomicUsize,
    snapshots: bool,
}

fn happening(n: usize) -> Box<str> {
    let h = n.wrapping_mul(2_654_435_761) >> 7;
    match h % 9 {
        0 => format!("R {}", h % 60),
        1 if h % 5 == 0 => format!("C {}", h % 7),
        _ => format!("B {} {}", h % 140, h % 9_000),
    }
    .into_boxed_str()
}

/// The tills report a purchase now and then.
fn tills(club: Arc<Club>) {
    for n in 0.. {
        thread::sleep(Duration::from_millis(50));
        club.cards[n % MEMBERS].lock().unwrap().history.push(happening(n));
    }
}

fn card_page(club: &Club) -> String {
    let who = club.turn.fetch_add(1, Ordering::Relaxed) % MEMBERS;
    let standing = {
        let mut card = club.cards[who].lock().unwrap();
        if club.snapshots {
            card.caught_up()
        } else {
            card.from_history()
        }
    };
    format!(
        "member {who}\npoints {}\ntier {}\nfavourite shop {}\nshops {}\ncorrections {}\n",
        standing.points,
        standing.tier(),
        standing.favourite(),
        standing.by_shop.len(),
        standing.corrections
    )
}

fn converse(club: Arc<Club>, stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut answer = stream.try_clone().ok()?;
    for line in BufReader::new(stream).lines() {
        if !line.ok()?.is_empty() {
            continue;
        }
        let body = card_page(&club);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        answer.write_all((head + &body).as_bytes()).ok()?;
    }
    Some(())
}

pub fn run(broken: bool, port: u16) {
    let cards = (0..MEMBERS)
        .map(|m| {
            let history = (0..HISTORY).map(|n| happening(m * HISTORY + n)).collect();
            let mut card = Card { history, ..Card::default() };
            card.caught_up();
            Mutex::new(card)
        })
        .collect();
    let club = Arc::new(Club { cards, turn: AtomicUsize::new(0), snapshots: !broken });
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("port");
    let behind = club.clone();
    thread::spawn(move || tills(behind));
    for stream in listener.incoming().flatten() {
        let club = club.clone();
        thread::spawn(move || converse(club, stream));
    }
}
