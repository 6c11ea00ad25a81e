//! Insurance quotes. Connections only read and write; the underwriters do the sums.

use crossbeam_channel::{bounded, unbounded, Receiver, Sender};
use std::hint;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;

const UNDERWRITERS_PER_CORE: usize = 8;
const LOOKS: u32 = 2_000;

struct Enquiry {
    number: u64,
    age: u32,
    answer: Sender<Quote>,
}

struct Quote {
    number: u64,
    premium_cents: u64,
}

#[derive(Clone, Copy)]
enum Attendance {
    Eager,
    Called,
}

struct Underwriter {
    desk: Receiver<Enquiry>,
    attendance: Attendance,
    mortality: Arc<Vec<f64>>,
}

impl Underwriter {
    fn work(self) {
        loop {
            let enquiry = match self.attendance {
                Attendance::Eager => self.take_eagerly(),
                Attendance::Called => self.desk.recv().expect("desk closed"),
            };
            let premium_cents = self.premium(enquiry.age, 20);
            let _ = enquiry.answer.send(Quote { number: enquiry.number, premium_cents });
        }
    }

    /// Stays at the desk so that an enquiry never pays for a wake-up.
    fn take_eagerly(&self) -> Enquiry {
        loop {
            for _ in 0..LOOKS {
                if let Ok(enquiry) = self.desk.try_recv() {
                    // guilty
                    return enquiry;
                }
                hint::spin_loop(); // guilty
            }
            thread::yield_now(); // guilty
        }
    }

    fn premium(&self, age: u32, years: u32) -> u64 {
        let mut alive = 1.0;
        let mut expected = 0.0;
        for year in 0..years {
            let risk = self.mortality[(age + year) as usize % self.mortality.len()];
            expected += alive * risk * 0.97f64.powi(year as i32);
            alive *= 1.0 - risk;
        }
        (expected * 10_000_000.0) as u64
    }
}

fn mortality_table() -> Vec<f64> {
    (0..120).map(|age| (0.0002 * 1.09f64.powi(age)).min(0.6)).collect()
}

fn next_request(client: &mut TcpStream, pending: &mut Vec<u8>) -> io::Result<bool> {
    let mut piece = [0u8; 1024];
    loop {
        if let Some(end) = pending.windows(4).position(|w| w == b"\r\n\r\n") {
            pending.drain(..end + 4);
            return Ok(true);
        }
        let n = client.read(&mut piece)?;
        if n == 0 {
            return Ok(false);
        }
        pending.extend_from_slice(&piece[..n]);
    }
}

fn attend(mut client: TcpStream, desk: Sender<Enquiry>, numbers: Arc<AtomicU64>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut pending = Vec::new();
    let (answer, answers) = bounded(1);
    while next_request(&mut client, &mut pending)? {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let age = 18 + (number * 7 % 60) as u32;
        desk.send(Enquiry { number, age, answer: answer.clone() }).expect("no underwriters");
        let quote = answers.recv().expect("no answer");
        let body = format!(
            "quote {} for age {}: {}.{:02}\n",
            quote.number,
            age,
            quote.premium_cents / 100,
            quote.premium_cents % 100
        );
        let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
        client.write_all(reply.as_bytes())?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let attendance = if broken { Attendance::Eager } else { Attendance::Called };
    let (desk, enquiries) = unbounded();
    let mortality = Arc::new(mortality_table());
    let cores = thread::available_parallelism().map_or(2, |n| n.get());
    for n in 0..cores * UNDERWRITERS_PER_CORE {
        let underwriter = Underwriter { desk: enquiries.clone(), attendance, mortality: mortality.clone() };
        thread::Builder::new().name(format!("underwriter-{n}")).spawn(move || underwriter.work()).expect("spawn");
    }
    let numbers = Arc::new(AtomicU64::new(1));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for client in listener.incoming().flatten() {
        let (desk, numbers) = (desk.clone(), numbers.clone());
        thread::spawn(move || attend(client, desk, numbers));
    }
}
