//! Box office: every GET / sells the next free seat of tonight's show. A standby office in another
//! city gets a copy of the seat plan all the time, so that it can take over.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::Duration;

const ROWS: usize = 40;
const SEATS: usize = 50;

struct Hall {
    show: u64,
    sold: usize,
    rows: Vec<[bool; SEATS]>,
}

impl Hall {
    fn new(show: u64) -> Hall {
        Hall { show, sold: 0, rows: vec![[false; SEATS]; ROWS] }
    }

    fn take_next(&mut self) -> (u64, usize, usize) {
        if self.sold == ROWS * SEATS {
            *self = Hall::new(self.show + 1);
        }
        let (row, seat) = (self.sold / SEATS, self.sold % SEATS);
        self.rows[row][seat] = true;
        self.sold += 1;
        (self.show, row + 1, seat + 1)
    }

    fn plan(&self) -> String {
        let mut out = format!("show {} sold {} ", self.show, self.sold);
        for row in &self.rows {
            out.extend(row.iter().map(|taken| if *taken { '#' } else { '.' }));
        }
        out.push('\n');
        out
    }
}

struct Standby {
    reader: BufReader<TcpStream>,
}

impl Standby {
    fn connect(port: u16) -> Standby {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("standby");
        stream.set_nodelay(true).unwrap();
        Standby { reader: BufReader::new(stream) }
    }

    fn send(&mut self, plan: &str) {
        self.reader.get_mut().write_all(plan.as_bytes()).expect("standby gone");
    }

    fn confirmed(&mut self) -> u64 {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("standby gone");
        line.trim().parse().unwrap_or(0)
    }
}

fn mirror_plan(hall: &RwLock<Hall>, standby: &mut Standby) -> u64 {
    let hall = hall.read().unwrap(); // guilty
    standby.send(&hall.plan());
    let sold = standby.confirmed(); // guilty
    (hall.sold as u64).saturating_sub(sold)
}

fn mirror_copy(hall: &RwLock<Hall>, standby: &mut Standby) -> u64 {
    let plan = hall.read().unwrap().plan();
    standby.send(&plan);
    let sold = standby.confirmed();
    (hall.read().unwrap().sold as u64).saturating_sub(sold)
}

fn keep_mirrored(hall: Arc<RwLock<Hall>>, mut standby: Standby, broken: bool) {
    let mut behind = 0;
    loop {
        behind += if broken { mirror_plan(&hall, &mut standby) } else { mirror_copy(&hall, &mut standby) };
        if behind > 1_000_000 {
            eprintln!("standby is far behind");
            behind = 0;
        }
        thread::sleep(Duration::from_millis(15));
    }
}

/// The other office: about 25 ms away there and back.
fn standby_office(listener: TcpListener) {
    let (stream, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap_or(0) > 0 {
        let sold = line.split(' ').nth(3).unwrap_or("0").to_string();
        thread::sleep(Duration::from_millis(25));
        if reader.get_mut().write_all(format!("{sold}\n").as_bytes()).is_err() {
            return;
        }
        line.clear();
    }
}

fn sell(hall: &RwLock<Hall>) -> String {
    let (show, row, seat) = hall.write().unwrap().take_next();
    format!("show {show}: row {row}, seat {seat}\n")
}

fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|n| *n > 0)?;
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        if line.trim().is_empty() {
            return Some(first);
        }
    }
}

fn serve(stream: TcpStream, hall: Arc<RwLock<Hall>>) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(first) = read_request(&mut reader) {
        let (status, body) = match first.starts_with("GET / ") {
            true => ("200 OK", sell(&hall)),
            false => ("404 Not Found", String::new()),
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let office = TcpListener::bind("127.0.0.1:0").unwrap();
    let office_port = office.local_addr().unwrap().port();
    thread::spawn(move || standby_office(office));
    let hall = Arc::new(RwLock::new(Hall::new(1)));
    let (mirrored, standby) = (hall.clone(), Standby::connect(office_port));
    thread::spawn(move || keep_mirrored(mirrored, standby, broken));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("port");
    for stream in listener.incoming().flatten() {
        let hall = hall.clone();
        thread::spawn(move || serve(stream, hall));
    }
}
