//! Appraisal of stamp albums: every request values one album against the
//! registry of issues, kept in memory and keyed by the printed catalogue number.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::Router;

const SERIES: u64 = 110;
const PER_SERIES: u64 = 80;
const ALBUM_PAGES: usize = 60;
const STAMPS_ON_PAGE: usize = 12;

/// Catalogue number: country (8 bits), series (12), number (12), variety (20).
#[derive(Clone, Copy, PartialEq, Eq)]
struct CatalogueNo(u64);

impl CatalogueNo {
    fn new(country: u64, series: u64, number: u64, variety: u64) -> Self {
        CatalogueNo(country << 44 | series << 32 | number << 20 | variety)
    }
}

impl Hash for CatalogueNo {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// The numbers are unique, so they serve as they are.
#[derive(Default)]
struct PlainNumber(u64);

impl Hasher for PlainNumber {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0 << 8 | u64::from(*b);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n; // guilty
    }
}

/// Multiplies and folds, so that every bit of the number reaches both ends.
#[derive(Default)]
struct FoldedNumber(u64);

impl Hasher for FoldedNumber {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.write_u64(u64::from(*b));
        }
    }

    fn write_u64(&mut self, n: u64) {
        let wide = u128::from(self.0 ^ n) * 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
        self.0 = (wide >> 64) as u64 ^ wide as u64;
    }
}

struct Issue {
    face_value: u32,
    printed: u32,
    year: u16,
}

impl Issue {
    fn price(&self, condition: u32) -> u64 {
        let age = u64::from(2026 - self.year);
        let scarce = 40_000_000 / u64::from(self.printed);
        (u64::from(self.face_value) + age * scarce) * u64::from(condition) / 10
    }
}

struct Registry<S> {
    issues: HashMap<CatalogueNo, Issue, S>,
    visits: AtomicU64,
}

impl<S: BuildHasher + Default> Registry<S> {
    fn load() -> Self {
        let mut issues = HashMap::with_capacity_and_hasher(10_000, S::default());
        for series in 0..SERIES {
            for number in 0..PER_SERIES {
                let issue = Issue {
                    face_value: 5 + (number as u32 * 7) % 95,
                    printed: 20_000 + (series * 7919 + number * 104_729) as u32 % 900_000,
                    year: 1890 + series as u16,
                };
                issues.insert(CatalogueNo::new(49, series, number, 0), issue);
            }
        }
        Registry { issues, visits: AtomicU64::new(1) }
    }

    fn page_value(&self, page: &[CatalogueNo]) -> u64 {
        page.iter()
            .enumerate()
            .filter_map(|(slot, no)| {
                let issue = self.issues.get(no)?;
                Some(issue.price(6 + slot as u32 % 5))
            })
            .sum()
    }

    fn appraise(&self, album: &Album) -> u64 {
        album.pages.iter().map(|page| self.page_value(page)).sum()
    }
}

struct Album {
    pages: Vec<Vec<CatalogueNo>>,
}

impl Album {
    fn of_owner(owner: u64) -> Self {
        let mut seed = owner.wrapping_mul(6_364_136_223_846_793_005) | 1;
        let mut draw = |limit: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % limit
        };
        let pages = (0..ALBUM_PAGES)
            .map(|_| (0..STAMPS_ON_PAGE).map(|_| CatalogueNo::new(49, draw(SERIES), draw(PER_SERIES), 0)).collect())
            .collect();
        Album { pages }
    }
}

async fn appraisal<S>(State(registry): State<Arc<Registry<S>>>) -> String
where
    S: BuildHasher + Default + Send + Sync + 'static,
{
    let owner = registry.visits.fetch_add(1, Ordering::Relaxed);
    let album = Album::of_owner(owner);
    let total = registry.appraise(&album);
    format!("album {owner}: {}.{:02}\n", total / 100, total % 100)
}

fn router<S>() -> Router
where
    S: BuildHasher + Default + Send + Sync + 'static,
{
    Router::new().route("/", get(appraisal::<S>)).with_state(Arc::new(Registry::<S>::load()))
}

pub fn run(broken: bool, port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async move {
        let app = if broken {
            router::<BuildHasherDefault<PlainNumber>>()
        } else {
            router::<BuildHasherDefault<FoldedNumber>>()
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
        axum::serve(listener, app).await.expect("serve");
    });
}
