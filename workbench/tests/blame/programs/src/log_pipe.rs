//! Each request writes a line to a pipe whose reader is slow, and the worker waits for the reader.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::Twin;
use crate::http::serve;

#[derive(Clone)]
enum Log {
    Direct(Arc<Mutex<File>>),
    Queued(mpsc::SyncSender<Vec<u8>>),
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let pipe = pipe_to_slow_reader()?;
    let log = match twin {
        Twin::Broken => Log::Direct(Arc::new(Mutex::new(pipe))),
        Twin::Healthy => {
            let (lines, queue) = mpsc::sync_channel::<Vec<u8>>(256);
            std::thread::Builder::new().name("log".into()).spawn(move || {
                let mut pipe = pipe;
                while let Ok(line) = queue.recv() {
                    let _ = pipe.write_all(&line);
                }
            })?;
            Log::Queued(lines)
        }
    };
    crate::http::runtime()?.block_on(serve(port, move || answer(log.clone())))
}

async fn answer(log: Log) -> String {
    let line = vec![b'.'; 8000];
    match log {
        Log::Direct(pipe) => note(&pipe, &line),
        // A full queue drops the line rather than hold the request up.
        Log::Queued(lines) => drop(lines.try_send(line)),
    }
    "ok".to_owned()
}

fn note(pipe: &Mutex<File>, line: &[u8]) {
    let mut pipe = pipe.lock().expect("nobody panics");
    let _ = pipe.write_all(line); // guilty
}

/// What reads the log looks every 120 ms, and the pipe holds eight lines.
fn pipe_to_slow_reader() -> io::Result<File> {
    let mut ends = [0; 2];
    // SAFETY: room for the two descriptors that the call makes.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both descriptors are new and nobody else's.
    let (read, write) = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
    std::thread::Builder::new().name("collector".into()).spawn(move || {
        let mut reader = File::from(read);
        let mut some = vec![0; 8000];
        loop {
            std::thread::sleep(Duration::from_millis(120));
            for _ in 0..16 {
                if reader.read(&mut some).is_err() {
                    return;
                }
            }
        }
    })?;
    Ok(File::from(write))
}
