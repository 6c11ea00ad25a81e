//! What lies near a place: a grid of cells, and a cache of what was asked before.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Twin;

/// Answers that the healthy cache keeps.
const CAPACITY: usize = 256;
const SIDE: usize = 64;

#[derive(Clone, Copy, PartialEq)]
struct Place {
    latitude: f64,
    longitude: f64,
}

#[derive(Clone, Copy)]
struct Neighbour {
    id: u64,
    metres: f64,
    place: Place,
}

type Answer = Arc<Vec<Neighbour>>;

/// A key of the cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key(u64, u64);

impl Key {
    fn exact(place: Place) -> Self {
        Self(place.latitude.to_bits(), place.longitude.to_bits())
    }

    fn rounded(place: Place) -> Self {
        Self((place.latitude * 10.0) as u64, (place.longitude * 10.0) as u64)
    }
}

struct Cache {
    answers: Mutex<HashMap<Key, Answer>>,
    twin: Twin,
}

impl Cache {
    fn key(&self, place: Place) -> Key {
        match self.twin {
            Twin::Broken => Key::exact(place),
            Twin::Healthy => Key::rounded(place),
        }
    }

    fn get(&self, place: Place) -> Option<Answer> {
        self.answers.lock().get(&self.key(place)).cloned()
    }

    fn remember(&self, place: Place, answer: &Answer) {
        let mut answers = self.answers.lock();
        if self.twin == Twin::Healthy && answers.len() >= CAPACITY {
            answers.clear();
        }
        answers.insert(self.key(place), Arc::clone(answer)); // guilty
    }
}

/// Places of interest.
struct Grid {
    places: Vec<Place>,
}

impl Grid {
    fn load() -> Self {
        let at = |n: usize| Place { latitude: (n / SIDE) as f64 * 0.4, longitude: (n % SIDE) as f64 * 0.6 };
        Self { places: (0..SIDE * SIDE).map(at).collect() }
    }

    fn near(&self, from: Place) -> Vec<Neighbour> {
        let first = (from.latitude * 40.0) as usize % (self.places.len() - 900);
        let mut found = Vec::with_capacity(900);
        for (at, place) in self.places[first..first + 900].iter().enumerate() {
            let (north, east) = (place.latitude - from.latitude, place.longitude - from.longitude);
            let metres = (north * north + east * east).sqrt() * 111_000.0;
            found.push(Neighbour { id: (first + at) as u64, metres, place: *place }); // guilty
        }
        found
    }
}

struct Geo {
    grid: Grid,
    cache: Cache,
    asked: AtomicU64,
}

impl Geo {
    /// Phones move about a little all the time.
    fn position(&self) -> Place {
        let n = self.asked.fetch_add(1, Ordering::Relaxed);
        let spot = n % 11;
        Place { latitude: 5.0 + spot as f64 + n as f64 * 1e-7, longitude: 7.0 + spot as f64 - n as f64 * 1e-7 }
    }

    fn lookup(&self, from: Place) -> Answer {
        if let Some(answer) = self.cache.get(from) {
            return answer;
        }
        let answer = Arc::new(self.grid.near(from));
        self.cache.remember(from, &answer);
        answer
    }
}

async fn nearest(State(geo): State<Arc<Geo>>) -> Json<Value> {
    let answer = geo.lookup(geo.position());
    let nearest = answer.iter().min_by(|a, b| a.metres.total_cmp(&b.metres));
    Json(json!({ "id": nearest.map(|one| one.id), "latitude": nearest.map(|one| one.place.latitude) }))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let cache = Cache { answers: Mutex::default(), twin };
    let geo = Arc::new(Geo { grid: Grid::load(), cache, asked: AtomicU64::new(0) });
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(nearest)).with_state(geo);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
