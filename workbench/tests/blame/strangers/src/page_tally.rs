//! Page tally: counts views per article with the last referrer, and keeps a view for the dashboard.
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PAGES: u64 = 12_000;

#[derive(Clone)]
struct Views {
    count: u64,
    referrer: String,
}

type Pages = HashMap<String, Views>;

struct Hit {
    path: String,
    referrer: &'static str,
}

#[derive(Default, Clone, Copy)]
struct Totals {
    hits: u64,
    busiest: u64,
}

/// What the dashboard thread may look at without holding up the counters.
enum Dashboard {
    Pages(Mutex<Arc<Pages>>),
    Totals(Mutex<Totals>),
}

struct Tally {
    pages: Mutex<Arc<Pages>>,
    dashboard: Dashboard,
    served: AtomicU64,
}

fn archive() -> Pages {
    (0..PAGES).map(|i| (page_path(i), Views { count: 0, referrer: "direct".to_string() })).collect()
}

fn page_path(i: u64) -> String {
    format!("/archive/{}/{:02}/article-{}", 2009 + i % 15, 1 + i % 12, i)
}

fn classify(no: u64) -> Hit {
    const FROM: [&str; 4] = ["search.example", "news.example", "mail", "direct"];
    Hit { path: page_path(no * 2_654_435 % PAGES), referrer: FROM[(no % 4) as usize] }
}

fn count_hit(pages: &Mutex<Arc<Pages>>, hit: &Hit) -> u64 {
    let mut pages = pages.lock();
    let pages = Arc::make_mut(&mut pages); // guilty
    match pages.get_mut(&hit.path) {
        Some(views) => {
            views.count += 1;
            views.referrer = hit.referrer.to_string();
            views.count
        }
        None => 0,
    }
}

fn publish_pages(shown: &Mutex<Arc<Pages>>, pages: &Mutex<Arc<Pages>>) {
    let latest = pages.lock().clone();
    *shown.lock() = latest; // guilty
}

fn publish_totals(shown: &Mutex<Totals>, count: u64) {
    let mut t = shown.lock();
    t.hits += 1;
    t.busiest = t.busiest.max(count);
}

impl Tally {
    fn new(broken: bool) -> Tally {
        let pages = Arc::new(archive());
        let dashboard = if broken {
            Dashboard::Pages(Mutex::new(pages.clone()))
        } else {
            Dashboard::Totals(Mutex::new(Totals::default()))
        };
        Tally { pages: Mutex::new(pages), dashboard, served: AtomicU64::new(0) }
    }

    fn record(&self, hit: &Hit) -> u64 {
        let count = count_hit(&self.pages, hit);
        match &self.dashboard {
            Dashboard::Pages(shown) => publish_pages(shown, &self.pages),
            Dashboard::Totals(shown) => publish_totals(shown, count),
        }
        count
    }
}

fn answer(tally: &Tally) -> String {
    let hit = classify(tally.served.fetch_add(1, Ordering::Relaxed));
    let count = tally.record(&hit);
    let body = format!("{} seen {} times, last from {}\n", hit.path, count, hit.referrer);
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}", body.len(), body)
}

async fn serve(mut stream: TcpStream, tally: Arc<Tally>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut pending: Vec<u8> = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut pending).await? == 0 {
            return Ok(());
        }
        while let Some(end) = pending.windows(4).position(|w| w == b"\r\n\r\n") {
            pending.drain(..end + 4);
            stream.write_all(answer(&tally).as_bytes()).await?;
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let tally = Arc::new(Tally::new(broken));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, tally.clone()));
        }
    }
}
