//! Headline search: an inverted index in memory, brought up to date in the background
//! while connection threads look words up.
use crate::web;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

type Index = HashMap<String, Vec<u32>>;

struct Shelf {
    index: RwLock<Arc<Index>>,
    edition: AtomicU64,
    recent: Mutex<Vec<String>>,
}

fn headlines(edition: u64) -> Vec<String> {
    const WORDS: [&str; 12] = [
        "harvest", "council", "bridge", "election", "storm", "museum", "railway", "market", "school", "river",
        "festival", "budget",
    ];
    let mut x = edition.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    let mut lines = Vec::with_capacity(240_000);
    for _ in 0..240_000 {
        x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let a = WORDS[(x >> 33) as usize % 12];
        let b = WORDS[(x >> 41) as usize % 12];
        lines.push(format!("{a} {b} {}", (x >> 50) % 4096));
    }
    lines
}

fn build_index(lines: &[String]) -> Index {
    let mut index = Index::new();
    for (n, line) in lines.iter().enumerate() {
        for word in line.split_whitespace() {
            index.entry(word.to_lowercase()).or_default().push(n as u32);
        }
    }
    for posts in index.values_mut() {
        posts.sort_unstable_by(|a, b| b.cmp(a));
        posts.dedup();
    }
    index
}

impl Shelf {
    fn publish(&self) {
        let edition = self.edition.fetch_add(1, Ordering::Relaxed);
        let mut index = self.index.write(); // guilty
        let lines = headlines(edition);
        *index = Arc::new(build_index(&lines));
    }

    fn publish_ok(&self) {
        let edition = self.edition.fetch_add(1, Ordering::Relaxed);
        let fresh = Arc::new(build_index(&headlines(edition)));
        let old = std::mem::replace(&mut *self.index.write(), fresh);
        drop(old);
    }

    fn search(&self, word: &str) -> String {
        let index = self.index.read();
        let hits = index.get(word).map(|posts| &posts[..posts.len().min(400)]).unwrap_or(&[]);
        let mut body = format!("{} hits\n", hits.len());
        for hit in hits.iter().take(40) {
            body.push_str(&hit.to_string());
            body.push('\n');
        }
        body
    }

    fn remember(&self, word: &str) {
        let mut recent = self.recent.lock();
        if recent.len() >= 64 {
            recent.remove(0);
        }
        recent.push(word.to_string());
    }
}

/// A score over the hit list: honest CPU on each request.
fn rank(body: &str) -> u64 {
    let mut h = 0xcbf29ce484222325u64;
    for _ in 0..200 {
        for b in body.bytes() {
            h = (h ^ b as u64).wrapping_mul(0x100000001b3);
        }
    }
    h
}

pub fn serve(broken: bool, port: u16) {
    let shelf = Arc::new(Shelf {
        index: RwLock::new(Arc::new(build_index(&headlines(0)))),
        edition: AtomicU64::new(1),
        recent: Mutex::new(Vec::new()),
    });
    let press = shelf.clone();
    thread::Builder::new()
        .name("press".into())
        .spawn(move || loop {
            thread::sleep(Duration::from_millis(500));
            if broken {
                press.publish()
            } else {
                press.publish_ok()
            }
        })
        .expect("thread");
    web::thread_per_connection(port, move |path| {
        let word = path.rsplit('/').next().filter(|w| !w.is_empty()).unwrap_or("harvest");
        let body = shelf.search(word);
        shelf.remember(word);
        format!("score {:x}\n{body}", rank(&body))
    });
}
