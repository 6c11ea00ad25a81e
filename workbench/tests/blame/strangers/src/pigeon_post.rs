//! Pigeon post: letters for a few thousand boxes. Each box has a keeper that stamps what comes in and sends a receipt.
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch, Notify};

const BOXES: usize = 9000;

struct Letter {
    text: String,
    receipt: oneshot::Sender<String>,
}

struct Loft {
    waiting: Mutex<HashMap<usize, Vec<Letter>>>,
    arrivals: watch::Sender<u64>,
    bells: Vec<Notify>,
    sent: AtomicU64,
    broken: bool,
}

impl Loft {
    fn new(broken: bool) -> Loft {
        Loft {
            waiting: Mutex::new(HashMap::new()),
            arrivals: watch::channel(0).0,
            bells: (0..BOXES).map(|_| Notify::new()).collect(),
            sent: AtomicU64::new(0),
            broken,
        }
    }

    fn put(&self, number: usize, letter: Letter) {
        self.waiting.lock().entry(number).or_default().push(letter);
    }

    fn collect(&self, number: usize) -> Vec<Letter> {
        self.waiting.lock().remove(&number).unwrap_or_default()
    }

    fn announce(&self) {
        self.arrivals.send_modify(|n| *n += 1); // guilty
    }

    async fn post(&self) -> String {
        let serial = self.sent.fetch_add(1, Ordering::Relaxed);
        let number = (serial as usize).wrapping_mul(2654435761) % BOXES;
        let (tx, rx) = oneshot::channel();
        self.put(number, Letter { text: format!("letter {serial}"), receipt: tx });
        if self.broken {
            self.announce();
        } else {
            self.bells[number].notify_one();
        }
        rx.await.unwrap_or_else(|_| "returned".to_string())
    }
}

fn stamp(number: usize, count: u64, letter: Letter) {
    let receipt = format!("box {number}: no. {count}, \"{}\" delivered\n", letter.text);
    let _ = letter.receipt.send(receipt);
}

async fn keep_box(loft: Arc<Loft>, number: usize, mut arrivals: watch::Receiver<u64>) {
    let mut count = 0;
    while arrivals.changed().await.is_ok() {
        // guilty
        arrivals.borrow_and_update();
        for letter in loft.collect(number) {
            count += 1;
            stamp(number, count, letter);
        }
    }
}

async fn keep_belled_box(loft: Arc<Loft>, number: usize) {
    let mut count = 0;
    loop {
        loft.bells[number].notified().await;
        for letter in loft.collect(number) {
            count += 1;
            stamp(number, count, letter);
        }
    }
}

async fn serve(loft: Arc<Loft>, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buf = Vec::with_capacity(1024);
    loop {
        while let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
            buf.drain(..end + 4);
            let body = loft.post().await;
            let reply = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{}",
                body.len(),
                body
            );
            stream.write_all(reply.as_bytes()).await?;
        }
        if stream.read_buf(&mut buf).await? == 0 {
            return Ok(());
        }
    }
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let loft = Arc::new(Loft::new(broken));
    for number in 0..BOXES {
        if broken {
            tokio::spawn(keep_box(loft.clone(), number, loft.arrivals.subscribe()));
        } else {
            tokio::spawn(keep_belled_box(loft.clone(), number));
        }
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(loft.clone(), stream));
    }
}
