//! Gate of a lorry yard: each visit takes a picture from the gate camera, reads
//! the plate, grades the exposure and looks the plate up among recent arrivals.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PLATE: usize = 12;
const PICTURE: usize = 32 * 1024;
const RECENT: usize = 60_000;

/// Frame on the wire: u32 length, plate, picture.
struct CameraLink {
    stream: TcpStream,
    buffer: BytesMut,
}

impl CameraLink {
    async fn open(addr: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(CameraLink { stream, buffer: BytesMut::new() })
    }

    async fn fill(&mut self, wanted: usize) -> std::io::Result<()> {
        self.buffer.reserve(wanted.saturating_sub(self.buffer.len()));
        while self.buffer.len() < wanted {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    async fn shoot(&mut self) -> std::io::Result<Bytes> {
        self.stream.write_u8(b'S').await?;
        self.fill(4).await?;
        let length = self.buffer.get_u32() as usize;
        self.fill(length).await?;
        Ok(self.buffer.split_to(length).freeze())
    }
}

async fn camera_session(mut stream: TcpStream, gate: usize) {
    let _ = stream.set_nodelay(true);
    let mut shot = 0u32;
    let mut frame = BytesMut::with_capacity(4 + PLATE + PICTURE);
    while stream.read_u8().await.is_ok() {
        shot += 1;
        frame.clear();
        frame.put_u32((PLATE + PICTURE) as u32);
        frame.put_slice(format!("K{gate:03}-{:07}", shot % 10_000_000).as_bytes());
        frame.put_bytes(shot as u8, PICTURE);
        if stream.write_all(&frame).await.is_err() {
            return;
        }
    }
}

async fn camera() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let addr = listener.local_addr().expect("addr");
    tokio::spawn(async move {
        let mut gate = 0;
        while let Ok((stream, _)) = listener.accept().await {
            gate += 1;
            tokio::spawn(camera_session(stream, gate));
        }
    });
    addr
}

trait PlateReader: Send + Sync {
    fn plate(&self, frame: &Bytes) -> Bytes;
}

struct ViewReader;

impl PlateReader for ViewReader {
    fn plate(&self, frame: &Bytes) -> Bytes {
        frame.slice(..PLATE) // guilty
    }
}

struct CopyReader;

impl PlateReader for CopyReader {
    fn plate(&self, frame: &Bytes) -> Bytes {
        Bytes::copy_from_slice(&frame[..PLATE])
    }
}

/// The last arrivals, a fixed number of them.
struct Arrivals {
    plates: VecDeque<Bytes>,
}

impl Arrivals {
    fn restored() -> Self {
        let plates = (0..RECENT).map(|n| Bytes::from(format!("A000-{n:07}").into_bytes())).collect();
        Arrivals { plates }
    }

    fn note(&mut self, plate: Bytes) -> bool {
        let again = self.plates.iter().rev().take(64).any(|p| *p == plate);
        self.plates.pop_front();
        self.plates.push_back(plate);
        again
    }
}

struct Yard {
    camera: SocketAddr,
    links: Mutex<Vec<CameraLink>>,
    arrivals: Mutex<Arrivals>,
    reader: Box<dyn PlateReader>,
}

impl Yard {
    async fn picture(&self) -> std::io::Result<Bytes> {
        let kept = self.links.lock().pop();
        let mut link = match kept {
            Some(link) => link,
            None => CameraLink::open(self.camera).await?,
        };
        let frame = link.shoot().await?;
        self.links.lock().push(link);
        Ok(frame)
    }

    async fn admit(&self) -> std::io::Result<String> {
        let frame = self.picture().await?;
        let plate = self.reader.plate(&frame);
        let light: u64 = frame[PLATE..].iter().map(|b| u64::from(*b)).sum();
        let again = self.arrivals.lock().note(plate.clone());
        let verdict = if again { "returned" } else { "arrived" };
        let name = String::from_utf8_lossy(&plate);
        Ok(format!("{name} {verdict}, exposure {}\n", light / PICTURE as u64))
    }
}

async fn gate(yard: Arc<Yard>, _request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = match yard.admit().await {
        Ok(text) => text,
        Err(e) => format!("camera: {e}\n"),
    };
    Ok(Response::new(Full::new(Bytes::from(text))))
}

async fn serve(broken: bool, port: u16) {
    let reader: Box<dyn PlateReader> = if broken { Box::new(ViewReader) } else { Box::new(CopyReader) };
    let yard = Arc::new(Yard {
        camera: camera().await,
        links: Mutex::new(Vec::new()),
        arrivals: Mutex::new(Arrivals::restored()),
        reader,
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let yard = yard.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| gate(yard.clone(), request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

pub fn run(broken: bool, port: u16) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime")
        .block_on(serve(broken, port));
}
