//! Map tiles for the hiking site. Answers leave through one metered uplink, so that a
//! crowd of visitors cannot fill the line that the office shares with us.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const LINE_BYTES_PER_SECOND: f64 = 6.0 * 1024.0 * 1024.0;
const FRAME: usize = 48 * 1024;
const SIDE: u32 = 48;

struct Uplink {
    free_at: Mutex<Instant>,
}

impl Uplink {
    /// Books room for `bytes` and says how long the caller has to hold them back.
    fn book(&self, bytes: usize) -> Duration {
        let now = Instant::now();
        let mut free_at = self.free_at.lock().unwrap();
        let start = (*free_at).max(now);
        *free_at = start + Duration::from_secs_f64(bytes as f64 / LINE_BYTES_PER_SECOND);
        start - now
    }
}

struct Site {
    uplink: Uplink,
    visit: AtomicU32,
    heights: Vec<u8>,
    by_frame: bool,
}

impl Site {
    fn new(by_frame: bool) -> Site {
        let heights = (0..256u32 * 256)
            .map(|i| {
                let (x, y) = ((i % 256) as f32 / 20.0, (i / 256) as f32 / 31.0);
                (128.0 + 90.0 * x.sin() * y.cos()) as u8
            })
            .collect();
        Site { uplink: Uplink { free_at: Mutex::new(Instant::now()) }, visit: AtomicU32::new(0), heights, by_frame }
    }

    fn shade(&self, x: u32, y: u32) -> u8 {
        let at = |x: u32, y: u32| self.heights[((y & 255) * 256 + (x & 255)) as usize] as i32;
        (128 + 4 * (at(x, y) - at(x + 1, y + 1))).clamp(0, 255) as u8
    }

    fn draw(&self, tile: u32, frame: &mut Vec<u8>) {
        let (left, top) = (tile * 37 % 256, tile * 91 % 256);
        let picture_head = format!("P5 {SIDE} {SIDE} 255\n");
        let length = picture_head.len() as u32 + SIDE * SIDE;
        frame.clear();
        let _ = write!(
            frame,
            "HTTP/1.1 200 OK\r\nContent-Type: image/x-portable-graymap\r\nContent-Length: {length}\r\n\r\n"
        );
        frame.extend_from_slice(picture_head.as_bytes());
        for y in 0..SIDE {
            for x in 0..SIDE {
                frame.push(self.shade(left + x, top + y));
            }
        }
    }

    fn send_frame(&self, visitor: &mut TcpStream, frame: &Vec<u8>) -> io::Result<()> {
        let hold_back = self.uplink.book(frame.capacity()); // guilty
        if !hold_back.is_zero() {
            thread::sleep(hold_back); // guilty
        }
        visitor.write_all(frame)
    }

    fn send_bytes(&self, visitor: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        let hold_back = self.uplink.book(bytes.len());
        if !hold_back.is_zero() {
            thread::sleep(hold_back);
        }
        visitor.write_all(bytes)
    }

    fn serve(&self, mut visitor: TcpStream) -> io::Result<()> {
        visitor.set_nodelay(true)?;
        let mut lines = BufReader::new(visitor.try_clone()?);
        let mut frame = Vec::with_capacity(FRAME);
        while read_head(&mut lines)? {
            let tile = self.visit.fetch_add(1, Ordering::Relaxed);
            self.draw(tile, &mut frame);
            if self.by_frame {
                self.send_frame(&mut visitor, &frame)?;
            } else {
                self.send_bytes(&mut visitor, &frame)?;
            }
        }
        Ok(())
    }
}

fn read_head(lines: &mut impl BufRead) -> io::Result<bool> {
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        if line.trim_end().is_empty() {
            return Ok(true);
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let site = Arc::new(Site::new(broken));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for visitor in listener.incoming().flatten() {
        let site = site.clone();
        thread::spawn(move || site.serve(visitor));
    }
}
