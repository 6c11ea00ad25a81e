//! Account balance front end. Every balance request is answered from the ledger, a separate
//! service that speaks a small framed protocol over long-lived TCP connections.
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;

const OP_BALANCE: u16 = 7;
const ACCOUNTS: u64 = 5_000;

#[derive(Clone, Copy, PartialEq)]
enum Framing {
    Split,
    Joined,
}

struct Ledger {
    balances: RwLock<HashMap<u64, i64>>,
}

impl Ledger {
    fn open() -> Self {
        let balances = (0..ACCOUNTS).map(|a| (a, (a as i64 * 7919) % 250_000)).collect();
        Ledger { balances: RwLock::new(balances) }
    }

    fn balance(&self, account: u64) -> Option<i64> {
        self.balances.read().unwrap().get(&account).copied()
    }
}

fn ledger_session(stream: TcpStream, ledger: &Ledger) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut header = [0u8; 8];
        reader.read_exact(&mut header)?;
        let op = u16::from_be_bytes([header[0], header[1]]);
        let len = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
        if len > 4096 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too long"));
        }
        let mut payload = vec![0u8; len];
        reader.read_exact(&mut payload)?;
        if op != OP_BALANCE || len < 8 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown frame"));
        }
        let account = u64::from_be_bytes(payload[..8].try_into().unwrap());
        let cents = ledger.balance(account).unwrap_or(i64::MIN);
        let mut reply = [0u8; 16];
        reply[..8].copy_from_slice(&account.to_be_bytes());
        reply[8..].copy_from_slice(&cents.to_be_bytes());
        writer.write_all(&reply)?;
    }
}

fn start_ledger() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let ledger = Arc::new(Ledger::open());
    thread::Builder::new().name("ledger-accept".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let ledger = ledger.clone();
            thread::spawn(move || ledger_session(stream, &ledger));
        }
    })?;
    Ok(addr)
}

struct LedgerClient {
    addr: SocketAddr,
    idle: Mutex<Vec<TcpStream>>,
    framing: Framing,
}

impl LedgerClient {
    fn checkout(&self) -> io::Result<TcpStream> {
        if let Some(conn) = self.idle.lock().unwrap().pop() {
            return Ok(conn);
        }
        TcpStream::connect(self.addr)
    }

    fn checkin(&self, conn: TcpStream) {
        self.idle.lock().unwrap().push(conn);
    }

    fn balance(&self, account: u64, trace: u64) -> io::Result<i64> {
        let mut conn = self.checkout()?;
        let mut payload = [0u8; 48];
        payload[..8].copy_from_slice(&account.to_be_bytes());
        payload[8..16].copy_from_slice(&trace.to_be_bytes());
        let reply = self.exchange(&mut conn, OP_BALANCE, &payload)?;
        self.checkin(conn);
        if reply[..8] != account.to_be_bytes() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "reply out of step"));
        }
        Ok(i64::from_be_bytes(reply[8..].try_into().unwrap()))
    }

    fn exchange(&self, conn: &mut TcpStream, op: u16, payload: &[u8]) -> io::Result<[u8; 16]> {
        let mut header = [0u8; 8];
        header[..2].copy_from_slice(&op.to_be_bytes());
        header[4..].copy_from_slice(&(payload.len() as u32).to_be_bytes());
        match self.framing {
            Framing::Split => {
                conn.write_all(&header)?;
                conn.write_all(payload)?; // guilty
            }
            Framing::Joined => {
                let mut frame = Vec::with_capacity(header.len() + payload.len());
                frame.extend_from_slice(&header);
                frame.extend_from_slice(payload);
                conn.write_all(&frame)?;
            }
        }
        let mut reply = [0u8; 16];
        conn.read_exact(&mut reply)?;
        Ok(reply)
    }
}

fn serve_connection(stream: TcpStream, client: &LedgerClient, requests: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut close = false;
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let field = line.trim_end();
            if field.is_empty() {
                break;
            }
            close |= field.eq_ignore_ascii_case("connection: close");
        }
        let trace = requests.fetch_add(1, Ordering::Relaxed);
        let account = trace.wrapping_mul(2_654_435_761) % ACCOUNTS;
        let (status, body) = match client.balance(account, trace) {
            Ok(cents) => ("200 OK", format!("{{\"account\":{account},\"cents\":{cents}}}\n")),
            Err(e) => ("502 Bad Gateway", format!("{{\"error\":\"{e}\"}}\n")),
        };
        let response = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        writer.write_all(response.as_bytes())?;
        if close {
            return writer.shutdown(Shutdown::Both);
        }
    }
}

pub fn run(broken: bool, port: u16) -> io::Result<()> {
    let framing = if broken { Framing::Split } else { Framing::Joined };
    let client = Arc::new(LedgerClient { addr: start_ledger()?, idle: Mutex::new(Vec::new()), framing });
    let requests = Arc::new(AtomicU64::new(0));
    for stream in TcpListener::bind(("127.0.0.1", port))?.incoming().flatten() {
        let (client, requests) = (client.clone(), requests.clone());
        thread::Builder::new().name("http".into()).spawn(move || {
            let _ = serve_connection(stream, &client, &requests);
        })?;
    }
    Ok(())
}
