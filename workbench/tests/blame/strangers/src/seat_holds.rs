//! Theatre seats: a visitor gets a seat on hold, pays, and the hold becomes a ticket. A hold
//! that nobody pays for goes back on sale after a quarter of an hour.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const HOLD: Duration = Duration::from_secs(15 * 60);
const SEATS: u32 = 640;

#[derive(Default)]
struct Plan {
    next_hold: u64,
    held: HashMap<u64, u32>,
    sold: u64,
    due: BTreeMap<(Instant, u64), u64>,
}

struct House {
    plan: Mutex<Plan>,
    changed: Condvar,
    clerk: bool,
}

impl House {
    fn hold(self: &Arc<Self>) -> (u64, u32, Option<Instant>) {
        let mut plan = self.plan.lock().unwrap();
        plan.next_hold += 1;
        let hold = plan.next_hold;
        let seat = (hold * 7 % SEATS as u64) as u32;
        plan.held.insert(hold, seat);
        if self.clerk {
            let end = Instant::now() + HOLD;
            plan.due.insert((end, hold), hold);
            drop(plan);
            self.changed.notify_one();
            return (hold, seat, Some(end));
        }
        drop(plan);
        self.arm_expiry(hold);
        (hold, seat, None)
    }

    fn arm_expiry(self: &Arc<Self>, hold: u64) {
        let house = self.clone();
        let watch = thread::Builder::new().name("hold-expiry".into()).spawn(move || house.expire_later(hold)); // guilty
        if let Err(e) = watch {
            eprintln!("hold {hold} will not expire: {e}");
        }
    }

    fn expire_later(&self, hold: u64) {
        thread::sleep(HOLD); // guilty
        self.release(hold);
    }

    fn release(&self, hold: u64) {
        if let Some(seat) = self.plan.lock().unwrap().held.remove(&hold) {
            eprintln!("seat {seat} back on sale");
        }
    }

    fn pay(&self, hold: u64, end: Option<Instant>) -> Option<u64> {
        let mut plan = self.plan.lock().unwrap();
        plan.held.remove(&hold)?;
        if let Some(end) = end {
            plan.due.remove(&(end, hold));
        }
        plan.sold += 1;
        Some(plan.sold)
    }

    fn watch_clock(&self) {
        let mut plan = self.plan.lock().unwrap();
        loop {
            let now = Instant::now();
            let first = plan.due.keys().next().copied();
            plan = match first {
                Some((end, hold)) if end <= now => {
                    plan.due.remove(&(end, hold));
                    plan.held.remove(&hold);
                    plan
                }
                Some((end, _)) => self.changed.wait_timeout(plan, end - now).unwrap().0,
                None => self.changed.wait(plan).unwrap(),
            };
        }
    }

    fn sell(self: &Arc<Self>) -> String {
        let (hold, seat, end) = self.hold();
        match self.pay(hold, end) {
            Some(ticket) => format!("ticket {ticket}: row {} seat {}\n", seat / 32 + 1, seat % 32 + 1),
            None => format!("hold {hold} ran out\n"),
        }
    }
}

fn box_office(house: Arc<House>, mut guest: TcpStream) -> io::Result<()> {
    guest.set_nodelay(true)?;
    let mut reader = BufReader::new(guest.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        if line.trim().is_empty() {
            let ticket = house.sell();
            write_answer(&mut guest, &ticket)?;
        }
        line.clear();
    }
    Ok(())
}

fn write_answer(guest: &mut TcpStream, text: &str) -> io::Result<()> {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    guest.write_all(answer.as_bytes())
}

pub fn run(broken: bool, port: u16) {
    let house = Arc::new(House { plan: Mutex::default(), changed: Condvar::new(), clerk: !broken });
    if house.clerk {
        let house = house.clone();
        thread::spawn(move || house.watch_clock());
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for guest in listener.incoming().flatten() {
        let house = house.clone();
        thread::spawn(move || box_office(house, guest));
    }
}
