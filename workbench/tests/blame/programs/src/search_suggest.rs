//! Suggestions while somebody types: an inverted index in memory, asked once for each way to misspell the word.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Twin;

const STEMS: [&str; 12] =
    ["lamp", "table", "chair", "shelf", "carpet", "mirror", "curtain", "pillow", "basket", "drawer", "bench", "stool"];
const ENDINGS: usize = 4_000;

/// A normalised word. Its hash is said by `twin`.
#[derive(Clone)]
struct Term {
    text: String,
    twin: Twin,
}

impl Term {
    fn new(text: &str, twin: Twin) -> Self {
        Self { text: text.to_ascii_lowercase(), twin }
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text // guilty
    }
}

impl Eq for Term {}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.twin {
            // The first letters are enough to tell most words apart.
            Twin::Broken => self.text.as_bytes()[..4.min(self.text.len())].hash(state), // guilty
            Twin::Healthy => self.text.hash(state),
        }
    }
}

#[derive(Default)]
struct Index {
    postings: HashMap<Term, Vec<u32>>,
}

impl Index {
    fn build(twin: Twin) -> Self {
        let mut index = Self::default();
        for (at, stem) in STEMS.iter().enumerate() {
            for ending in 0..ENDINGS {
                let term = Term::new(&format!("{stem}{ending:04}"), twin);
                index.postings.entry(term).or_default().push((at * ENDINGS + ending) as u32);
            }
        }
        index
    }

    fn documents(&self, term: &Term) -> &[u32] {
        self.postings.get(term).map_or(&[], Vec::as_slice) // guilty
    }
}

/// Everything within one edit of what was typed.
fn spellings(typed: &str, twin: Twin) -> Vec<Term> {
    let mut words = vec![Term::new(typed, twin)];
    for at in 4..typed.len() {
        for letter in "0123456789abcdefghijklmnop".chars() {
            let mut word = typed.to_owned();
            word.replace_range(at..=at, letter.encode_utf8(&mut [0; 4]));
            words.push(Term::new(&word, twin));
            word.push(letter);
            words.push(Term::new(&word, twin));
        }
    }
    words
}

struct Ranker;

impl Ranker {
    fn best(&self, mut found: Vec<u32>) -> Vec<u32> {
        found.sort_unstable_by_key(|document| document % 97);
        found.truncate(10);
        found
    }
}

struct Suggest {
    index: Index,
    ranker: Ranker,
    typed: AtomicUsize,
    twin: Twin,
}

impl Suggest {
    fn typed(&self) -> String {
        let n = self.typed.fetch_add(1, Ordering::Relaxed);
        format!("{}{:04}", STEMS[n % STEMS.len()], n * 31 % ENDINGS)
    }

    fn suggestions(&self, typed: &str) -> Vec<u32> {
        let found = spellings(typed, self.twin).iter().flat_map(|term| self.index.documents(term)).copied().collect();
        self.ranker.best(found)
    }
}

async fn suggest(State(suggest): State<Arc<Suggest>>) -> Json<Value> {
    let typed = suggest.typed();
    let documents = suggest.suggestions(&typed);
    Json(json!({ "typed": typed, "documents": documents }))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let suggest_service =
        Arc::new(Suggest { index: Index::build(twin), ranker: Ranker, typed: AtomicUsize::new(0), twin });
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(suggest)).with_state(suggest_service);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
