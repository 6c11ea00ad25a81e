//! Tide table: GET / answers the height of the water for the next hours. A crew of computing
//! threads takes the hours from a common board, so that one request can use every core.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

const CREW: usize = 12;
const HOURS: u64 = 6;

/// Speed (degrees per hour), height (metres) and phase of the harmonics of our harbour.
const HARMONICS: [(f64, f64, f64); 6] = [
    (28.984, 1.62, 112.0),
    (30.000, 0.54, 150.0),
    (28.439, 0.31, 87.0),
    (15.041, 0.11, 201.0),
    (13.943, 0.09, 35.0),
    (57.968, 0.05, 260.0),
];

struct Hour {
    at: u64,
    result: Sender<(u64, f64)>,
}

struct WorkBoard {
    hours: Mutex<VecDeque<Hour>>,
    posted: AtomicUsize,
    bell: Condvar,
    broken: bool,
}

impl WorkBoard {
    fn post(&self, hour: Hour) {
        self.hours.lock().unwrap().push_back(hour);
        self.posted.fetch_add(1, Ordering::Release);
        self.bell.notify_one();
    }

    fn take(&self) -> Option<Hour> {
        let hour = self.hours.lock().unwrap().pop_front()?;
        self.posted.fetch_sub(1, Ordering::AcqRel);
        Some(hour)
    }

    fn next(&self) -> Hour {
        loop {
            if self.posted.load(Ordering::Acquire) > 0 {
                // guilty
                if let Some(hour) = self.take() {
                    return hour;
                }
            }
            std::hint::spin_loop(); // guilty
        }
    }

    fn wait_next(&self) -> Hour {
        let mut hours = self.hours.lock().unwrap();
        loop {
            if let Some(hour) = hours.pop_front() {
                self.posted.fetch_sub(1, Ordering::AcqRel);
                return hour;
            }
            hours = self.bell.wait(hours).unwrap();
        }
    }
}

fn height(minute: f64) -> f64 {
    let part = |(speed, metres, phase): &(f64, f64, f64)| metres * (speed * minute / 60.0 - phase).to_radians().cos();
    2.4 + HARMONICS.iter().map(part).sum::<f64>()
}

fn mean_height(hour: u64) -> f64 {
    (0..60).map(|minute| height((hour * 60 + minute) as f64)).sum::<f64>() / 60.0
}

fn crew_member(board: Arc<WorkBoard>) {
    loop {
        let hour = if board.broken { board.next() } else { board.wait_next() };
        let _ = hour.result.send((hour.at, mean_height(hour.at)));
    }
}

fn table(board: &WorkBoard, start: u64) -> String {
    let (result, results) = channel();
    for at in start..start + HOURS {
        board.post(Hour { at, result: result.clone() });
    }
    drop(result);
    let mut heights: Vec<(u64, f64)> = results.iter().collect();
    heights.sort_by_key(|(at, _)| *at);
    heights.iter().map(|(at, metres)| format!("day {} {:02}:00  {metres:.2} m\n", at / 24, at % 24)).collect()
}

fn serve(stream: TcpStream, board: &WorkBoard, clock: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head)? > 0 {
        if !head.ends_with("\r\n\r\n") {
            continue;
        }
        let body = match head.starts_with("GET / ") {
            true => table(board, clock.fetch_add(1, Ordering::Relaxed)),
            false => "no such table\n".to_string(),
        };
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        reader.get_mut().write_all(answer.as_bytes())?;
        head.clear();
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let board =
        Arc::new(WorkBoard { hours: Mutex::default(), posted: AtomicUsize::new(0), bell: Condvar::new(), broken });
    for number in 0..CREW {
        let board = board.clone();
        thread::Builder::new().name(format!("crew-{number}")).spawn(move || crew_member(board)).unwrap();
    }
    let clock = Arc::new(AtomicU64::new(0));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("port");
    for stream in listener.incoming().flatten() {
        let (board, clock) = (board.clone(), clock.clone());
        thread::spawn(move || serve(stream, &board, &clock));
    }
}
