//! Newsletter previews. A pipeline: connection readers, two typesetters, one dispatcher that owns the
//! uplink and keeps the service within the bandwidth that was bought.
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const UPLINK_MBIT: u64 = 32;

struct Job {
    issue: u64,
    to: Arc<TcpStream>,
}

struct Letter {
    page: Vec<u8>,
    to: Arc<TcpStream>,
}

/// The bought bandwidth: a bucket of bytes that fills up with time.
struct Uplink {
    per_second: f64,
    level: f64,
    burst: f64,
    filled: Instant,
}

impl Uplink {
    fn new(mbit: u64) -> Uplink {
        let per_second = (mbit * 1_000_000 / 8) as f64;
        Uplink { per_second, level: per_second / 50.0, burst: per_second / 50.0, filled: Instant::now() }
    }

    fn refill(&mut self) {
        let now = Instant::now();
        let gained = (now - self.filled).as_secs_f64() * self.per_second;
        self.level = (self.level + gained).min(self.burst);
        self.filled = now;
    }

    /// Takes the letter's share of the uplink and waits until the account is even again.
    fn reserve(&mut self, letter: &Letter) {
        self.refill();
        let bits = letter.page.len() as f64 * 8.0; // guilty
        self.level -= bits; // guilty
        if self.level < 0.0 {
            thread::sleep(Duration::from_secs_f64(-self.level / self.per_second));
            // guilty
        }
    }

    fn reserve_bytes(&mut self, letter: &Letter) {
        self.refill();
        self.level -= letter.page.len() as f64;
        if self.level < 0.0 {
            thread::sleep(Duration::from_secs_f64(-self.level / self.per_second));
        }
    }
}

fn typeset(issue: u64) -> String {
    let words = ["harbour", "lantern", "market", "orchard", "river", "station", "winter"];
    let mut html = format!("<html><h1>Issue {issue}</h1>\n");
    let mut n = issue;
    while html.len() < 3800 {
        html.push_str("<p>");
        for _ in 0..12 {
            n = n.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let _ = write!(html, "{} ", words[(n >> 40) as usize % words.len()]);
        }
        html.push_str("</p>\n");
    }
    html
}

fn typesetter(jobs: Arc<Mutex<Receiver<Job>>>, letters: Sender<Letter>) {
    loop {
        let job = jobs.lock().unwrap().recv();
        let Ok(job) = job else { return };
        let html = typeset(job.issue);
        let mut page = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", html.len());
        page.push_str(&html);
        if letters.send(Letter { page: page.into_bytes(), to: job.to }).is_err() {
            return;
        }
    }
}

fn dispatcher(letters: Receiver<Letter>, broken: bool) {
    let mut uplink = Uplink::new(UPLINK_MBIT);
    for letter in letters {
        if broken {
            uplink.reserve(&letter);
        } else {
            uplink.reserve_bytes(&letter);
        }
        let _ = (&*letter.to).write_all(&letter.page);
    }
}

fn reader(stream: TcpStream, jobs: Sender<Job>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let to = Arc::new(stream);
    let mut input = BufReader::new(&*to);
    let mut line = String::new();
    let mut issue = 100;
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            issue += 1;
            let _ = jobs.send(Job { issue, to: to.clone() });
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let (jobs, inbox) = channel();
    let (letters, outbox) = channel();
    let inbox = Arc::new(Mutex::new(inbox));
    for n in 0..2 {
        let (inbox, letters) = (inbox.clone(), letters.clone());
        thread::Builder::new().name(format!("typeset-{n}")).spawn(move || typesetter(inbox, letters)).unwrap();
    }
    thread::Builder::new().name("dispatch".into()).spawn(move || dispatcher(outbox, broken)).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        let jobs = jobs.clone();
        thread::spawn(move || reader(stream, jobs));
    }
}
