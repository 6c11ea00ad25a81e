//! Order desk of a weaving mill: an order is drafted to a pattern, woven on one of
//! the looms, and watched by the foreman, who reminds of orders past their due time.

use crossbeam_channel::{bounded, Receiver, Sender};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const LOOMS: usize = 48;
const DUE: Duration = Duration::from_secs(900);
const WARPS: usize = 24 * 1024;

struct Order {
    number: u64,
    pattern: Vec<u8>,
    woven: AtomicBool,
}

impl Order {
    /// Lifts and drops of the warp threads, row after row.
    fn draft(number: u64) -> Order {
        let pattern = (0..WARPS as u64).map(|warp| ((warp * 5 + warp / 64 + number) % 8) as u8).collect();
        Order { number, pattern, woven: AtomicBool::new(false) }
    }
}

type Watched = (Instant, u64);

/// The foreman's list, earliest due time first.
#[derive(Default)]
struct Foreman {
    list: Mutex<BTreeMap<Watched, Arc<Order>>>,
    changed: Condvar,
    reminders: AtomicU64,
}

/// Strikes an order off the list when the desk is done with it.
struct Watch<'a> {
    foreman: &'a Foreman,
    key: Watched,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let order = self.foreman.list().remove(&self.key);
        drop(order);
    }
}

impl Foreman {
    fn list(&self) -> MutexGuard<'_, BTreeMap<Watched, Arc<Order>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch_until_done(&self, order: &Arc<Order>) -> Watch<'_> {
        let key = (Instant::now() + DUE, order.number);
        let mut list = self.list();
        list.insert(key, Arc::clone(order));
        if list.len() == 1 {
            self.changed.notify_one();
        }
        Watch { foreman: self, key }
    }

    fn watch_until_due(&self, order: &Arc<Order>) {
        let key = (Instant::now() + DUE, order.number);
        let mut list = self.list();
        list.insert(key, Arc::clone(order)); // guilty
        if list.len() == 1 {
            self.changed.notify_one();
        }
    }

    /// Sleeps until the earliest due time and reminds of what is not woven by then.
    fn make_rounds(&self) {
        let mut list = self.list();
        loop {
            let now = Instant::now();
            let wait = match list.first_key_value() {
                Some((key, _)) if key.0 <= now => Duration::ZERO,
                Some((key, _)) => key.0 - now,
                None => DUE,
            };
            if wait.is_zero() {
                if let Some((_, order)) = list.pop_first() {
                    if !order.woven.load(Ordering::Relaxed) {
                        self.reminders.fetch_add(1, Ordering::Relaxed);
                    }
                }
                continue;
            }
            list = match self.changed.wait_timeout(list, wait) {
                Ok((list, _)) => list,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

struct Job {
    order: Arc<Order>,
    done: Sender<u32>,
}

fn loom(jobs: Receiver<Job>) {
    for Job { order, done } in jobs {
        let lifts = order.pattern.iter().filter(|warp| **warp < 3).count() as u32;
        thread::sleep(Duration::from_millis(6));
        order.woven.store(true, Ordering::Relaxed);
        drop(order);
        let _ = done.send(lifts);
    }
}

struct Desk {
    foreman: Arc<Foreman>,
    looms: Sender<Job>,
    numbers: AtomicU64,
    until_due: bool,
}

impl Desk {
    fn weave(&self, order: Arc<Order>) -> Option<u32> {
        let (done, woven) = bounded(1);
        self.looms.send(Job { order, done }).ok()?;
        woven.recv().ok()
    }

    fn take_order(&self) -> Option<String> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let order = Arc::new(Order::draft(number));
        let lifts = if self.until_due {
            self.foreman.watch_until_due(&order);
            self.weave(order)?
        } else {
            let _watch = self.foreman.watch_until_done(&order);
            self.weave(order)?
        };
        Some(format!("order {number} woven, {lifts} lifts\n"))
    }
}

fn attend(desk: &Desk, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        if line.trim_end().is_empty() {
            let (status, body) = match desk.take_order() {
                Some(body) => ("200 OK", body),
                None => ("503 Service Unavailable", String::from("mill closed\n")),
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes())?;
        }
        line.clear();
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let foreman = Arc::new(Foreman::default());
    let rounds = Arc::clone(&foreman);
    thread::spawn(move || rounds.make_rounds());
    let (looms, jobs) = bounded(LOOMS);
    for _ in 0..LOOMS {
        let jobs = jobs.clone();
        thread::spawn(move || loom(jobs));
    }
    let desk = Arc::new(Desk { foreman, looms, numbers: AtomicU64::new(0), until_due: broken });
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        let desk = Arc::clone(&desk);
        thread::spawn(move || attend(&desk, stream));
    }
}
