//! Just enough HTTP/1.1 over std::net: GET with keep-alive.
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

pub struct Request {
    pub path: String,
    pub close: bool,
}

pub struct Conn {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Conn {
    pub fn new(stream: TcpStream) -> io::Result<Conn> {
        stream.set_nodelay(true)?;
        let writer = stream.try_clone()?;
        Ok(Conn { reader: BufReader::new(stream), writer })
    }

    pub fn next(&mut self) -> io::Result<Option<Request>> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let path = line.split(' ').nth(1).unwrap_or("/").to_string();
        let mut close = false;
        loop {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let header = line.trim_end();
            if header.is_empty() {
                return Ok(Some(Request { path, close }));
            }
            if header.eq_ignore_ascii_case("connection: close") {
                close = true;
            }
        }
    }

    pub fn reply(&mut self, status: &str, body: &str) -> io::Result<()> {
        let text =
            format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        self.writer.write_all(text.as_bytes())
    }
}

/// One thread per connection; `handle` turns a path into a body.
pub fn thread_per_connection<F>(port: u16, handle: F)
where
    F: Fn(&str) -> String + Clone + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in listener.incoming().flatten() {
        let handle = handle.clone();
        std::thread::Builder::new()
            .name("conn".into())
            .spawn(move || {
                let Ok(mut conn) = Conn::new(stream) else { return };
                while let Ok(Some(request)) = conn.next() {
                    let body = handle(&request.path);
                    if conn.reply("200 OK", &body).is_err() || request.close {
                        break;
                    }
                }
            })
            .expect("thread");
    }
}
