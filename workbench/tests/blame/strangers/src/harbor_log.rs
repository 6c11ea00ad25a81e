//! Arrival log of a harbour: every call announces a vessel, a surveyor checks
//! its berth, the publisher enters it in the log and confirms to the caller.

use crossbeam_channel::{bounded, Receiver, Sender};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const SURVEYORS: usize = 32;

/// A vessel that has called in, numbered by arrival.
struct Call {
    number: u64,
    draught_cm: u32,
    confirm: Sender<Entry>,
}

/// What the surveyor found.
struct Survey {
    number: u64,
    berth: u32,
    clearance_cm: u32,
    confirm: Sender<Entry>,
}

struct Entry {
    number: u64,
    text: String,
}

#[derive(Default)]
struct LogBook {
    pages: [u64; 32],
    entered: u64,
}

impl LogBook {
    fn enter(&mut self, survey: &Survey) -> Entry {
        self.pages[(survey.berth % 32) as usize] += 1;
        self.entered += 1;
        Entry {
            number: survey.number,
            text: format!("berth {} clearance {} cm entry {}", survey.berth, survey.clearance_cm, self.entered),
        }
    }
}

/// Deep vessels need a sounding of the basin, all others a look at the chart.
fn inspect(call: Call) -> Survey {
    let deep = call.draught_cm > 1_490;
    thread::sleep(if deep { Duration::from_millis(120) } else { Duration::from_millis(3) });
    let berth = if deep { 1 } else { 2 + call.draught_cm % 29 };
    Survey { number: call.number, berth, clearance_cm: 1_800 - call.draught_cm, confirm: call.confirm }
}

fn confirm(book: &mut LogBook, survey: Survey) {
    let entry = book.enter(&survey);
    let _ = survey.confirm.send(entry);
}

trait Publisher: Send + 'static {
    fn publish(self, surveys: Receiver<Survey>);
}

struct OnCompletion {
    book: LogBook,
}

impl Publisher for OnCompletion {
    fn publish(mut self, surveys: Receiver<Survey>) {
        for survey in surveys {
            confirm(&mut self.book, survey);
        }
    }
}

struct ByNumber {
    book: LogBook,
    next: u64,
    aside: BTreeMap<u64, Survey>,
}

impl Publisher for ByNumber {
    fn publish(mut self, surveys: Receiver<Survey>) {
        for survey in surveys {
            self.aside.insert(survey.number, survey); // guilty
            while let Some(survey) = self.aside.remove(&self.next) {
                self.next += 1;
                confirm(&mut self.book, survey);
            }
        }
    }
}

/// Starts the surveyors and the publisher, returns the way in.
fn open_office<P: Publisher>(publisher: P) -> Sender<Call> {
    let (calls_in, calls) = bounded::<Call>(256);
    let (surveys_in, surveys) = bounded::<Survey>(256);
    for n in 0..SURVEYORS {
        let calls = calls.clone();
        let surveys_in = surveys_in.clone();
        thread::Builder::new()
            .name(format!("surveyor-{n}"))
            .spawn(move || {
                for call in calls {
                    if surveys_in.send(inspect(call)).is_err() {
                        return;
                    }
                }
            })
            .expect("surveyor");
    }
    thread::Builder::new().name("publisher".into()).spawn(move || publisher.publish(surveys)).expect("publisher");
    calls_in
}

struct Radio {
    office: Sender<Call>,
    numbers: AtomicU64,
}

impl Radio {
    fn announce(&self) -> Option<Entry> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let draught_cm = 400 + (number % 150 * 613 % 1_050) as u32;
        let draught_cm = if number % 150 == 77 { 1_500 } else { draught_cm.min(1_400) };
        let (confirm, confirmed) = bounded(1);
        self.office.send(Call { number, draught_cm, confirm }).ok()?;
        confirmed.recv().ok()
    }
}

fn listen(radio: &Radio, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let reader = BufReader::new(stream.try_clone()?);
    for line in reader.lines() {
        if !line?.is_empty() {
            continue;
        }
        let (status, body) = match radio.announce() {
            Some(entry) => ("200 OK", format!("vessel {}: {}\n", entry.number, entry.text)),
            None => ("503 Service Unavailable", String::from("office closed\n")),
        };
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(response.as_bytes())?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let book = LogBook::default();
    let office = if broken {
        open_office(ByNumber { book, next: 0, aside: BTreeMap::new() })
    } else {
        open_office(OnCompletion { book })
    };
    let radio: &'static Radio = Box::leak(Box::new(Radio { office, numbers: AtomicU64::new(0) }));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        thread::spawn(move || listen(radio, stream));
    }
}
