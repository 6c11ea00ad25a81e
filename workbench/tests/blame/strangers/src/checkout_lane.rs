//! Checkout of a web shop: one customer's orders are taken one after the other, those of
//! different customers side by side.

use parking_lot::{Condvar, Mutex};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Result as IoResult, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;

const CUSTOMERS: u64 = 500;

struct Customer {
    name: String,
    card_valid_until: u32,
    basket: Vec<(u32, u32)>,
}

struct Receipt {
    order: u64,
    total: u32,
    approval: u64,
}

enum Refusal {
    CardExpired(u32),
}

struct Shop {
    customers: Vec<Customer>,
    ordering: Mutex<HashSet<u64>>,
    left_lane: Condvar,
    orders: AtomicU64,
    today: u32,
}

impl Shop {
    fn open() -> Shop {
        let customers = (0..CUSTOMERS)
            .map(|id| Customer {
                name: format!("customer-{id:03}"),
                card_valid_until: if id % 100 == 41 { 2401 } else { 2912 },
                basket: (0..3 + id as u32 % 9).map(|i| (199 + 37 * i, 1 + (i + id as u32) % 4)).collect(),
            })
            .collect();
        Shop {
            customers,
            ordering: Mutex::new(HashSet::new()),
            left_lane: Condvar::new(),
            orders: AtomicU64::new(0),
            today: 2611,
        }
    }

    fn enter_lane(&self, id: u64) {
        let mut ordering = self.ordering.lock();
        while !ordering.insert(id) {
            self.left_lane.wait(&mut ordering);
        }
    }

    fn leave_lane(&self, id: u64) {
        self.ordering.lock().remove(&id);
        self.left_lane.notify_all();
    }

    fn total(&self, id: u64) -> u32 {
        self.customers[id as usize].basket.iter().map(|(price, pieces)| price * pieces).sum()
    }

    fn authorise(&self, id: u64, total: u32) -> Result<u64, Refusal> {
        let card = self.customers[id as usize].card_valid_until;
        if card < self.today {
            return Err(Refusal::CardExpired(card));
        }
        let seed = (id << 32) | total as u64;
        Ok((0..2_000u64).fold(seed, |code, round| (code ^ round).wrapping_mul(0x0100_0000_01b3).rotate_left(7)))
    }

    fn place_order(&self, order: u64, id: u64) -> Result<Receipt, Refusal> {
        self.enter_lane(id); // guilty
        let total = self.total(id);
        let approval = self.authorise(id, total)?; // guilty
        self.leave_lane(id);
        Ok(Receipt { order, total, approval })
    }

    fn place_order_in_turn(&self, order: u64, id: u64) -> Result<Receipt, Refusal> {
        self.enter_lane(id);
        let total = self.total(id);
        let outcome = self.authorise(id, total);
        self.leave_lane(id);
        outcome.map(|approval| Receipt { order, total, approval })
    }

    fn next_customer(&self) -> (u64, u64) {
        let order = self.orders.fetch_add(1, Ordering::Relaxed) + 1;
        let mixed = order.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (order, (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9) % CUSTOMERS)
    }

    fn checkout(&self, in_turn: bool) -> (&'static str, String) {
        let (order, id) = self.next_customer();
        let outcome = if in_turn { self.place_order_in_turn(order, id) } else { self.place_order(order, id) };
        let name = &self.customers[id as usize].name;
        match outcome {
            Ok(r) => {
                ("200 OK", format!("{name}: order {} over {} approved as {:016x}\n", r.order, r.total, r.approval))
            }
            Err(Refusal::CardExpired(month)) => {
                ("200 OK", format!("{name}: order {order} refused, card ended {month}\n"))
            }
        }
    }
}

fn lane(shop: Arc<Shop>, mut socket: TcpStream, in_turn: bool) -> IoResult<()> {
    socket.set_nodelay(true)?;
    let mut input = BufReader::new(socket.try_clone()?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line == b"\r\n" {
            let (status, body) = shop.checkout(in_turn);
            socket
                .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let shop = Arc::new(Shop::open());
    let door = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    while let Ok((socket, _)) = door.accept() {
        let shop = shop.clone();
        thread::spawn(move || lane(shop, socket, !broken));
    }
}
