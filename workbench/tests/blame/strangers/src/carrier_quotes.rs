//! Parcel shop: a pool of workers, each with its own line to the carrier, quotes the price of a parcel.
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const WORKERS: usize = 8;

struct Parcel {
    grams: u32,
    zone: u32,
    answer: Sender<u32>,
}

struct CarrierLine {
    input: BufReader<TcpStream>,
    output: TcpStream,
}

impl CarrierLine {
    fn dial(carrier: SocketAddr) -> io::Result<CarrierLine> {
        let output = TcpStream::connect(carrier)?;
        output.set_nodelay(true)?;
        Ok(CarrierLine { input: BufReader::new(output.try_clone()?), output })
    }

    fn rate(&mut self, grams: u32, zone: u32) -> io::Result<u32> {
        self.output.write_all(format!("{grams} {zone}\n").as_bytes())?;
        let mut line = String::new();
        self.input.read_line(&mut line)?;
        line.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

fn quote(line: &mut CarrierLine, parcel: Parcel) {
    let base = line.rate(parcel.grams, parcel.zone).unwrap_or(0);
    let _ = parcel.answer.send(base + base / 5);
}

fn work(counter: &Mutex<Receiver<Parcel>>, mut line: CarrierLine) {
    while let Ok(parcel) = counter.lock().unwrap().recv() {
        // guilty
        quote(&mut line, parcel); // guilty
    }
}

fn take(counter: &Mutex<Receiver<Parcel>>) -> Option<Parcel> {
    counter.lock().unwrap().recv().ok()
}

fn work_from_counter(counter: &Mutex<Receiver<Parcel>>, mut line: CarrierLine) {
    while let Some(parcel) = take(counter) {
        quote(&mut line, parcel);
    }
}

/// The carrier's rating service, six milliseconds away.
fn carrier_service(conn: TcpStream) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut out = conn.try_clone()?;
    for ask in BufReader::new(conn).lines() {
        let ask = ask?;
        let mut numbers = ask.split(' ').map(|n| n.parse::<u32>().unwrap_or(1));
        let (grams, zone) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(1));
        thread::sleep(Duration::from_millis(6));
        out.write_all(format!("{}\n", 300 + grams / 10 + zone * 120).as_bytes())?;
    }
    Ok(())
}

fn front_desk(conn: TcpStream, pool: Sender<Parcel>, serial: &AtomicU32) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut out = conn.try_clone()?;
    let mut lines = BufReader::new(conn).lines();
    while let Some(line) = lines.next() {
        if !line?.is_empty() {
            continue;
        }
        let n = serial.fetch_add(1, Ordering::Relaxed);
        let (answer, quoted) = channel();
        let (grams, zone) = (100 + n.wrapping_mul(37) % 4900, 1 + n % 6);
        let sent = pool.send(Parcel { grams, zone, answer });
        let body = match sent.ok().and_then(|_| quoted.recv().ok()) {
            Some(cents) => format!("parcel {n}: {grams} g to zone {zone} costs {cents} cents\n"),
            None => format!("parcel {n}: no quote\n"),
        };
        out.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body).as_bytes())?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let carrier = TcpListener::bind("127.0.0.1:0").unwrap();
    let carrier_addr = carrier.local_addr().unwrap();
    thread::spawn(move || {
        for conn in carrier.incoming().flatten() {
            thread::spawn(move || carrier_service(conn));
        }
    });
    let (pool, counter) = channel();
    let counter = Arc::new(Mutex::new(counter));
    for i in 0..WORKERS {
        let counter = counter.clone();
        let line = CarrierLine::dial(carrier_addr).unwrap();
        let body = move || if broken { work(&counter, line) } else { work_from_counter(&counter, line) };
        thread::Builder::new().name(format!("quote-{i}")).spawn(body).unwrap();
    }
    let serial = Arc::new(AtomicU32::new(1));
    for conn in TcpListener::bind(("127.0.0.1", port)).unwrap().incoming().flatten() {
        let (pool, serial) = (pool.clone(), serial.clone());
        thread::spawn(move || front_desk(conn, pool, &serial));
    }
}
