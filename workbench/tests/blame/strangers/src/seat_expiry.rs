//! Theatre box office: a visit holds two seats, pays for them at once, and the hold is settled.
//! Holds that are not paid within a quarter of an hour go back on sale.
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const HOLD_FOR: Duration = Duration::from_secs(15 * 60);
const ROWS: usize = 64;
const SEATS: usize = 128;

struct Hold {
    key: (Instant, u64),
    row: usize,
    seat: usize,
    plan: Vec<u8>,
    settled: AtomicBool,
}

struct BoxOffice {
    serial: AtomicU64,
    on_sale: Mutex<Vec<u32>>,
    expiries: Mutex<BTreeMap<(Instant, u64), Arc<Hold>>>,
    cancel_on_settle: bool,
}

impl BoxOffice {
    /// The plan as the visitor saw it, kept with the hold in case of a dispute.
    fn draw_plan(row: usize, seat: usize) -> Vec<u8> {
        let mut plan = vec![b'.'; ROWS * SEATS];
        plan[row * SEATS + seat] = b'X';
        plan[row * SEATS + seat + 1] = b'X';
        plan
    }

    fn hold(&self) -> Arc<Hold> {
        let id = self.serial.fetch_add(1, Ordering::Relaxed);
        let row = (id as usize * 7) % ROWS;
        let seat = (id as usize * 13) % (SEATS - 1);
        let mut on_sale = self.on_sale.lock().unwrap();
        on_sale[row] = on_sale[row].saturating_sub(2);
        drop(on_sale);
        Arc::new(Hold {
            key: (Instant::now() + HOLD_FOR, id),
            row,
            seat,
            plan: Self::draw_plan(row, seat),
            settled: AtomicBool::new(false),
        })
    }

    fn arm_expiry(&self, hold: &Arc<Hold>) {
        let mut expiries = self.expiries.lock().unwrap();
        expiries.insert(hold.key, hold.clone()); // guilty
    }

    fn settle(&self, hold: &Hold) -> u32 {
        hold.settled.store(true, Ordering::Release); // guilty
        self.next_show(hold.row)
    }

    fn settle_and_disarm(&self, hold: &Hold) -> u32 {
        hold.settled.store(true, Ordering::Release);
        self.expiries.lock().unwrap().remove(&hold.key);
        self.next_show(hold.row)
    }

    /// A row that is sold out opens again for the following night.
    fn next_show(&self, row: usize) -> u32 {
        let mut on_sale = self.on_sale.lock().unwrap();
        if on_sale[row] < 2 {
            on_sale[row] = SEATS as u32;
        }
        on_sale[row]
    }

    fn release_overdue(&self) -> usize {
        let now = Instant::now();
        let mut released = 0;
        let mut expiries = self.expiries.lock().unwrap();
        while let Some(entry) = expiries.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let hold = entry.remove();
            if !hold.settled.load(Ordering::Acquire) {
                self.on_sale.lock().unwrap()[hold.row] += 2;
                released += 1;
            }
        }
        released
    }
}

fn sell(office: &BoxOffice) -> String {
    let hold = office.hold();
    office.arm_expiry(&hold);
    let shown = hold.plan.iter().filter(|&&c| c == b'X').count();
    let left = if office.cancel_on_settle { office.settle_and_disarm(&hold) } else { office.settle(&hold) };
    format!("ticket {}: row {} from seat {}, {} seats, {} left\n", hold.key.1, hold.row, hold.seat, shown, left)
}

fn counter(conn: TcpStream, office: &BoxOffice) -> std::io::Result<()> {
    conn.set_nodelay(true)?;
    let mut reader = BufReader::new(conn.try_clone()?);
    let mut writer = conn;
    let mut head = String::new();
    loop {
        head.clear();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let body = sell(office);
        write!(
            writer,
            "{}",
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}", body.len(), body)
        )?;
    }
}

pub fn run(broken: bool, port: u16) {
    let office = Arc::new(BoxOffice {
        serial: AtomicU64::new(0),
        on_sale: Mutex::new(vec![SEATS as u32 * 100; ROWS]),
        expiries: Mutex::new(BTreeMap::new()),
        cancel_on_settle: !broken,
    });
    let sweeper = office.clone();
    thread::spawn(move || loop {
        thread::sleep(Duration::from_secs(1));
        let released = sweeper.release_overdue();
        if released > 0 {
            eprintln!("{released} holds released");
        }
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for conn in listener.incoming().flatten() {
        let office = office.clone();
        thread::spawn(move || counter(conn, &office));
    }
}
