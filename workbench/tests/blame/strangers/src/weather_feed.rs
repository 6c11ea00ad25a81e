//! Forecast for a district: stations report in rounds, the map is kept up to
//! date by a local task, and visitors read the present state of one cell.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_channel::mpsc;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

const SIDE: usize = 128;
const STATIONS: u32 = 1400;
const ROUND: Duration = Duration::from_millis(160);
const TURN: usize = 12;

struct Reading {
    x: f32,
    y: f32,
    celsius: f32,
}

/// Stations report together, at the end of each round.
fn station_rounds(mut out: mpsc::Sender<Reading>) {
    let mut seed: u32 = 2_463_534_242;
    let mut draw = move || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        (seed >> 8) as f32 / (1 << 24) as f32
    };
    loop {
        std::thread::sleep(ROUND);
        for _ in 0..STATIONS {
            let reading = Reading { x: draw() * SIDE as f32, y: draw() * SIDE as f32, celsius: draw() * 30.0 - 5.0 };
            match out.try_send(reading) {
                Ok(()) => {}
                Err(e) if e.is_full() => break,
                Err(_) => return,
            }
        }
    }
}

struct District {
    cells: RefCell<Vec<f32>>,
    absorbed: Cell<u64>,
    visitors: Cell<usize>,
}

impl District {
    fn new() -> Self {
        District { cells: RefCell::new(vec![12.0; SIDE * SIDE]), absorbed: Cell::new(0), visitors: Cell::new(0) }
    }

    /// Pulls every cell towards the reading, less with distance.
    fn absorb(&self, reading: &Reading) {
        let mut cells = self.cells.borrow_mut();
        for (row, line) in cells.chunks_exact_mut(SIDE).enumerate() {
            let dy = row as f32 - reading.y;
            for (column, cell) in line.iter_mut().enumerate() {
                let dx = column as f32 - reading.x;
                let distance = (dx * dx + dy * dy).sqrt();
                let weight = 0.2 / (1.0 + distance * distance.sqrt());
                *cell += (reading.celsius - *cell) * weight;
            }
        }
        self.absorbed.set(self.absorbed.get() + 1);
    }

    fn forecast(&self) -> String {
        let visitor = self.visitors.get();
        self.visitors.set(visitor + 1);
        let cell = visitor * 31 % (SIDE * SIDE);
        let celsius = self.cells.borrow()[cell];
        let readings = self.absorbed.get();
        format!("cell {cell}: {celsius:.1} C after {readings} readings\n")
    }
}

async fn follow_stations(district: Rc<District>, mut readings: mpsc::Receiver<Reading>) {
    while let Some(reading) = readings.next().await {
        district.absorb(&reading); // guilty
    }
}

async fn follow_stations_in_turns(district: Rc<District>, mut readings: mpsc::Receiver<Reading>) {
    let mut turn = 0;
    while let Some(reading) = readings.next().await {
        district.absorb(&reading);
        turn += 1;
        if turn % TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
}

struct Visitor {
    stream: TcpStream,
    inbox: Vec<u8>,
}

impl Visitor {
    /// Waits for the blank line that ends a request's head.
    async fn next_request(&mut self) -> std::io::Result<bool> {
        loop {
            if let Some(end) = self.inbox.windows(4).position(|w| w == b"\r\n\r\n") {
                self.inbox.drain(..end + 4);
                return Ok(true);
            }
            if self.stream.read_buf(&mut self.inbox).await? == 0 {
                return Ok(false);
            }
        }
    }

    async fn reply(&mut self, body: &str) -> std::io::Result<()> {
        let message =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
        self.stream.write_all(message.as_bytes()).await
    }
}

async fn attend(district: Rc<District>, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut visitor = Visitor { stream, inbox: Vec::with_capacity(1024) };
    while visitor.next_request().await? {
        let body = district.forecast();
        visitor.reply(&body).await?;
    }
    Ok(())
}

async fn serve(broken: bool, port: u16) {
    let district = Rc::new(District::new());
    let (out, readings) = mpsc::channel(2 * STATIONS as usize);
    std::thread::spawn(move || station_rounds(out));
    if broken {
        tokio::task::spawn_local(follow_stations(district.clone(), readings));
    } else {
        tokio::task::spawn_local(follow_stations_in_turns(district.clone(), readings));
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    while let Ok((stream, _)) = listener.accept().await {
        let district = district.clone();
        tokio::task::spawn_local(async move {
            let _ = attend(district, stream).await;
        });
    }
}

pub fn run(broken: bool, port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    LocalSet::new().block_on(&runtime, serve(broken, port));
}
