//! A feed whose knobs (timeouts, page sizes, weights) come from a store of settings, kept in a cache.

use crate::dov;
use dashmap::DashMap;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const KNOBS: [&str; 12] = [
    "page.size",
    "rank.fresh",
    "rank.close",
    "rank.depth",
    "fan.limit",
    "fan.wait",
    "ads.gap",
    "ads.first",
    "trim.words",
    "trim.lines",
    "edge.wait",
    "edge.tries",
];

#[derive(serde::Serialize, serde::Deserialize, Clone)]
struct Setting {
    value: u64,
    note: String,
    history: Vec<(u64, String)>,
}

#[derive(Clone, Copy)]
struct Range {
    low: u64,
    high: u64,
    usual: u64,
}

/// One file of settings for each family of knobs.
struct Store {
    dir: PathBuf,
    pulls: AtomicU64,
}

impl Store {
    fn make(port: u16) -> std::io::Result<Self> {
        let dir = std::env::temp_dir().join(format!("drab-kestrel-{port}-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let mut families: HashMap<&str, HashMap<String, Setting>> = HashMap::new();
        for (i, knob) in KNOBS.iter().enumerate() {
            let family = knob.split('.').next().unwrap_or("misc");
            let map = families.entry(family).or_default();
            let value = if knob.starts_with("rank") || knob.starts_with("fan") { 48_000 } else { 40 + i as u64 };
            map.insert(knob.to_string(), Setting { value, note: "in use".into(), history: history(i as u64, 120) });
            for k in 0..60 {
                let other = Setting { value: k, note: "retired".into(), history: history(k, 320) };
                map.insert(format!("{family}.old{k}"), other);
            }
        }
        for (family, map) in families {
            std::fs::write(dir.join(format!("{family}.json")), serde_json::to_vec(&map)?)?;
        }
        Ok(Store { dir, pulls: AtomicU64::new(0) })
    }

    async fn pull(&self, knob: &str) -> Option<Setting> {
        self.pulls.fetch_add(1, Ordering::Relaxed);
        let family = knob.split('.').next()?;
        let text = tokio::fs::read(self.dir.join(format!("{family}.json"))).await.ok()?;
        let mut map: HashMap<String, Setting> = serde_json::from_slice(&text).ok()?;
        map.remove(knob)
    }
}

fn history(seed: u64, n: u64) -> Vec<(u64, String)> {
    (0..n)
        .map(|i| (1_600_000_000 + i * 3_600, format!("set by deploy {:012x}", dov::spread(seed * 512 + i) >> 16)))
        .collect()
}

struct Knobs {
    store: Store,
    cache: DashMap<&'static str, Setting>,
    range: Range,
    keep: bool,
}

impl Knobs {
    async fn lookup(&self, knob: &'static str) -> u64 {
        if let Some(found) = self.cache.get(knob).map(|s| s.value) {
            if self.range.holds(found) {
                return found;
            }
            if self.keep {
                return self.range.usual;
            }
            self.cache.remove(knob); // guilty
        }
        let Some(setting) = self.store.pull(knob).await else {
            return self.range.usual;
        };
        let value = setting.value;
        self.cache.insert(knob, setting);
        if self.range.holds(value) {
            value
        } else {
            self.range.usual
        }
    }
}

impl Range {
    fn holds(&self, value: u64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

struct Story {
    id: u64,
    age: u64,
    closeness: u64,
    text: String,
}

fn stories(reader: u64, n: u64) -> Vec<Story> {
    (0..n)
        .map(|i| {
            let id = dov::spread(reader << 8 | i);
            Story {
                id,
                age: id % 90,
                closeness: id >> 32 & 0x3f,
                text: format!("story {:x} about {:x}", id >> 44, id & 0xfff),
            }
        })
        .collect()
}

struct Feed {
    knobs: Knobs,
    readers: AtomicU64,
}

impl Feed {
    async fn page(&self) -> String {
        let reader = self.readers.fetch_add(1, Ordering::Relaxed);
        let mut set = HashMap::with_capacity(KNOBS.len());
        for knob in KNOBS {
            set.insert(knob, self.knobs.lookup(knob).await);
        }
        let mut list = stories(reader, 60);
        let (fresh, close) = (set["rank.fresh"], set["rank.close"]);
        list.sort_by_key(|s| std::cmp::Reverse((100 - s.age) * fresh + s.closeness * close));
        let mut out = format!("for reader {reader}:\n");
        for story in list.iter().take(set["page.size"].min(20) as usize) {
            out.push_str(&format!("{:x} {}\n", story.id & 0xffff, story.text));
        }
        out
    }
}

async fn talk(mut stream: TcpStream, feed: Arc<Feed>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buf = Vec::with_capacity(1024);
    loop {
        let Some(head) = dov::head(&buf) else {
            if stream.read_buf(&mut buf).await? == 0 {
                return Ok(());
            }
            continue;
        };
        buf.drain(..head.len);
        let out = match head.path.as_str() {
            "/" => dov::reply("200 OK", &feed.page().await, head.close),
            "/pulls" => {
                let pulls = feed.knobs.store.pulls.load(Ordering::Relaxed);
                dov::reply("200 OK", &format!("{pulls} pulls, {} kept\n", feed.knobs.cache.len()), head.close)
            }
            _ => dov::reply("404 Not Found", "", head.close),
        };
        stream.write_all(&out).await?;
        if head.close {
            return Ok(());
        }
    }
}

#[tokio::main]
pub async fn run(broken: bool, port: u16) -> std::io::Result<()> {
    let knobs = Knobs {
        store: Store::make(port)?,
        cache: DashMap::new(),
        range: Range { low: 1, high: 30_000, usual: 50 },
        keep: !broken,
    };
    let feed = Arc::new(Feed { knobs, readers: AtomicU64::new(0) });
    feed.page().await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream, feed.clone()));
        }
    }
}
