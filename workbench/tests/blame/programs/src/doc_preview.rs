//! Previews of documents: the renderer is a program of its own, called once a page.

use std::collections::HashMap;
use std::io;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::Twin;

/// What the rendering program does with a page.
const RENDER: &str = "sleep 0.018; echo preview of $0";

#[derive(Clone)]
struct Page {
    document: u64,
    number: u32,
}

impl Page {
    fn name(&self) -> String {
        format!("{}-{}.pdf", self.document, self.number)
    }
}

/// Makes pictures of pages.
trait Renderer: Send + Sync {
    fn render<'a>(&'a self, page: &'a Page) -> BoxFuture<'a, io::Result<Vec<u8>>>;
}

fn converter(name: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", RENDER, name]).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Calls the converter.
struct Converter;

impl Converter {
    fn convert(name: &str) -> io::Result<Vec<u8>> {
        let output = converter(name).output()?; // guilty
        if output.status.success() { Ok(output.stdout) } else { Err(io::Error::other("the converter failed")) }
    }
}

impl Renderer for Converter {
    fn render<'a>(&'a self, page: &'a Page) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        Box::pin(async move { Self::convert(&page.name()) }) // guilty
    }
}

/// Calls the converter where waiting is allowed.
struct AsideConverter {
    slots: Semaphore,
}

impl Renderer for AsideConverter {
    fn render<'a>(&'a self, page: &'a Page) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        Box::pin(async move {
            let _slot = self.slots.acquire().await.map_err(io::Error::other)?;
            let name = page.name();
            tokio::task::spawn_blocking(move || Converter::convert(&name)).await?
        })
    }
}

/// Previews that were made lately.
#[derive(Default)]
struct Recent {
    previews: Mutex<HashMap<String, Arc<[u8]>>>,
}

impl Recent {
    fn get(&self, name: &str) -> Option<Arc<[u8]>> {
        self.previews.lock().get(name).cloned()
    }

    fn put(&self, name: String, preview: Arc<[u8]>) {
        let mut previews = self.previews.lock();
        if previews.len() >= 64 {
            previews.clear();
        }
        previews.insert(name, preview);
    }
}

struct Previews {
    renderer: Box<dyn Renderer>,
    recent: Recent,
    asked: AtomicU64,
}

impl Previews {
    /// Every fourth page was looked at before.
    fn wanted(&self) -> Page {
        let n = self.asked.fetch_add(1, Ordering::Relaxed);
        Page { document: if n.is_multiple_of(4) { 1 } else { n }, number: 1 }
    }

    async fn preview(&self, page: &Page) -> io::Result<Arc<[u8]>> {
        let name = page.name();
        if let Some(preview) = self.recent.get(&name) {
            return Ok(preview);
        }
        let preview: Arc<[u8]> = self.renderer.render(page).await?.into();
        self.recent.put(name, Arc::clone(&preview));
        Ok(preview)
    }
}

async fn preview(State(previews): State<Arc<Previews>>) -> Result<Json<Value>, StatusCode> {
    let page = previews.wanted();
    let made = previews.preview(&page).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(Json(json!({ "page": page.number, "document": page.document, "bytes": made.len() })))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let renderer: Box<dyn Renderer> = match twin {
        Twin::Broken => Box::new(Converter),
        Twin::Healthy => Box::new(AsideConverter { slots: Semaphore::new(8) }),
    };
    let previews = Arc::new(Previews { renderer, recent: Recent::default(), asked: AtomicU64::new(0) });
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(preview)).with_state(previews);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
