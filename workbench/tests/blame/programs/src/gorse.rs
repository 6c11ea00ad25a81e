//! Every three seconds the generations of a cache are walked, for 300 ms, on the one thread that answers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use crate::Twin;

#[derive(Default)]
struct Heap {
    cells: BTreeMap<u64, Vec<u64>>,
}

impl Heap {
    /// Looks at cells until `long` has passed.
    fn walk(&self, from: u64, long: Duration) -> u64 {
        let begin = Instant::now();
        let mut live = from;
        while begin.elapsed() < long {
            for (key, cell) in &self.cells {
                live = cell.iter().fold(live ^ key, |live, word| live.rotate_left(7) ^ word); // guilty
            }
        }
        live
    }
}

struct Collector {
    heap: Rc<RefCell<Heap>>,
    live: u64,
}

impl Collector {
    fn collect(&mut self) {
        self.live = self.heap.borrow().walk(self.live, Duration::from_millis(300)); // guilty
    }

    async fn collect_in_steps(&mut self) {
        for _ in 0..600 {
            self.live = self.heap.borrow().walk(self.live, Duration::from_micros(200));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn tend(mut collector: Collector, twin: Twin) {
    let mut ticks = tokio::time::interval(Duration::from_secs(3));
    loop {
        ticks.tick().await;
        match twin {
            Twin::Broken => collector.collect(), // guilty
            Twin::Healthy => collector.collect_in_steps().await,
        }
    }
}

async fn converse(heap: Rc<RefCell<Heap>>, mut socket: TcpStream) -> io::Result<()> {
    let mut request = [0; 2048];
    loop {
        let mut end = 0;
        while !request[..end].ends_with(b"\r\n\r\n") {
            match socket.read(&mut request[end..]).await? {
                0 => return Ok(()),
                read => end += read,
            }
        }
        let cells = heap.borrow().cells.len().to_string();
        let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{cells}", cells.len());
        socket.write_all(reply.as_bytes()).await?;
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let cells = (0..2000_u64).map(|key| (key, (0..64).map(|word| word * key).collect()));
    let heap = Rc::new(RefCell::new(Heap { cells: cells.collect() }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        tokio::task::spawn_local(tend(Collector { heap: Rc::clone(&heap), live: 0 }, twin));
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            tokio::task::spawn_local(converse(Rc::clone(&heap), socket));
        }
    })
}
