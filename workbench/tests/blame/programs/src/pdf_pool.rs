//! Tickets as PDF: threads for connections, and a pool of them that prints.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::Twin;

const PRINTERS: usize = 6;

/// A ticket to be printed, and where the print goes.
struct Job {
    ticket: u64,
    reply: Sender<Vec<u8>>,
}

/// Printing is done by a device that takes its time.
struct Device;

impl Device {
    fn print(&self, ticket: u64) -> Vec<u8> {
        thread::sleep(Duration::from_millis(9));
        format!("%PDF-1.7 ticket {ticket}").into_bytes()
    }
}

struct Pool {
    jobs: Sender<Job>,
    printed: Arc<AtomicU64>,
}

struct Printer {
    jobs: Arc<Mutex<Receiver<Job>>>,
    device: Device,
    printed: Arc<AtomicU64>,
}

impl Printer {
    fn work(&self) {
        while let Ok(job) = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).recv() {
            self.finish(job); // guilty
        }
    }

    fn work_apart(&self) {
        loop {
            let job = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { return };
            self.finish(job);
        }
    }

    fn finish(&self, job: Job) {
        let print = self.device.print(job.ticket);
        self.printed.fetch_add(1, Ordering::Relaxed);
        let _ = job.reply.send(print);
    }
}

impl Pool {
    fn start(twin: Twin) -> io::Result<Self> {
        let (jobs, queued) = channel();
        let (queued, printed) = (Arc::new(Mutex::new(queued)), Arc::new(AtomicU64::new(0)));
        for number in 0..PRINTERS {
            let printer = Printer { jobs: Arc::clone(&queued), device: Device, printed: Arc::clone(&printed) };
            thread::Builder::new().name(format!("printer-{number}")).spawn(move || match twin {
                Twin::Broken => printer.work(),
                Twin::Healthy => printer.work_apart(),
            })?;
        }
        Ok(Self { jobs, printed })
    }

    fn print(&self, ticket: u64) -> Option<Vec<u8>> {
        let (reply, print) = channel();
        self.jobs.send(Job { ticket, reply }).ok()?;
        print.recv().ok()
    }
}

/// Sells tickets.
struct BoxOffice {
    pool: Pool,
    sold: AtomicU64,
}

impl BoxOffice {
    fn sell(&self) -> String {
        let ticket = self.sold.fetch_add(1, Ordering::Relaxed);
        match self.pool.print(ticket) {
            Some(print) => format!("{{\"ticket\": {ticket}, \"bytes\": {}}}", print.len()),
            None => "{\"error\": \"no printer\"}".to_owned(),
        }
    }

    fn report(&self) -> String {
        let (sold, printed) = (self.sold.load(Ordering::Relaxed), self.pool.printed.load(Ordering::Relaxed));
        format!("{sold} sold, {printed} printed")
    }
}

fn route(office: &BoxOffice, path: &str) -> String {
    match path {
        "/report" => office.report(),
        _ => office.sell(),
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let office = BoxOffice { pool: Pool::start(twin)?, sold: AtomicU64::new(0) };
    crate::plain::serve(port, move |path| route(&office, path))
}
