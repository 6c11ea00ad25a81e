//! Booking takes the hall and then the orders, giving back takes them the other way round: both workers stand in each other's lock
//! from the first requests on.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::Twin;
use crate::http::serve;

#[derive(Default)]
struct Office {
    hall: Mutex<Vec<u64>>,
    orders: Mutex<Vec<u64>>,
    asked: AtomicU64,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let office = Arc::new(Office::default());
    crate::http::runtime()?.block_on(serve(port, move || {
        let office = Arc::clone(&office);
        async move {
            let number = office.asked.fetch_add(1, Ordering::Relaxed);
            match (number % 2, twin) {
                (0, _) => book(&office, number),
                (_, Twin::Broken) => give_back(&office, number),
                (_, Twin::Healthy) => give_back_in_order(&office, number),
            }
        }
    }))
}

/// A millisecond or so of arithmetic.
fn price(seed: u64) -> u64 {
    (0..400_000).fold(seed, |sum: u64, round| std::hint::black_box(sum ^ round).wrapping_mul(0x9e37_79b9))
}

#[inline(never)]
fn book(office: &Office, number: u64) -> String {
    let mut hall = office.hall.lock().expect("nobody panics");
    hall.push(price(number));
    let taken = hall.len();
    let mut orders = office.orders.lock().expect("nobody panics"); // guilty
    orders.push(number);
    hall.truncate(64);
    format!("seat {taken}")
}

#[inline(never)]
fn give_back(office: &Office, number: u64) -> String {
    let mut orders = office.orders.lock().expect("nobody panics");
    let refund = price(number);
    orders.pop();
    let mut hall = office.hall.lock().expect("nobody panics"); // guilty
    hall.pop();
    orders.truncate(64);
    format!("refund {refund}")
}

#[inline(never)]
fn give_back_in_order(office: &Office, number: u64) -> String {
    let refund = price(number);
    office.hall.lock().expect("nobody panics").pop();
    office.orders.lock().expect("nobody panics").pop();
    format!("refund {refund}")
}
