//! Threads that print labels one at a time: the first asks a printer that is switched off and never says that it is done, while
//! it has the printer to itself; all others wait for their turn.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::Twin;
use crate::plain::serve;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let (near, far) = UnixStream::pair()?;
    thread::Builder::new().name("printer".into()).spawn(move || {
        let _ = print(&far, twin);
    })?;
    let printer = Arc::new(Mutex::new(near));
    serve(port, move |path| {
        let label = path.len();
        label_of(&printer, label).unwrap_or_else(|error| error.to_string())
    })
}

/// The device: one that is off takes what it is sent.
fn print(mut cable: &UnixStream, twin: Twin) -> io::Result<()> {
    let mut job = [0; 8];
    loop {
        cable.read_exact(&mut job)?;
        if twin == Twin::Healthy {
            cable.write_all(&job)?;
        }
    }
}

#[inline(never)]
fn label_of(printer: &Mutex<UnixStream>, label: usize) -> io::Result<String> {
    let printer = printer.lock().expect("nobody panics");
    let done = print_and_wait(&printer, label)?;
    Ok(format!("label {done}"))
}

#[inline(never)]
fn print_and_wait(mut printer: &UnixStream, label: usize) -> io::Result<u64> {
    printer.write_all(&label.to_le_bytes())?;
    let mut done = [0; 8];
    printer.read_exact(&mut done)?; // guilty
    Ok(u64::from_le_bytes(done))
}
