//! A shelf of shared documents. The page lists the documents of one folder that the reader
//! may open; who may open what is kept by the directory service (a TCP line protocol).
use axum::{extract::State, http::StatusCode, routing::get, Router};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const FOLDERS: u32 = 8192;
const DOCS_PER_FOLDER: u32 = 60;

type Wire = BufReader<TcpStream>;

struct Shelf {
    directory: std::net::SocketAddr,
    idle: Mutex<Vec<Wire>>,
    visits: AtomicU32,
    walk: bool,
}

impl Shelf {
    async fn wire(&self) -> io::Result<Wire> {
        if let Some(w) = self.idle.lock().unwrap().pop() {
            return Ok(w);
        }
        let sock = TcpStream::connect(self.directory).await?;
        sock.set_nodelay(true)?;
        Ok(BufReader::new(sock))
    }
}

async fn ask(wire: &mut Wire, question: String) -> io::Result<String> {
    wire.write_all(question.as_bytes()).await?;
    let mut line = String::new();
    wire.read_line(&mut line).await?;
    Ok(line.trim_end().to_string())
}

fn parse_rule(rule: &str) -> (u32, u32) {
    let (parent, mask) = rule.split_once(' ').unwrap_or(("0", "0"));
    (parent.parse().unwrap_or(0), mask.parse().unwrap_or(0))
}

/// A document may be opened by those whom every folder above it lets through.
async fn readers_of(wire: &mut Wire, doc: u32) -> io::Result<u32> {
    let mut folder = doc / DOCS_PER_FOLDER;
    let mut mask = u32::MAX;
    while folder != 0 {
        let rule = ask(wire, format!("FOLDER {folder}\n")).await?; // guilty
        let (parent, here) = parse_rule(&rule);
        mask &= here;
        folder = parent;
    }
    Ok(mask)
}

async fn readers_of_folder(wire: &mut Wire, folder: u32) -> io::Result<u32> {
    let path = ask(wire, format!("PATH {folder}\n")).await?;
    Ok(path.split(',').map(|rule| parse_rule(rule).1).fold(u32::MAX, |a, b| a & b))
}

async fn list_by_doc(wire: &mut Wire, folder: u32, reader: u32) -> io::Result<Vec<u32>> {
    let mut seen = Vec::new();
    for doc in folder * DOCS_PER_FOLDER..(folder + 1) * DOCS_PER_FOLDER {
        if readers_of(wire, doc).await? & reader != 0 {
            // guilty
            seen.push(doc);
        }
    }
    Ok(seen)
}

async fn list_by_folder(wire: &mut Wire, folder: u32, reader: u32) -> io::Result<Vec<u32>> {
    let mask = readers_of_folder(wire, folder).await?;
    let docs = folder * DOCS_PER_FOLDER..(folder + 1) * DOCS_PER_FOLDER;
    Ok(docs.filter(|_| mask & reader != 0).collect())
}

async fn page(State(shelf): State<Arc<Shelf>>) -> Result<String, StatusCode> {
    let visit = shelf.visits.fetch_add(1, Ordering::Relaxed);
    let folder = FOLDERS / 2 + visit.wrapping_mul(2654435761) % (FOLDERS / 2);
    let reader = 1 << (visit % 16);
    let mut wire = shelf.wire().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let listed = if shelf.walk {
        list_by_doc(&mut wire, folder, reader).await
    } else {
        list_by_folder(&mut wire, folder, reader).await
    };
    let docs = listed.map_err(|_| StatusCode::BAD_GATEWAY)?;
    shelf.idle.lock().unwrap().push(wire);
    let mut text = format!("folder {folder}: {} documents\n", docs.len());
    for doc in docs {
        text.push_str(&format!("  doc-{doc:06}\n"));
    }
    Ok(text)
}

fn rule(folder: u32) -> (u32, u32) {
    let parent = folder / 3;
    (parent, 0xffff ^ (1 << (folder % 23)))
}

fn directory_answer(line: &str) -> String {
    let (verb, id) = line.trim_end().split_once(' ').unwrap_or(("", "0"));
    let mut folder: u32 = id.parse().unwrap_or(0);
    let (parent, mask) = rule(folder);
    if verb == "FOLDER" {
        return format!("{parent} {mask}\n");
    }
    let mut rules = Vec::new();
    while folder != 0 {
        let (parent, mask) = rule(folder);
        rules.push(format!("{parent} {mask}"));
        folder = parent;
    }
    rules.join(",") + "\n"
}

/// Stand-in for the directory service.
async fn directory(sock: TcpStream) -> io::Result<()> {
    sock.set_nodelay(true)?;
    let mut wire = BufReader::new(sock);
    let mut line = String::new();
    while wire.read_line(&mut line).await? > 0 {
        wire.write_all(directory_answer(&line).as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

async fn directory_listen(listener: TcpListener) -> io::Result<()> {
    loop {
        let (sock, _) = listener.accept().await?;
        tokio::spawn(directory(sock));
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let directory = inner.local_addr().unwrap();
        tokio::spawn(directory_listen(inner));
        let shelf = Shelf { directory, idle: Mutex::default(), visits: AtomicU32::new(1), walk: broken };
        let app = Router::new().route("/", get(page)).with_state(Arc::new(shelf));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
