//! One connection: one bounded request, one answer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;

use super::host::is_this_machine;
use super::request::{Request, parse};
use super::response::{Response, Status};
use super::routes::Routes;
use super::stop::{Stop, Woken};
use super::symbol;

/// Most bytes of a request line and its headers.
pub const MOST_REQUEST_BYTES: usize = 8 << 10;
/// Most bytes of addresses to look up, the only body that is read: as many as `go tool pprof` sends at once.
const MOST_BODY_BYTES: usize = 256 << 10;
/// Time in which a request must have arrived whole.
pub const REQUEST_TIME: Duration = Duration::from_secs(5);
/// Where addresses are looked up.
const SYMBOL: &str = "/debug/pprof/symbol";
/// Time for the client to take each part of the answer.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// Most bytes that are read and thrown away behind an answer, so that the client sees the answer and no reset.
const MOST_LEFTOVER_BYTES: usize = 256 << 10;
/// Time for the client to close after the answer.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// A client, and when to stop serving it.
pub(super) struct Connection<'a> {
    pub(super) stream: &'a TcpStream,
    pub(super) stop: &'a Stop,
}

/// A request, and what came behind its head.
struct Arrived {
    request: Request,
    rest: Vec<u8>,
}

/// Serves one request. Errors of the connection end it and concern nobody else.
pub(super) fn serve(stream: &TcpStream, routes: &Routes, stop: &Stop) -> io::Result<()> {
    let connection = Connection { stream, stop };
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(WRITE_TIME))?;
    let (response, with_body) = match connection.request()? {
        Some(Ok(Arrived { request, rest })) => (connection.answer(&request, rest, routes)?, request.method != "HEAD"),
        Some(Err(refusal)) => (refusal, true),
        // Nobody there any more.
        None => return Ok(()),
    };
    (&*stream).write_all(&response.to_bytes(with_body))?;
    connection.close()
}

impl Connection<'_> {
    /// Waits for `duration`.
    ///
    /// # Errors
    /// The client hung up or the server is ending: nobody waits for an answer.
    pub(super) fn wait(&self, duration: Duration) -> io::Result<()> {
        // Not POLLIN: bytes that a client sends early are no reason to wake.
        let hung_up = PollFlags::from_bits_retain(libc::POLLRDHUP);
        match self.stop.wait(Some((self.stream.as_fd(), hung_up)), Some(Instant::now() + duration))? {
            Woken::Deadline => Ok(()),
            Woken::Event => Err(ErrorKind::ConnectionAborted.into()),
            Woken::Stopped => Err(ErrorKind::Interrupted.into()),
        }
    }

    /// `rest` is what came behind the head.
    fn answer(&self, request: &Request, rest: Vec<u8>, routes: &Routes) -> io::Result<Response> {
        let reached = self.stream.local_addr()?.ip();
        if let Some(host) = request.host.as_deref().filter(|host| !is_this_machine(host, reached)) {
            let reason = format!("`{host}` is not a name of this machine: use localhost, 127.0.0.1 or [::1]");
            return Ok(Response::refusal(Status::Forbidden, reason));
        }
        if request.method == "POST" && request.path == SYMBOL {
            return self.looked_up(request, rest);
        }
        if !["GET", "HEAD"].contains(&request.method.as_str()) {
            return Ok(Response::refusal(
                Status::MethodNotAllowed,
                "only GET and HEAD are answered here, and POST to /debug/pprof/symbol",
            ));
        }
        routes.answer(request, self)
    }

    /// The functions at the addresses of the body, of which `body` has come already.
    fn looked_up(&self, request: &Request, mut body: Vec<u8>) -> io::Result<Response> {
        if request.body_bytes > MOST_BODY_BYTES {
            let reason = format!("more than {MOST_BODY_BYTES} bytes of addresses: ask for fewer at a time");
            return Ok(Response::refusal(Status::BadRequest, reason));
        }
        let deadline = Instant::now() + REQUEST_TIME;
        while body.len() < request.body_bytes {
            match self.stop.wait(Some((self.stream.as_fd(), PollFlags::POLLIN)), Some(deadline))? {
                Woken::Event => {}
                Woken::Stopped => return Err(ErrorKind::Interrupted.into()),
                Woken::Deadline => {
                    let reason = format!("no whole body within {} s", REQUEST_TIME.as_secs());
                    return Ok(Response::refusal(Status::RequestTimeout, reason));
                }
            }
            let mut part = [0; 4096];
            match (&*self.stream).read(&mut part) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => body.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        body.truncate(request.body_bytes);
        Ok(symbol::answer(&String::from_utf8_lossy(&body)))
    }

    /// The request, a refusal of it, or nothing where the client left.
    fn request(&self) -> io::Result<Option<Result<Arrived, Response>>> {
        let deadline = Instant::now() + REQUEST_TIME;
        let mut head = Vec::new();
        loop {
            match self.stop.wait(Some((self.stream.as_fd(), PollFlags::POLLIN)), Some(deadline))? {
                Woken::Event => {}
                Woken::Stopped => return Ok(None),
                Woken::Deadline => {
                    let reason = format!("no whole request within {} s", REQUEST_TIME.as_secs());
                    return Ok(Some(Err(Response::refusal(Status::RequestTimeout, reason))));
                }
            }
            let mut part = [0; 1024];
            let room = part.len().min(MOST_REQUEST_BYTES - head.len());
            match (&*self.stream).read(&mut part[..room]) {
                Ok(0) => return Ok(None),
                Ok(count) => head.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            match parse(&head) {
                Ok(Some(request)) => {
                    let rest = head.split_off(request.head_bytes);
                    return Ok(Some(Ok(Arrived { request, rest })));
                }
                Ok(None) if head.len() < MOST_REQUEST_BYTES => {}
                Ok(None) => {
                    let reason = format!("more than {MOST_REQUEST_BYTES} bytes of request line and headers");
                    return Ok(Some(Err(Response::refusal(Status::HeadTooLarge, reason))));
                }
                Err(error) => return Ok(Some(Err(Response::refusal(Status::BadRequest, error)))),
            }
        }
    }

    /// Ends the answer, then waits for the client's end: closing a socket with unread bytes resets it, and the client
    /// may lose an answer that it has not read yet.
    fn close(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let deadline = Instant::now() + CLOSE_TIME;
        let mut left = MOST_LEFTOVER_BYTES;
        let mut part = [0; 4096];
        while left > 0
            && self.stop.wait(Some((self.stream.as_fd(), PollFlags::POLLIN)), Some(deadline))? == Woken::Event
        {
            match (&*self.stream).read(&mut part)? {
                0 => break,
                count => left = left.saturating_sub(count),
            }
        }
        Ok(())
    }
}
