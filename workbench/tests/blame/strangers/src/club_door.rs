//! Club door: GET / stamps a visitor's hand, which is good for a few seconds, and tells how many
//! are inside. Members have stamps that last all season. Stamps that ran out are cleared away.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const MEMBERS: u64 = 320_000;
const VISIT_MS: u64 = 4_000;
const SEASON_MS: u64 = 90 * 24 * 3_600_000;

#[derive(Default)]
struct Stamps {
    by_guest: HashMap<u64, String>,
    by_end: BTreeSet<(u64, u64)>,
    next_guest: u64,
}

impl Stamps {
    fn press(&mut self, kind: &str, until: u64) -> u64 {
        let guest = self.next_guest;
        self.next_guest += 1;
        self.by_guest.insert(guest, format!("kind={kind};until={until};ink=blue"));
        self.by_end.insert((until, guest));
        guest
    }
}

struct Door {
    opened: Instant,
    stamps: Mutex<Stamps>,
    washed: AtomicUsize,
}

impl Door {
    fn open(members: u64) -> Door {
        let mut stamps = Stamps::default();
        for _ in 0..members {
            stamps.press("member", SEASON_MS);
        }
        Door { opened: Instant::now(), stamps: Mutex::new(stamps), washed: AtomicUsize::new(0) }
    }

    fn now(&self) -> u64 {
        self.opened.elapsed().as_millis() as u64
    }

    fn let_in(&self) -> (u64, usize) {
        let until = self.now() + VISIT_MS;
        let mut stamps = self.stamps.lock().unwrap();
        let guest = stamps.press("visitor", until);
        (guest, stamps.by_guest.len())
    }
}

fn end_of(stamp: &str) -> u64 {
    let until = stamp.split(';').find_map(|part| part.strip_prefix("until="));
    until.and_then(|until| until.parse().ok()).unwrap_or(0)
}

fn clear_stamps(door: &Door) -> usize {
    let now = door.now();
    let mut stamps = door.stamps.lock().unwrap();
    let before = stamps.by_guest.len();
    stamps.by_guest.retain(|_, stamp| end_of(stamp) > now); // guilty
    while stamps.by_end.first().is_some_and(|(until, _)| *until <= now) {
        stamps.by_end.pop_first();
    }
    before - stamps.by_guest.len()
}

fn clear_ended(door: &Door) -> usize {
    let now = door.now();
    let mut stamps = door.stamps.lock().unwrap();
    let mut cleared = 0;
    while let Some((until, guest)) = stamps.by_end.first().copied() {
        if until > now {
            break;
        }
        stamps.by_end.pop_first();
        cleared += stamps.by_guest.remove(&guest).is_some() as usize;
    }
    cleared
}

fn cleaner(door: Arc<Door>, broken: bool) {
    loop {
        thread::sleep(Duration::from_millis(400));
        let cleared = if broken { clear_stamps(&door) } else { clear_ended(&door) };
        door.washed.fetch_add(cleared, Ordering::Relaxed);
    }
}

fn greet(door: &Door) -> String {
    let (guest, inside) = door.let_in();
    let washed = door.washed.load(Ordering::Relaxed);
    let hour = 20 + door.now() / 3_600_000 % 4;
    format!("good evening, no. {guest}\nit is past {hour}:00 and {inside} stamps are about, {washed} are gone\n")
}

fn serve(stream: TcpStream, door: &Door) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let (mut first, mut rest) = (String::new(), String::new());
    while reader.read_line(&mut first)? > 0 {
        while reader.read_line(&mut rest)? > 2 {
            rest.clear();
        }
        let body = if first.starts_with("GET / ") { greet(door) } else { "wrong door\n".to_string() };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        reader.get_mut().write_all((head + &body).as_bytes())?;
        first.clear();
        rest.clear();
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let door = Arc::new(Door::open(MEMBERS));
    let cleaned = door.clone();
    thread::spawn(move || cleaner(cleaned, broken));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("port");
    for stream in listener.incoming().flatten() {
        let door = door.clone();
        thread::spawn(move || serve(stream, &door));
    }
}
