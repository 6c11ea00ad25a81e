//! Loyalty card: the state of a card is projected from its event log when somebody looks at it.
use axum::{extract::State, routing::get, Router};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

const CARDS: usize = 40;
const EVENTS: usize = 640;
const PARTNERS: [&str; 8] = ["bakery", "cinema", "fuel", "books", "garden", "rail", "optics", "pharmacy"];

enum Event {
    Earned { partner: String, points: i64 },
    Redeemed { partner: String, points: i64 },
    Badge(String),
}

#[derive(Clone, Default)]
struct Card {
    balances: BTreeMap<String, i64>,
    badges: Vec<String>,
    lifetime: i64,
    version: u32,
}

impl Card {
    fn add(&mut self, partner: &str, points: i64) {
        match self.balances.get_mut(partner) {
            Some(b) => *b += points,
            None => {
                self.balances.insert(partner.to_owned(), points);
            }
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Earned { partner, points } => {
                self.add(partner, *points);
                self.lifetime += points;
            }
            Event::Redeemed { partner, points } => self.add(partner, -points),
            Event::Badge(name) => self.badges.push(name.clone()),
        }
        self.version += 1;
    }
}

/// Pure projection: every event yields the next version of the card.
fn project(events: &[Event]) -> Card {
    let mut card = Card::default();
    for event in events {
        let mut next = card.clone(); // guilty
        next.apply(event);
        card = next;
    }
    card
}

fn project_in_place(events: &[Event]) -> Card {
    let mut card = Card::default();
    for event in events {
        card.apply(event);
    }
    card
}

fn tier(lifetime: i64) -> &'static str {
    match lifetime {
        i64::MIN..=9_999 => "blue",
        10_000..=29_999 => "silver",
        _ => "gold",
    }
}

fn render(id: usize, card: &Card) -> String {
    let best = card.balances.iter().max_by_key(|(_, b)| **b);
    let (partner, points) = best.map(|(p, b)| (p.as_str(), *b)).unwrap_or(("none", 0));
    let total: i64 = card.balances.values().sum();
    format!(
        "card {id} v{} {} total {total} best {partner} {points} badges {}\n",
        card.version,
        tier(card.lifetime),
        card.badges.len()
    )
}

fn history(card: usize) -> Vec<Event> {
    (0..EVENTS)
        .map(|i| {
            let n = i * 37 + card * 11;
            let partner = format!("{}-branch-{:03}", PARTNERS[n % PARTNERS.len()], (n / 8) % 12);
            match n % 10 {
                0 => Event::Badge(format!("streak-{}-weeks", n % 52)),
                1 | 2 => Event::Redeemed { partner, points: 10 + (n % 40) as i64 },
                _ => Event::Earned { partner, points: 25 + (n % 200) as i64 },
            }
        })
        .collect()
}

struct Club {
    logs: Vec<Vec<Event>>,
    next: AtomicUsize,
    pure: bool,
}

async fn show(State(club): State<Arc<Club>>) -> String {
    let id = club.next.fetch_add(1, Ordering::Relaxed) % CARDS;
    let log = &club.logs[id];
    let card = if club.pure { project(log) } else { project_in_place(log) };
    render(id, &card)
}

pub fn run(broken: bool, port: u16) {
    let club = Arc::new(Club { logs: (0..CARDS).map(history).collect(), next: AtomicUsize::new(0), pure: broken });
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let app = Router::new().route("/", get(show)).with_state(club);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
