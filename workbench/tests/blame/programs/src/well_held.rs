//! More services with nothing wrong, written without a look at the rules that judge them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, BufRead, BufReader, Seek, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::Twin;
use crate::http::serve;

fn signed(number: u64, rounds: u32) -> String {
    let digest = (0..rounds).fold(Sha256::digest(number.to_le_bytes()), |digest, _| Sha256::digest(digest));
    format!("{digest:02x?}")
}

/// About half a CPU of small pieces of work, at 600 requests a second.
pub(crate) fn half(_: Twin, port: u16) -> io::Result<()> {
    let numbers = Arc::new(AtomicU64::new(0));
    crate::http::runtime()?.block_on(serve(port, move || {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        async move { signed(number, 4000) }
    }))
}

/// Two neighbours are asked at once; each takes about 30 ms.
pub(crate) fn calls(_: Twin, port: u16) -> io::Result<()> {
    async fn neighbour(number: u64) -> u64 {
        tokio::time::sleep(Duration::from_micros(22_000 + number * 7_919 % 16_000)).await;
        number % 100
    }
    let numbers = Arc::new(AtomicU64::new(0));
    crate::http::runtime()?.block_on(async move {
        let handler = move || {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            async move {
                let (stock, price) = tokio::join!(neighbour(number), neighbour(number + 5));
                format!("{stock} at {price}")
            }
        };
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, Router::new().route("/", get(handler))).await
    })
}

/// Entries of many requests are made durable by one sync.
pub(crate) fn commit(_: Twin, port: u16) -> io::Result<()> {
    type Entry = (u64, oneshot::Sender<()>);

    async fn keep(mut entries: mpsc::Receiver<Entry>, file: std::fs::File) {
        let file = Arc::new(Mutex::new(file));
        let mut batch = Vec::new();
        while entries.recv_many(&mut batch, 256).await > 0 {
            let (numbers, replies): (Vec<u64>, Vec<oneshot::Sender<()>>) = batch.drain(..).unzip();
            let file = Arc::clone(&file);
            let written = tokio::task::spawn_blocking(move || {
                let mut file = file.lock().expect("nobody panics");
                file.rewind()?;
                numbers.iter().try_for_each(|number| file.write_all(&number.to_le_bytes()))?;
                file.sync_data()
            });
            if matches!(written.await, Ok(Ok(()))) {
                for reply in replies {
                    let _ = reply.send(());
                }
            }
        }
    }

    let path = std::env::temp_dir().join(format!("faulty-{}", std::process::id()));
    let file = std::fs::File::create(&path)?;
    std::fs::remove_file(path)?;
    let numbers = Arc::new(AtomicU64::new(0));
    crate::http::runtime()?.block_on(async move {
        let (entries, queue) = mpsc::channel(1024);
        tokio::spawn(keep(queue, file));
        serve(port, move || {
            let (entries, number) = (entries.clone(), numbers.fetch_add(1, Ordering::Relaxed));
            async move {
                let (reply, kept) = oneshot::channel();
                let _ = entries.send((number, reply)).await;
                if kept.await.is_ok() { format!("kept {number}") } else { "lost".to_owned() }
            }
        })
        .await
    })
}

/// Connections to a neighbour are kept, and there are enough of them.
pub(crate) fn pool(_: Twin, port: u16) -> io::Result<()> {
    struct Pool {
        address: u16,
        idle: Mutex<VecDeque<TcpStream>>,
        places: Semaphore,
    }

    impl Pool {
        async fn ask(&self) -> io::Result<String> {
            let _place = self.places.acquire().await.map_err(io::Error::other)?;
            let kept = self.idle.lock().expect("nobody panics").pop_front();
            let mut socket = match kept {
                Some(socket) => socket,
                None => TcpStream::connect(("127.0.0.1", self.address)).await?,
            };
            socket.set_nodelay(true)?;
            socket.write_all(b"ask\n").await?;
            let mut answer = [0; 8];
            socket.read_exact(&mut answer).await?;
            self.idle.lock().expect("nobody panics").push_back(socket);
            Ok(String::from_utf8_lossy(&answer).into_owned())
        }
    }

    let neighbour = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let address = neighbour.local_addr()?.port();
    std::thread::Builder::new().name("neighbour".into()).spawn(move || {
        for socket in neighbour.incoming() {
            let Ok(mut socket) = socket else { return };
            std::thread::spawn(move || {
                let mut lines = BufReader::new(socket.try_clone()?);
                let mut line = String::new();
                while lines.read_line(&mut line)? > 0 {
                    std::thread::sleep(Duration::from_micros(4_000 + 100 * (line.len() as u64 % 30)));
                    socket.write_all(b"answered")?;
                }
                io::Result::Ok(())
            });
        }
    })?;
    let pool = Arc::new(Pool { address, idle: Mutex::default(), places: Semaphore::new(32) });
    crate::http::runtime()?.block_on(serve(port, move || {
        let pool = Arc::clone(&pool);
        async move { pool.ask().await.unwrap_or_else(|error| error.to_string()) }
    }))
}

/// A thread for each connection, and one more that sums up now and then.
pub(crate) fn cron(_: Twin, port: u16) -> io::Result<()> {
    let totals = Arc::new(AtomicU64::new(0));
    let summed = Arc::clone(&totals);
    std::thread::Builder::new().name("cron".into()).spawn(move || {
        loop {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(25) {
                summed.fetch_add(signed(7, 20).len() as u64, Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_millis(475));
        }
    })?;
    for socket in std::net::TcpListener::bind(("127.0.0.1", port))?.incoming() {
        let (mut socket, totals) = (socket?, Arc::clone(&totals));
        socket.set_nodelay(true)?;
        std::thread::spawn(move || {
            let mut lines = BufReader::new(socket.try_clone()?);
            let mut line = String::new();
            while lines.read_line(&mut line)? > 0 {
                if line == "\r\n" {
                    let body = totals.load(Ordering::Relaxed).to_string();
                    let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    socket.write_all(reply.as_bytes())?;
                }
                line.clear();
            }
            io::Result::Ok(())
        });
    }
    Ok(())
}

/// A body of five parts that come as a model makes them, each some milliseconds after the last.
pub(crate) fn drip(_: Twin, port: u16) -> io::Result<()> {
    fn tokens(number: u64) -> Body {
        Body::from_stream(stream::unfold(0, move |part| async move {
            if part == 5 {
                return None;
            }
            tokio::time::sleep(Duration::from_micros(1_500 + (number + part) * 977 % 3_000)).await;
            Some((Ok::<_, Infallible>(Bytes::from(format!("token {part} of {number}\n"))), part + 1))
        }))
    }
    let numbers = Arc::new(AtomicU64::new(0));
    crate::http::runtime()?.block_on(async move {
        let handler = move || {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            async move { tokens(number) }
        };
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, Router::new().route("/", get(handler))).await
    })
}
