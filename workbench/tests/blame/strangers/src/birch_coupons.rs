//! Coupon desk: validates a coupon code against the promotions service over pooled connections.
//! The promotions service closes a connection after a fixed number of lookups.
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const LOOKUPS_PER_CONNECTION: usize = 12;
const MAX_ATTEMPTS: u32 = 6;
const BASE_BACKOFF: Duration = Duration::from_millis(80);

fn promotions_session(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    for _ in 0..LOOKUPS_PER_CONNECTION {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let code: u64 = line.trim_end().trim_start_matches("LOOKUP ").parse().unwrap_or(0);
        let percent = 5 + code % 30;
        writer.write_all(format!("OK {percent}\n").as_bytes())?;
    }
    Ok(())
}

fn start_promotions() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::Builder::new().name("promotions".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || promotions_session(stream));
        }
    })?;
    Ok(addr)
}

struct PooledConn {
    reader: BufReader<TcpStream>,
    reused: bool,
}

struct PromotionsClient {
    addr: SocketAddr,
    idle: Mutex<Vec<PooledConn>>,
    redial_at_once: bool,
    retries: AtomicU64,
}

impl PromotionsClient {
    fn checkout(&self) -> io::Result<PooledConn> {
        if let Some(conn) = self.idle.lock().unwrap().pop() {
            return Ok(conn);
        }
        let stream = TcpStream::connect(self.addr)?;
        stream.set_nodelay(true)?;
        Ok(PooledConn { reader: BufReader::new(stream), reused: false })
    }

    fn checkin(&self, mut conn: PooledConn) {
        conn.reused = true;
        self.idle.lock().unwrap().push(conn);
    }

    fn exchange(conn: &mut PooledConn, code: u64) -> io::Result<u64> {
        conn.reader.get_mut().write_all(format!("LOOKUP {code}\n").as_bytes())?;
        let mut reply = String::new();
        if conn.reader.read_line(&mut reply)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reply
            .trim_end()
            .strip_prefix("OK ")
            .and_then(|p| p.parse().ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "bad reply"))
    }

    fn discount(&self, code: u64) -> io::Result<u64> {
        let mut attempt = 0;
        loop {
            let mut conn = self.checkout()?;
            let err = match Self::exchange(&mut conn, code) {
                Ok(percent) => {
                    self.checkin(conn);
                    return Ok(percent);
                }
                Err(e) => e,
            };
            self.retries.fetch_add(1, Ordering::Relaxed);
            if self.redial_at_once && conn.reused {
                continue;
            }
            attempt += 1;
            if attempt == MAX_ATTEMPTS {
                return Err(err);
            }
            thread::sleep(BASE_BACKOFF * 2u32.pow(attempt - 1)); // guilty
        }
    }
}

struct Request {
    close: bool,
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut close = false;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let field = line.trim_end();
        if field.is_empty() {
            return Ok(Some(Request { close }));
        }
        close |= field.eq_ignore_ascii_case("connection: close");
    }
}

fn serve_connection(stream: TcpStream, promotions: &PromotionsClient, served: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader)? {
        let code = 100_000 + served.fetch_add(1, Ordering::Relaxed);
        let (status, body) = match promotions.discount(code) {
            Ok(percent) => ("200 OK", format!("{{\"code\":{code},\"percent\":{percent}}}\n")),
            Err(e) => ("503 Service Unavailable", format!("{{\"error\":\"{e}\"}}\n")),
        };
        let response = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        writer.write_all(response.as_bytes())?;
        if request.close {
            break;
        }
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) -> io::Result<()> {
    let promotions = Arc::new(PromotionsClient {
        addr: start_promotions()?,
        idle: Mutex::new(Vec::new()),
        redial_at_once: !broken,
        retries: AtomicU64::new(0),
    });
    let served = Arc::new(AtomicU64::new(0));
    for stream in TcpListener::bind(("127.0.0.1", port))?.incoming().flatten() {
        let (promotions, served) = (promotions.clone(), served.clone());
        thread::Builder::new().name("desk".into()).spawn(move || {
            let _ = serve_connection(stream, &promotions, &served);
        })?;
    }
    Ok(())
}
