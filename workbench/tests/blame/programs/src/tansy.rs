//! Threads only: the workers of a pool take jobs from one queue, and each keeps the queue locked while it does its job.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::Twin;

type Job = Box<dyn FnOnce() + Send>;
type Queue = Arc<Mutex<Receiver<Job>>>;

fn work(queue: &Queue) {
    while let Ok(job) = queue.lock().expect("nobody panics").recv() {
        job(); // guilty
    }
}

fn work_unlocked(queue: &Queue) {
    loop {
        let job = queue.lock().expect("nobody panics").recv();
        let Ok(job) = job else { return };
        job();
    }
}

/// The disk of another machine.
fn read_far() -> String {
    std::thread::sleep(Duration::from_millis(7));
    "a page".to_owned()
}

fn answer(jobs: &Sender<Job>) -> Option<String> {
    let (reply, answer) = channel();
    let job = move || {
        let _ = reply.send(read_far());
    };
    jobs.send(Box::new(job)).ok()?;
    answer.recv().ok()
}

fn converse(socket: TcpStream, jobs: &Sender<Job>) -> io::Result<()> {
    let mut out = socket.try_clone()?;
    let mut lines = BufReader::new(socket).lines();
    loop {
        loop {
            match lines.next() {
                None => return Ok(()),
                Some(line) if line.as_ref().is_ok_and(String::is_empty) => break,
                Some(line) => drop(line?),
            }
        }
        let body = answer(jobs).unwrap_or_default();
        out.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let (jobs, queue) = channel::<Job>();
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..16 {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || match twin {
            Twin::Broken => work(&queue),
            Twin::Healthy => work_unlocked(&queue),
        });
    }
    for socket in TcpListener::bind(("127.0.0.1", port))?.incoming() {
        let (socket, jobs) = (socket?, jobs.clone());
        socket.set_nodelay(true)?;
        std::thread::spawn(move || {
            let _ = converse(socket, &jobs);
        });
    }
    Ok(())
}
