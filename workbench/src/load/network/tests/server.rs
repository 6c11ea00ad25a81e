//! Small servers that behave and misbehave: a thread for every connection.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::load::network::{Endpoint, Protocol};

/// A listening server; its threads end with the test process.
pub(super) struct Server {
    address: SocketAddr,
    request_lines: Arc<Mutex<Vec<String>>>,
}

/// An answer with a length.
pub(super) fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

impl Server {
    /// Answers each request (head, body) with these bytes and waits for the next.
    pub(super) fn start(respond: impl Fn(&str, &[u8]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start_with(move |head, body| (respond(head, body), true))
    }

    /// The same over TLS.
    pub(super) fn secure(
        config: ServerConfig,
        respond: impl Fn(&str, &[u8]) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let request_lines = Arc::new(Mutex::new(Vec::new()));
        let (respond, lines, config) = (Arc::new(respond), Arc::clone(&request_lines), Arc::new(config));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (respond, lines, config) = (Arc::clone(&respond), Arc::clone(&lines), Arc::clone(&config));
                std::thread::spawn(move || {
                    let session = ServerConnection::new(config).unwrap();
                    let mut stream = BufReader::new(StreamOwned::new(session, stream.unwrap()));
                    while let Some((head, body)) = read_request(&mut stream) {
                        lines.lock().unwrap().push(head.lines().next().unwrap().to_owned());
                        if stream.get_mut().write_all(&respond(&head, &body)).is_err() {
                            return;
                        }
                        if head.contains("connection: close") {
                            stream.get_mut().conn.send_close_notify();
                            let _ = stream.get_mut().flush();
                            return;
                        }
                    }
                });
            }
        });
        Self { address, request_lines }
    }

    /// The same; closes the connection where the second part is false.
    pub(super) fn start_with(respond: impl Fn(&str, &[u8]) -> (Vec<u8>, bool) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let request_lines = Arc::new(Mutex::new(Vec::new()));
        let (respond, lines) = (Arc::new(respond), Arc::clone(&request_lines));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (respond, lines) = (Arc::clone(&respond), Arc::clone(&lines));
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream.unwrap());
                    while let Some((head, body)) = read_request(&mut stream) {
                        lines.lock().unwrap().push(head.lines().next().unwrap().to_owned());
                        let (bytes, go_on) = respond(&head, &body);
                        if stream.get_mut().write_all(&bytes).is_err() || !go_on {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, request_lines }
    }

    /// Answers each line with these bytes; closes the connection where the second part is false.
    pub(super) fn of_lines(respond: impl Fn(&str, usize) -> (Vec<u8>, bool) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let request_lines = Arc::new(Mutex::new(Vec::new()));
        let (respond, lines) = (Arc::new(respond), Arc::clone(&request_lines));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (respond, lines) = (Arc::clone(&respond), Arc::clone(&lines));
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream.unwrap());
                    let mut line = String::new();
                    while stream.read_line(&mut line).is_ok_and(|length| length > 0) {
                        let number = lines.lock().unwrap().len();
                        lines.lock().unwrap().push(line.trim_end().to_owned());
                        let (bytes, go_on) = respond(line.trim_end(), number);
                        if stream.get_mut().write_all(&bytes).is_err() || !go_on {
                            return;
                        }
                        line.clear();
                    }
                });
            }
        });
        Self { address, request_lines }
    }

    /// Accepts so many connections, stops listening, and closes each of them on its first request.
    pub(super) fn vanishing(connections: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let streams: Vec<TcpStream> = listener.incoming().take(connections).map(Result::unwrap).collect();
            drop(listener);
            for stream in streams {
                std::thread::spawn(move || read_request(&mut BufReader::new(stream)));
            }
        });
        Self { address, request_lines: Arc::default() }
    }

    pub(super) fn target(&self) -> Endpoint {
        Endpoint::new(self.address)
    }

    /// The same for those that speak in lines.
    pub(super) fn lines(&self) -> Endpoint {
        Endpoint { protocol: Protocol::Lines, ..self.target() }
    }

    /// First lines of the requests so far.
    pub(super) fn request_lines(&self) -> Vec<String> {
        self.request_lines.lock().unwrap().clone()
    }
}

fn read_request(stream: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}
