//! Bird count: volunteers write down what they saw; the page says which birds lead in a county.
use bytes::BytesMut;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BIRDS: [&str; 10] = [
    "blackbird",
    "coal tit",
    "dunnock",
    "goldfinch",
    "house sparrow",
    "jackdaw",
    "magpie",
    "robin",
    "starling",
    "wren",
];
const COUNTIES: usize = 12;

#[derive(Clone)]
struct Sighting {
    bird: String,
    county: String,
    observer: String,
    remark: String,
    tags: Vec<String>,
    seen: u32,
}

struct Survey {
    sightings: RwLock<Arc<Vec<Sighting>>>,
    asked: AtomicUsize,
    broken: bool,
}

fn notebook() -> Vec<Sighting> {
    (0..12000usize)
        .map(|n| Sighting {
            bird: BIRDS[n * 7 % 10].to_string(),
            county: format!("county-{:02}", n * 31 % COUNTIES),
            observer: format!("observer {}", n % 700),
            remark: format!("seen near hedge {} at {} o'clock", n % 90, n % 12),
            tags: vec!["garden".to_string(), format!("week-{}", n % 52)],
            seen: 1 + (n % 6) as u32,
        })
        .collect()
}

impl Survey {
    /// What has been written down so far, for use without the lock.
    fn snapshot(&self) -> Vec<Sighting> {
        self.sightings.read().as_ref().clone() // guilty
    }

    fn shared(&self) -> Arc<Vec<Sighting>> {
        self.sightings.read().clone()
    }

    fn answer(&self) -> String {
        let county = format!("county-{:02}", self.asked.fetch_add(1, Ordering::Relaxed) % COUNTIES);
        if self.broken {
            report(&county, &self.snapshot())
        } else {
            report(&county, &self.shared())
        }
    }
}

fn tally<'a>(county: &str, sightings: &'a [Sighting]) -> Vec<(&'a str, u32)> {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for s in sightings.iter().filter(|s| s.county == county) {
        *counts.entry(s.bird.as_str()).or_default() += s.seen;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    ranked
}

fn latest<'a>(county: &str, sightings: &'a [Sighting]) -> Option<&'a Sighting> {
    sightings.iter().rev().find(|s| s.county == county)
}

fn report(county: &str, sightings: &[Sighting]) -> String {
    let mut text = format!("{county}, {} sightings in all\n", sightings.len());
    for (place, (bird, seen)) in tally(county, sightings).into_iter().enumerate() {
        text.push_str(&format!("{}. {bird}: {seen}\n", place + 1));
    }
    if let Some(s) = latest(county, sightings) {
        text.push_str(&format!("latest: {} by {}, {} [{}]\n", s.bird, s.observer, s.remark, s.tags.join(", ")));
    }
    text
}

fn take_request(buf: &mut BytesMut) -> bool {
    match buf.windows(4).position(|w| w == b"\r\n\r\n") {
        Some(at) => {
            let _ = buf.split_to(at + 4);
            true
        }
        None => false,
    }
}

async fn serve(survey: Arc<Survey>, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buf = BytesMut::with_capacity(2048);
    while stream.read_buf(&mut buf).await? > 0 {
        while take_request(&mut buf) {
            let body = survey.answer();
            let mut out =
                format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
            out.push_str(&body);
            stream.write_all(out.as_bytes()).await?;
        }
    }
    Ok(())
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let survey = Arc::new(Survey { sightings: RwLock::new(Arc::new(notebook())), asked: AtomicUsize::new(0), broken });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(survey.clone(), stream));
    }
}
