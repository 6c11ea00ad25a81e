//! Route pricing: connection threads hand parcels to a pricing thread which prices
//! what has gathered in one parallel sweep, and wait for their quotes.
use crate::web;
use rayon::prelude::*;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
struct Parcel {
    id: u64,
    grams: u64,
    zone: u64,
}

#[derive(Default)]
struct Desk {
    inbox: VecDeque<Parcel>,
    quotes: HashMap<u64, u64>,
}

struct Office {
    desk: Mutex<Desk>,
    arrived: Condvar,
    priced: Condvar,
    next: AtomicU64,
}

fn price(parcel: &Parcel) -> u64 {
    // cheapest of many tariff combinations
    let mut best = u64::MAX;
    for tariff in 1..6_000u64 {
        let weight = parcel.grams.wrapping_mul(tariff) % 9973;
        let cost = weight * 7 + (parcel.zone ^ tariff) % 613;
        best = best.min(cost.wrapping_add(tariff));
    }
    best
}

impl Office {
    fn quote(&self, grams: u64, zone: u64) -> Option<u64> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut desk = self.desk.lock().unwrap();
        desk.inbox.push_back(Parcel { id, grams, zone });
        self.arrived.notify_one();
        loop {
            if let Some(quote) = desk.quotes.remove(&id) {
                return Some(quote);
            }
            if Instant::now() > deadline {
                return None;
            }
            // never sleep for long: the pricing thread may have been restarted
            desk = self.priced.wait_timeout(desk, Duration::from_millis(60)).unwrap().0;
        }
    }

    fn gather(&self) -> Vec<Parcel> {
        let mut desk = self.desk.lock().unwrap();
        while desk.inbox.is_empty() {
            desk = self.arrived.wait(desk).unwrap();
        }
        desk.inbox.drain(..).collect()
    }

    fn deliver(&self, quotes: Vec<(u64, u64)>) {
        let mut desk = self.desk.lock().unwrap();
        desk.quotes.extend(quotes);
        drop(desk);
        self.arrived.notify_all(); // guilty
    }

    fn deliver_ok(&self, quotes: Vec<(u64, u64)>) {
        let mut desk = self.desk.lock().unwrap();
        desk.quotes.extend(quotes);
        drop(desk);
        self.priced.notify_all();
    }
}

pub fn serve(broken: bool, port: u16) {
    let office = Arc::new(Office {
        desk: Mutex::new(Desk::default()),
        arrived: Condvar::new(),
        priced: Condvar::new(),
        next: AtomicU64::new(1),
    });
    let pricing = office.clone();
    thread::Builder::new()
        .name("pricing".into())
        .spawn(move || loop {
            let parcels = pricing.gather();
            let quotes: Vec<(u64, u64)> = parcels.par_iter().map(|p| (p.id, price(p))).collect();
            if broken {
                pricing.deliver(quotes);
            } else {
                pricing.deliver_ok(quotes);
            }
        })
        .expect("thread");
    let count = AtomicU64::new(0);
    let count = Arc::new(count);
    web::thread_per_connection(port, move |_path| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        match office.quote(200 + n % 5_000, n % 11) {
            Some(quote) => format!("quote {quote}\n"),
            None => "no quote\n".into(),
        }
    });
}
