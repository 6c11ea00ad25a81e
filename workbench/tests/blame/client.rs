//! Clients of a service over HTTP/1.1, each on a connection of its own, as they are beside a program that runs already.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Whoever waits longer gives up, and connects anew.
const PATIENCE: Duration = Duration::from_secs(3);

/// Clients at work.
pub(crate) struct Clients {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    /// So many clients that ask so often in a second together, at times of their own.
    pub(crate) fn start(port: u16, rate: u32, clients: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |number: u32| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut random = u64::from(number) + 1;
                let mut connection = None;
                while !stop.load(Ordering::Relaxed) {
                    // Independent clients: gaps are exponential, of that mean (xorshift, Marsaglia 2003).
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    #[allow(clippy::cast_precision_loss, reason = "a random number")]
                    let uniform = (random >> 11) as f64 / (1_u64 << 53) as f64;
                    let mean = f64::from(clients) / f64::from(rate);
                    std::thread::sleep(Duration::from_secs_f64((-(1.0 - uniform).ln() * mean).min(1.0)));
                    if ask(&mut connection, port).is_none() {
                        connection = None;
                    }
                }
            })
        };
        let threads = (0..clients).map(start).collect();
        Self { stop, threads }
    }

    /// Ends them all.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a client");
        }
    }
}

/// Asks once over the connection, or a new one; `None` where no answer came.
fn ask(connection: &mut Option<TcpStream>, port: u16) -> Option<()> {
    if connection.is_none() {
        *connection = TcpStream::connect(("127.0.0.1", port)).ok();
    }
    let stream = connection.as_mut()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    let mut buffer = [0; 16 << 10];
    while !is_whole(&answer) {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        answer.extend_from_slice(&buffer[..count]);
    }
    Some(())
}

/// Whether an answer is there with all of its body.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    match length {
        Some(length) => answer.len() >= end + 4 + length,
        None => answer.ends_with(b"0\r\n\r\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_its_body() {
        assert!(is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\n"));
        assert!(is_whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"));
    }
}
