//! Threads only: head and body are formatted straight into a socket that waits for acknowledgements.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use crate::Twin;

struct Reply<'a> {
    kind: &'a str,
    body: String,
}

impl Reply<'_> {
    fn put<W: Write>(&self, out: &mut W) -> io::Result<()> {
        write!(out, "HTTP/1.1 200 OK\r\ncontent-type: {}\r\n", self.kind)?; // guilty
        write!(out, "content-length: {}\r\n\r\n{}", self.body.len(), self.body)
    }
}

fn converse(socket: TcpStream, twin: Twin) -> io::Result<()> {
    let mut out = socket.try_clone()?;
    let mut lines = BufReader::new(socket);
    let (mut line, mut number) = (String::new(), 0_u64);
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            number += 1;
            let reply = Reply { kind: "text/plain", body: format!("reply {number}") };
            match twin {
                Twin::Broken => reply.put(&mut out)?, // guilty
                Twin::Healthy => {
                    let mut whole = Vec::new();
                    reply.put(&mut whole)?;
                    out.write_all(&whole)?;
                }
            }
        }
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    for socket in TcpListener::bind(("127.0.0.1", port))?.incoming() {
        let socket = socket?;
        std::thread::spawn(move || converse(socket, twin));
    }
    Ok(())
}
