//! A bank's branch as it was written long ago, and still well: a thread for each client, short locks, three clerks behind a
//! bounded queue, and a night shift that checks the books a page at a time.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::Twin;

const ACCOUNTS: u64 = 5_000;
const CLERKS: usize = 6;

#[derive(Default)]
struct Books {
    balances: Mutex<BTreeMap<u64, i64>>,
}

impl Books {
    fn open() -> Self {
        Self { balances: Mutex::new((0..ACCOUNTS).map(|account| (account, 10_000)).collect()) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, i64>> {
        self.balances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transfer(&self, from: u64, to: u64, cents: i64) -> i64 {
        let mut balances = self.lock();
        *balances.entry(from).or_default() -= cents;
        let balance = balances.entry(to).or_default();
        *balance += cents;
        *balance
    }

    fn page(&self, first: u64) -> Vec<(u64, i64)> {
        self.lock().range(first..first + 250).map(|(account, cents)| (*account, *cents)).collect()
    }
}

struct Order {
    number: u64,
    done: SyncSender<i64>,
}

struct Clerk {
    orders: Arc<Mutex<Receiver<Order>>>,
    books: Arc<Books>,
}

impl Clerk {
    fn next(&self) -> Option<Order> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }

    fn work(&self) {
        while let Some(Order { number, done }) = self.next() {
            // The stamp.
            thread::sleep(Duration::from_millis(4));
            let balance = self.books.transfer(number % ACCOUNTS, number * 7 % ACCOUNTS, 25);
            let _ = done.send(balance);
        }
    }
}

fn night_shift(books: &Books) {
    loop {
        let mut sum = 0;
        for first in (0..ACCOUNTS).step_by(250) {
            sum += books.page(first).iter().map(|(_, cents)| cents).sum::<i64>();
            thread::sleep(Duration::from_millis(10));
        }
        std::hint::black_box(sum);
        thread::sleep(Duration::from_millis(200));
    }
}

struct Branch {
    orders: SyncSender<Order>,
    taken: AtomicU64,
}

impl Branch {
    fn order(&self) -> String {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let (done, balance) = sync_channel(1);
        if self.orders.send(Order { number, done }).is_err() {
            return "closed".to_owned();
        }
        balance.recv().map_or_else(|_| "lost".to_owned(), |balance| format!("{{\"balance\": {balance}}}"))
    }
}

pub(crate) fn run(_twin: Twin, port: u16) -> io::Result<()> {
    let books = Arc::new(Books::open());
    let (orders, queued) = sync_channel(64);
    let queued = Arc::new(Mutex::new(queued));
    for number in 0..CLERKS {
        let clerk = Clerk { orders: Arc::clone(&queued), books: Arc::clone(&books) };
        thread::Builder::new().name(format!("clerk-{number}")).spawn(move || clerk.work())?;
    }
    thread::Builder::new().name("night-shift".into()).spawn(move || night_shift(&books))?;
    let branch = Branch { orders, taken: AtomicU64::new(0) };
    crate::plain::serve(port, move |_| branch.order())
}
