//! Recommendations for visitors, scored anew for all of them twice a second.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::RwLock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};

use crate::Twin;

const VISITORS: usize = 280;
const ARTICLES: usize = 60;

/// What somebody likes, by article.
#[derive(Clone)]
struct Taste {
    weights: Vec<f32>,
}

impl Taste {
    fn of(visitor: usize) -> Self {
        Self { weights: (0..ARTICLES).map(|article| ((visitor * 31 + article * 17) % 101) as f32 / 101.0).collect() }
    }
}

/// The best articles of each visitor.
struct Board {
    best: Vec<RwLock<[u16; 5]>>,
    generation: AtomicU64,
}

impl Board {
    fn new() -> Self {
        Self { best: (0..VISITORS).map(|_| RwLock::new([0; 5])).collect(), generation: AtomicU64::new(0) }
    }

    fn of(&self, visitor: usize) -> [u16; 5] {
        *self.best[visitor % VISITORS].read()
    }

    fn set(&self, visitor: usize, best: [u16; 5]) {
        *self.best[visitor].write() = best;
    }
}

/// A model of a few rounds.
struct Model {
    rounds: u32,
}

impl Model {
    fn best(&self, taste: &Taste) -> [u16; 5] {
        let mut scores = taste.weights.clone();
        for round in 0..self.rounds {
            let mean = scores.iter().sum::<f32>() / scores.len() as f32;
            for (at, score) in scores.iter_mut().enumerate() {
                *score += (taste.weights[(at + round as usize) % ARTICLES] - mean).tanh() * 0.01;
            }
        }
        let mut order: Vec<u16> = (0..ARTICLES as u16).collect();
        order.sort_by(|a, b| scores[usize::from(*b)].total_cmp(&scores[usize::from(*a)]));
        [order[0], order[1], order[2], order[3], order[4]]
    }
}

/// Scores every visitor anew.
struct Refresh {
    model: Arc<Model>,
    board: Arc<Board>,
    twin: Twin,
}

impl Refresh {
    async fn run(self) {
        let mut ticks = interval(Duration::from_millis(500));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.twin {
                Twin::Broken => self.refresh().await,
                Twin::Healthy => self.refresh_aside().await,
            }
            self.board.generation.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn refresh(&self) {
        let jobs: Vec<_> = (0..VISITORS)
            .map(|visitor| tokio::spawn(rescore(Arc::clone(&self.model), Arc::clone(&self.board), visitor))) // guilty
            .collect();
        for job in jobs {
            let _ = job.await;
        }
    }

    async fn refresh_aside(&self) {
        let (model, board) = (Arc::clone(&self.model), Arc::clone(&self.board));
        let all = move || {
            for visitor in 0..VISITORS {
                board.set(visitor, model.best(&Taste::of(visitor)));
            }
        };
        let _ = tokio::task::spawn_blocking(all).await;
    }
}

async fn rescore(model: Arc<Model>, board: Arc<Board>, visitor: usize) {
    board.set(visitor, model.best(&Taste::of(visitor))); // guilty
}

struct Site {
    board: Arc<Board>,
    visits: AtomicU64,
}

async fn recommended(State(site): State<Arc<Site>>) -> Json<Value> {
    let visitor = site.visits.fetch_add(1, Ordering::Relaxed) as usize;
    let generation = site.board.generation.load(Ordering::Relaxed);
    Json(json!({ "articles": site.board.of(visitor), "generation": generation }))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let board = Arc::new(Board::new());
    crate::http::runtime()?.block_on(async move {
        let refresh = Refresh { model: Arc::new(Model { rounds: 900 }), board: Arc::clone(&board), twin };
        tokio::spawn(refresh.run());
        let site = Arc::new(Site { board, visits: AtomicU64::new(0) });
        let router = Router::new().route("/", get(recommended)).with_state(site);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
