//! Gift shop: takes an order, and for gift-wrapped ones leaves a mail in the outbox
//! that the mailer thread hands to the mail relay. One thread per connection.
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const OUTBOX_LIMIT: usize = 256;

struct Mail {
    order: u64,
    text: String,
}

struct Shop {
    orders: AtomicU64,
    sent: AtomicU64,
    stock: Mutex<[u32; 6]>,
    outbox: Mutex<VecDeque<Mail>>,
}

/// The relay of the house: takes a line, confirms it once it is on its way.
fn relay(listener: TcpListener) {
    for conn in listener.incoming().flatten() {
        let mut lines = BufReader::new(conn.try_clone().unwrap());
        let mut line = String::new();
        while matches!(lines.read_line(&mut line), Ok(n) if n > 0) {
            thread::sleep(Duration::from_millis(30));
            if (&conn).write_all(b"250 queued\n").is_err() {
                break;
            }
            line.clear();
        }
    }
}

struct RelayLine {
    conn: BufReader<TcpStream>,
}

impl RelayLine {
    fn deliver(&mut self, mail: &Mail) -> io::Result<bool> {
        let line = format!("order-{}: {}\n", mail.order, mail.text);
        self.conn.get_mut().write_all(line.as_bytes())?;
        let mut answer = String::new();
        self.conn.read_line(&mut answer)?;
        Ok(answer.starts_with("250"))
    }
}

fn send_outbox(shop: &Shop, line: &mut RelayLine) -> io::Result<()> {
    while let Some(mail) = shop.outbox.lock().unwrap().pop_front() {
        // guilty
        if line.deliver(&mail)? {
            // guilty
            shop.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

fn take_mail(shop: &Shop) -> Option<Mail> {
    shop.outbox.lock().unwrap().pop_front()
}

fn send_each(shop: &Shop, line: &mut RelayLine) -> io::Result<()> {
    while let Some(mail) = take_mail(shop) {
        if line.deliver(&mail)? {
            shop.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

fn mailer(shop: Arc<Shop>, bell: Receiver<()>, relay_port: u16, broken: bool) {
    let conn = TcpStream::connect(("127.0.0.1", relay_port)).expect("relay");
    let _ = conn.set_nodelay(true);
    let mut line = RelayLine { conn: BufReader::new(conn) };
    for () in bell {
        let done = if broken { send_outbox(&shop, &mut line) } else { send_each(&shop, &mut line) };
        if let Err(e) = done {
            eprintln!("relay: {e}");
        }
    }
}

fn pick(shop: &Shop, order: u64) -> u32 {
    let mut stock = shop.stock.lock().unwrap();
    let shelf = &mut stock[(order % 6) as usize];
    *shelf = if *shelf == 0 { 40 } else { *shelf - 1 };
    *shelf
}

fn post(shop: &Shop, mail: Option<Mail>) -> usize {
    let mut outbox = shop.outbox.lock().unwrap();
    if let Some(mail) = mail {
        if outbox.len() == OUTBOX_LIMIT {
            outbox.pop_front();
        }
        outbox.push_back(mail);
    }
    outbox.len()
}

fn place_order(shop: &Shop, bell: &Sender<()>) -> String {
    let order = shop.orders.fetch_add(1, Ordering::Relaxed) + 1;
    let left = pick(shop, order);
    let mail = (order % 10 == 0).then(|| Mail { order, text: format!("your gift is being wrapped ({left} left)") });
    let gift = mail.is_some();
    let waiting = post(shop, mail);
    if gift {
        let _ = bell.send(());
    }
    let sent = shop.sent.load(Ordering::Relaxed);
    format!("{{\"order\":{order},\"left\":{left},\"gift\":{gift},\"mails_waiting\":{waiting},\"mails_sent\":{sent}}}\n")
}

fn serve(mut conn: TcpStream, shop: &Shop, bell: &Sender<()>) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut head = Vec::new();
    let mut chunk = [0u8; 1024];
    loop {
        while !head.ends_with(b"\r\n\r\n") {
            let n = conn.read(&mut chunk)?;
            if n == 0 {
                return Ok(());
            }
            head.extend_from_slice(&chunk[..n]);
        }
        head.clear();
        let body = place_order(shop, bell);
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        conn.write_all(answer.as_bytes())?;
    }
}

pub fn run(broken: bool, port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    let relay_listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind relay");
    let relay_port = relay_listener.local_addr().unwrap().port();
    thread::spawn(move || relay(relay_listener));
    let shop = Arc::new(Shop {
        orders: AtomicU64::new(0),
        sent: AtomicU64::new(0),
        stock: Mutex::new([40; 6]),
        outbox: Mutex::new(VecDeque::new()),
    });
    let (bell, ring) = channel();
    let of_mailer = shop.clone();
    thread::spawn(move || mailer(of_mailer, ring, relay_port, broken));
    for conn in listener.incoming().flatten() {
        let (shop, bell) = (shop.clone(), bell.clone());
        thread::spawn(move || serve(conn, &shop, &bell));
    }
}
