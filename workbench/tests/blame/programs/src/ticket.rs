//! A waiter starts to listen only after it has looked and done something else: what is announced in between is lost.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use crate::Twin;
use crate::http::serve;

#[derive(Default)]
struct Ticket {
    printed: AtomicU64,
    announced: Notify,
}

#[derive(Default)]
struct Office {
    log: Mutex<Vec<u64>>,
    numbers: AtomicU64,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let office = Arc::new(Office::default());
    crate::http::runtime()?.block_on(serve(port, move || buy(Arc::clone(&office), twin)))
}

async fn buy(office: Arc<Office>, twin: Twin) -> String {
    let ticket = Arc::new(Ticket::default());
    let number = office.numbers.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(print(Arc::clone(&ticket), number));
    match twin {
        Twin::Broken => wait(&office, &ticket, number).await,
        Twin::Healthy => wait_listening(&office, &ticket, number).await,
    }
    format!("ticket {number}")
}

/// Most printers are slow; one in fifty is as quick as the log.
async fn print(ticket: Arc<Ticket>, number: u64) {
    let needed = if number % 50 == 7 { 1 } else { 4 };
    tokio::time::sleep(Duration::from_millis(needed)).await;
    ticket.printed.store(1, Ordering::Release);
    ticket.announced.notify_waiters();
}

async fn note(office: &Office, number: u64) {
    let mut log = office.log.lock().await;
    log.push(number);
    drop(log);
    tokio::time::sleep(Duration::from_millis(1)).await;
}

async fn wait(office: &Office, ticket: &Ticket, number: u64) {
    if ticket.printed.load(Ordering::Acquire) == 0 {
        note(office, number).await;
        ticket.announced.notified().await; // guilty
    }
}

async fn wait_listening(office: &Office, ticket: &Ticket, number: u64) {
    let announced = ticket.announced.notified();
    let mut announced = std::pin::pin!(announced);
    announced.as_mut().enable();
    if ticket.printed.load(Ordering::Acquire) == 0 {
        note(office, number).await;
        announced.await;
    }
}
