//! Map tile server, a thread per connection, with a least-recently-used cache of rendered tiles.
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

const CAPACITY: usize = 250_000;
const HOT_TILES: u64 = 30_000;

type TileId = u64;

struct CachedTile {
    pixels: Arc<[u8]>,
    last_used: u64,
}

/// `recency` maps the use tick to the tile that was used then, when the cache keeps that index.
struct TileCache {
    tiles: HashMap<TileId, CachedTile>,
    recency: Option<BTreeMap<u64, TileId>>,
    tick: u64,
}

impl TileCache {
    fn new(indexed: bool) -> Self {
        TileCache { tiles: HashMap::with_capacity(CAPACITY + 1), recency: indexed.then(BTreeMap::new), tick: 0 }
    }

    fn get(&mut self, id: TileId) -> Option<Arc<[u8]>> {
        self.tick += 1;
        let tile = self.tiles.get_mut(&id)?;
        if let Some(recency) = &mut self.recency {
            recency.remove(&tile.last_used);
            recency.insert(self.tick, id);
        }
        tile.last_used = self.tick;
        Some(tile.pixels.clone())
    }

    fn insert(&mut self, id: TileId, pixels: Arc<[u8]>) {
        if self.tiles.len() >= CAPACITY && !self.tiles.contains_key(&id) {
            self.evict_oldest();
        }
        self.tick += 1;
        if let Some(recency) = &mut self.recency {
            recency.insert(self.tick, id);
        }
        let replaced = self.tiles.insert(id, CachedTile { pixels, last_used: self.tick });
        if let (Some(old), Some(recency)) = (replaced, &mut self.recency) {
            recency.remove(&old.last_used);
        }
    }

    fn evict_oldest(&mut self) {
        let oldest = match &mut self.recency {
            Some(recency) => recency.pop_first().map(|(_, id)| id),
            None => self.tiles.iter().min_by_key(|(_, tile)| tile.last_used).map(|(id, _)| *id), // guilty
        };
        if let Some(id) = oldest {
            self.tiles.remove(&id);
        }
    }
}

fn render_tile(id: TileId) -> Arc<[u8]> {
    let mut x = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut pixels = Vec::with_capacity(64);
    for _ in 0..64 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        pixels.push((x >> 32) as u8);
    }
    pixels.into()
}

struct TileServer {
    cache: Mutex<TileCache>,
    visits: AtomicU64,
}

impl TileServer {
    /// Where the next visitor looks: half of them at the popular places, the others anywhere.
    fn next_view(&self) -> TileId {
        let n = self.visits.fetch_add(1, Ordering::Relaxed);
        let h = n.wrapping_add(1).wrapping_mul(0xd134_2543_de82_ef95) >> 16;
        if n % 2 == 0 {
            h % HOT_TILES
        } else {
            HOT_TILES + h % 100_000_000
        }
    }

    fn tile(&self, id: TileId) -> Arc<[u8]> {
        if let Some(pixels) = self.cache.lock().unwrap().get(id) {
            return pixels;
        }
        let pixels = render_tile(id);
        self.cache.lock().unwrap().insert(id, pixels.clone());
        pixels
    }

    fn warm_up(&self) {
        let mut cache = self.cache.lock().unwrap();
        for id in 0..CAPACITY as u64 {
            let id = if id < HOT_TILES { id } else { id + 100_000_000 };
            cache.insert(id, render_tile(id));
        }
    }

    fn page(&self) -> String {
        let id = self.next_view();
        let pixels = self.tile(id);
        let checksum = pixels.iter().fold(0u32, |sum, p| sum.rotate_left(3) ^ *p as u32);
        format!("tile {id}: {} px, {checksum:08x}\n", pixels.len())
    }
}

fn serve_connection(stream: TcpStream, server: &TileServer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let found = line.starts_with("GET / ");
        let mut keep_alive = true;
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let header = line.trim_end();
            if header.is_empty() {
                break;
            }
            if header.eq_ignore_ascii_case("connection: close") {
                keep_alive = false;
            }
        }
        let (status, body) = if found { ("200 OK", server.page()) } else { ("404 Not Found", "no tile\n".into()) };
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        reader.get_mut().write_all(response.as_bytes())?;
        if !keep_alive {
            return Ok(());
        }
    }
}

pub fn run(broken: bool, port: u16) -> io::Result<()> {
    let server = Arc::new(TileServer { cache: Mutex::new(TileCache::new(!broken)), visits: AtomicU64::new(0) });
    server.warm_up();

    let listener = TcpListener::bind(("127.0.0.1", port))?;
    for stream in listener.incoming() {
        let stream = stream?;
        let server = server.clone();
        thread::Builder::new().name("tile-conn".into()).spawn(move || serve_connection(stream, &server))?;
    }
    Ok(())
}
