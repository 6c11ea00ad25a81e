//! A shop front: the number of pieces in stock comes from the warehouse over one line-based TCP connection.
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const LOOKUP: Duration = Duration::from_millis(6);

struct Ask {
    sku: u32,
    reply: Sender<u32>,
}

struct Shop {
    warehouse: Sender<Ask>,
    visits: AtomicU32,
}

impl Shop {
    fn in_stock(&self, sku: u32) -> Option<u32> {
        let (reply, answer) = mpsc::channel();
        self.warehouse.send(Ask { sku, reply }).ok()?;
        answer.recv().ok()
    }

    fn page(&self) -> String {
        let sku = 1000 + self.visits.fetch_add(1, Ordering::Relaxed) * 7 % 900;
        let price = 199 + sku % 1300;
        match self.in_stock(sku) {
            Some(0) => format!("article {sku}: sold out\n"),
            Some(n) => format!("article {sku}: {n} pieces at {}.{:02}\n", price / 100, price % 100),
            None => format!("article {sku}: ask our staff\n"),
        }
    }
}

fn question(sku: u32) -> Vec<u8> {
    format!("STOCK {sku}\n").into_bytes()
}

fn read_count(line: &mut BufReader<TcpStream>) -> io::Result<u32> {
    let mut text = String::new();
    if line.read_line(&mut text)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    text.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

fn converse(asks: Receiver<Ask>, mut line: TcpStream) -> io::Result<()> {
    let mut answers = BufReader::new(line.try_clone()?);
    for ask in asks {
        line.write_all(&question(ask.sku))?;
        let count = read_count(&mut answers)?; // guilty
        let _ = ask.reply.send(count);
    }
    Ok(())
}

fn converse_pipelined(asks: Receiver<Ask>, mut line: TcpStream) -> io::Result<()> {
    let mut answers = BufReader::new(line.try_clone()?);
    let open: Arc<Mutex<VecDeque<Sender<u32>>>> = Arc::default();
    let expected = open.clone();
    thread::Builder::new().name("answers".into()).spawn(move || {
        while let Ok(count) = read_count(&mut answers) {
            let next = expected.lock().unwrap().pop_front();
            if let Some(reply) = next {
                let _ = reply.send(count);
            }
        }
    })?;
    for ask in asks {
        open.lock().unwrap().push_back(ask.reply);
        line.write_all(&question(ask.sku))?;
    }
    Ok(())
}

/// The warehouse: answers in order, each LOOKUP after the question came in, however many are open.
fn warehouse(listener: TcpListener) -> io::Result<()> {
    let (mut peer, _) = listener.accept()?;
    peer.set_nodelay(true)?;
    let questions = BufReader::new(peer.try_clone()?);
    let (tx, rx) = mpsc::channel::<(Instant, String)>();
    thread::spawn(move || {
        for line in questions.lines().map_while(Result::ok) {
            let _ = tx.send((Instant::now() + LOOKUP, line));
        }
    });
    for (ready, line) in rx {
        thread::sleep(ready.saturating_duration_since(Instant::now()));
        let sku: u32 = line.rsplit(' ').next().and_then(|s| s.parse().ok()).unwrap_or(0);
        peer.write_all(format!("{}\n", sku * 31 % 47).as_bytes())?;
    }
    Ok(())
}

fn visitor(stream: TcpStream, shop: &Shop) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut head = Vec::new();
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if !line.is_empty() {
            head.push(line);
            continue;
        }
        let (status, body) = match head.first().map(String::as_str) {
            Some(first) if first.starts_with("GET ") => ("200 OK", shop.page()),
            _ => ("405 Method Not Allowed", String::from("only GET\n")),
        };
        head.clear();
        out.write_all(
            format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                .as_bytes(),
        )?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let far = TcpListener::bind("127.0.0.1:0").expect("warehouse port");
    let address = far.local_addr().unwrap();
    thread::spawn(move || warehouse(far));
    let line = TcpStream::connect(address).expect("warehouse");
    line.set_nodelay(true).unwrap();
    let (tx, asks) = mpsc::channel();
    thread::Builder::new()
        .name("warehouse-line".into())
        .spawn(move || if broken { converse(asks, line) } else { converse_pipelined(asks, line) })
        .unwrap();
    let shop = Arc::new(Shop { warehouse: tx, visits: AtomicU32::new(0) });
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        let shop = shop.clone();
        thread::spawn(move || visitor(stream, &shop));
    }
}
