//! Brochures as web pages: the text is set in the column width that looks best, priced for the day, and kept.
use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::Router;
use bytes::Bytes;
use parking_lot::Mutex;

const PAGES_KEPT: usize = 256;
const DAY_MS: u64 = 86_400_000;
const WORDS: [&str; 16] = [
    "harbour",
    "a",
    "of",
    "mountain",
    "evening",
    "the",
    "terrace",
    "included",
    "breakfast",
    "and",
    "guided",
    "is",
    "panorama",
    "to",
    "sea",
    "cancellation",
];

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Locale {
    En,
    De,
}

/// What a page depends on.
#[derive(Clone, Copy, Debug)]
struct Edition {
    brochure: u32,
    locale: Locale,
    /// Prices on the page are those of this moment's day (milliseconds since the epoch).
    valid_from: u64,
}

impl Edition {
    fn day(&self) -> u64 {
        self.valid_from / DAY_MS
    }
}

struct Kept<K> {
    pages: HashMap<K, Bytes>,
    order: VecDeque<K>,
}

impl<K: Hash + Eq + Copy> Kept<K> {
    fn new() -> Self {
        Kept { pages: HashMap::with_capacity(PAGES_KEPT), order: VecDeque::with_capacity(PAGES_KEPT) }
    }

    fn put(&mut self, key: K, page: Bytes) {
        if self.pages.insert(key, page).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > PAGES_KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.pages.remove(&oldest);
            }
        }
    }
}

type PageKey = (u32, Locale, u64);

struct Press {
    kept: Mutex<Kept<PageKey>>,
    by_day: bool,
    visits: AtomicU32,
}

fn text_of(brochure: u32, locale: Locale) -> Vec<&'static str> {
    let mut state = brochure.wrapping_mul(2_654_435_761) ^ locale as u32;
    (0..600)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            WORDS[(state >> 28) as usize]
        })
        .collect()
}

/// Least raggedness line breaking: the total penalty and the start of each line.
fn break_lines(words: &[&str], width: usize) -> (u64, Vec<usize>) {
    let n = words.len();
    let mut best = vec![u64::MAX; n + 1];
    let mut next = vec![n; n + 1];
    best[n] = 0;
    for start in (0..n).rev() {
        let mut used = 0;
        for end in start..n {
            used += words[end].len() + usize::from(end > start);
            if used > width {
                break;
            }
            let slack = (width - used) as u64;
            let penalty = if end + 1 == n { 0 } else { slack * slack * slack };
            let total = best[end + 1].saturating_add(penalty);
            if total < best[start] {
                best[start] = total;
                next[start] = end + 1;
            }
        }
    }
    let mut starts = Vec::new();
    let mut at = 0;
    while at < n {
        starts.push(at);
        at = next[at];
    }
    (best[0], starts)
}

fn set_page(edition: &Edition) -> Bytes {
    let words = text_of(edition.brochure, edition.locale);
    let (_, mut starts) = (24..140)
        .map(|width| {
            let (penalty, starts) = break_lines(&words, width);
            (penalty / width as u64, starts)
        })
        .min_by_key(|(penalty, _)| *penalty)
        .expect("at least one width");
    starts.push(words.len());
    let price = 19_900 + (edition.day() * 31 + u64::from(edition.brochure) * 7) % 9_000;
    let mut page = String::with_capacity(8 * 1024);
    let _ = write!(page, "<h1>Brochure {}</h1><p>from {}.{:02}</p><pre>", edition.brochure, price / 100, price % 100);
    for line in starts.windows(2) {
        page.push_str(&words[line[0]..line[1]].join(" "));
        page.push('\n');
    }
    page.push_str("</pre>");
    Bytes::from(page)
}

impl Press {
    fn open_edition(&self) -> Edition {
        let visit = self.visits.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Edition {
            brochure: 100 + visit % 6,
            locale: if visit / 6 % 3 == 0 { Locale::De } else { Locale::En },
            valid_from: now.as_millis() as u64,
        }
    }

    /// The page of this edition, from those kept if it is there.
    fn page_for(&self, edition: &Edition) -> Bytes {
        let key = (edition.brochure, edition.locale, edition.valid_from); // guilty
        if let Some(page) = self.kept.lock().pages.get(&key) {
            return page.clone();
        }
        let page = set_page(edition);
        self.kept.lock().put(key, page.clone());
        page
    }

    fn page_of_day(&self, edition: &Edition) -> Bytes {
        let key = (edition.brochure, edition.locale, edition.day());
        if let Some(page) = self.kept.lock().pages.get(&key) {
            return page.clone();
        }
        let page = set_page(edition);
        self.kept.lock().put(key, page.clone());
        page
    }
}

async fn show(State(press): State<Arc<Press>>) -> impl IntoResponse {
    let edition = press.open_edition();
    let page = if press.by_day { press.page_of_day(&edition) } else { press.page_for(&edition) };
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page)
}

pub async fn run(broken: bool, port: u16) -> std::io::Result<()> {
    let press = Arc::new(Press { kept: Mutex::new(Kept::new()), by_day: !broken, visits: AtomicU32::new(0) });
    let app = Router::new().route("/", get(show)).with_state(press);
    axum::serve(tokio::net::TcpListener::bind(("127.0.0.1", port)).await?, app).await
}
