//! The request to the cache goes out in two halves, the second kept back by Nagle's algorithm: 40 ms on an idle machine.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::Twin;
use crate::http::serve;

type Pool = Arc<(mpsc::Sender<TcpStream>, tokio::sync::Mutex<mpsc::Receiver<TcpStream>>)>;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let cache = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let cache_port = cache.local_addr()?.port();
    std::thread::Builder::new().name("cache".into()).spawn(move || cache_of_another_host(&cache))?;
    crate::http::runtime()?.block_on(async move {
        let (give, take) = mpsc::channel(8);
        for _ in 0..8 {
            let socket = TcpStream::connect(("127.0.0.1", cache_port)).await?;
            socket.set_nodelay(twin == Twin::Healthy)?;
            give.send(socket).await.expect("room for all");
        }
        let pool: Pool = Arc::new((give, tokio::sync::Mutex::new(take)));
        serve(port, move || look_up(Arc::clone(&pool))).await
    })
}

async fn look_up(pool: Pool) -> String {
    let Some(mut socket) = pool.1.lock().await.recv().await else { return "no cache".to_owned() };
    let answer = fetch(&mut socket).await;
    let _ = pool.0.send(socket).await;
    answer.unwrap_or_else(|error| error.to_string())
}

async fn fetch(socket: &mut TcpStream) -> io::Result<String> {
    socket.write_all(b"SET key 8\r\n").await?;
    socket.write_all(b"a value \r\n").await?; // guilty
    let mut answer = [0; 4];
    socket.read_exact(&mut answer).await?; // guilty
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn cache_of_another_host(listener: &std::net::TcpListener) {
    use std::io::{BufRead, BufReader, Write};
    for socket in listener.incoming() {
        let Ok(mut socket) = socket else { return };
        std::thread::spawn(move || {
            let _ = socket.set_nodelay(true);
            let Ok(reading) = socket.try_clone() else { return };
            let mut lines = BufReader::new(reading).lines();
            while let (Some(Ok(_)), Some(Ok(_))) = (lines.next(), lines.next()) {
                if socket.write_all(b"+OK\n").is_err() {
                    return;
                }
            }
        });
    }
}
