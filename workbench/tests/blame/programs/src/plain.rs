//! HTTP/1.1 without a runtime: one thread for each connection, as services were written once.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Answers every request with what `handle` makes of its path.
pub(crate) fn serve(port: u16, handle: impl Fn(&str) -> String + Send + Sync + 'static) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let handle = Arc::new(handle);
    for (number, socket) in listener.incoming().enumerate() {
        let (socket, handle) = (socket?, Arc::clone(&handle));
        thread::Builder::new().name(format!("client-{number}")).spawn(move || {
            let _ = converse(&socket, &*handle);
        })?;
    }
    Ok(())
}

fn converse(socket: &TcpStream, handle: &dyn Fn(&str) -> String) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut requests = BufReader::new(socket);
    loop {
        let Some(path) = request(&mut requests)? else { return Ok(()) };
        let body = handle(&path);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut writer = socket;
        writer.write_all(answer.as_bytes())?;
    }
}

/// The path of the next request; nothing where the client is gone.
fn request(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut first = String::new();
    if from.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut header = String::new();
    while from.read_line(&mut header)? > 2 {
        header.clear();
    }
    Ok(first.split(' ').nth(1).map(str::to_owned))
}
