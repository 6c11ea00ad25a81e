//! River: a reading feed. Stories come in from many wires; the front page shows the newest, each once.
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use tokio::net::TcpListener;

const WIRES: usize = 6;
const PER_WIRE: usize = 420;

struct Story {
    slug: String,
    title: String,
    wire: usize,
    age_min: u32,
}

struct Feed {
    stories: Vec<Story>,
    visits: AtomicUsize,
    merge: fn(&[Story]) -> Vec<&Story>,
}

fn wire_stories() -> Vec<Story> {
    let mut all = Vec::with_capacity(WIRES * PER_WIRE);
    let mut x: u64 = 0x9e3779b97f4a7c15;
    for n in 0..PER_WIRE {
        for wire in 0..WIRES {
            x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            // one story in twelve is carried by the wire next door as well
            let owner = if (x >> 40) % 12 == 0 { (wire + 1) % WIRES } else { wire };
            all.push(Story {
                slug: format!("wire-{owner:02}/2024/story-{n:06}"),
                title: format!("Report {n} from desk {owner}"),
                wire,
                age_min: n as u32,
            });
        }
    }
    all
}

/// Keeps the first telling of each story, in the order of the wires.
fn first_tellings(stories: &[Story]) -> Vec<&Story> {
    let mut kept: Vec<&Story> = Vec::new();
    for story in stories {
        if !kept.iter().any(|k| k.slug == story.slug) {
            // guilty
            kept.push(story);
        }
    }
    kept
}

fn first_tellings_by_slug(stories: &[Story]) -> Vec<&Story> {
    let mut seen = HashSet::with_capacity(stories.len());
    stories.iter().filter(|s| seen.insert(s.slug.as_str())).collect()
}

fn age(minutes: u32) -> String {
    match minutes {
        0..=59 => format!("{minutes} min"),
        _ => format!("{} h", minutes / 60),
    }
}

fn render(stories: &[&Story], offset: usize) -> String {
    let mut page = String::with_capacity(8 * 1024);
    page.push_str("<ul>");
    for s in stories.iter().skip(offset).take(40) {
        page.push_str(&format!(
            "<li><a href=\"/{}\">{}</a> (wire {}, {})</li>",
            s.slug,
            s.title,
            s.wire,
            age(s.age_min)
        ));
    }
    page.push_str(&format!("</ul><p>{} stories today</p>", stories.len()));
    page
}

async fn front_page(feed: Arc<Feed>, _req: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let visit = feed.visits.fetch_add(1, Ordering::Relaxed);
    let merged = (feed.merge)(&feed.stories);
    let body = render(&merged, (visit % 5) * 40);
    Ok(Response::builder().header("content-type", "text/html").body(Full::new(Bytes::from(body))).unwrap())
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let feed = Arc::new(Feed {
        stories: wire_stories(),
        visits: AtomicUsize::new(0),
        merge: if broken { first_tellings } else { first_tellings_by_slug },
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let feed = feed.clone();
        tokio::spawn(async move {
            let service = service_fn(move |req| front_page(feed.clone(), req));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
