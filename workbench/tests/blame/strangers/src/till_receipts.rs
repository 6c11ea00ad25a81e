//! Shop tills: every sale is signed by a fiscal unit that speaks a line protocol over TCP.
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

struct Shop {
    unit: SocketAddr,
    receipts: AtomicU32,
    broken: bool,
}

/// A till lane's own line to the fiscal unit.
struct Lane {
    unit: TcpStream,
    broken: bool,
}

impl Lane {
    fn open(shop: &Shop) -> io::Result<Lane> {
        let unit = TcpStream::connect(shop.unit)?;
        unit.set_nodelay(true)?;
        let patience = if shop.broken { 30 } else { 2000 };
        unit.set_read_timeout(Some(Duration::from_millis(patience)))?;
        Ok(Lane { unit, broken: shop.broken })
    }

    fn sign(&mut self, number: u32, cents: u32) -> io::Result<String> {
        let command = format!("SIGN {number:08} {cents}\r\n");
        self.unit.write_all(command.as_bytes())?;
        let reply = if self.broken { self.read_reply()? } else { self.read_to_end_mark()? };
        Ok(signature_of(&reply))
    }

    /// A reply has a varying number of lines; it is over when the unit has nothing more to say.
    fn read_reply(&mut self) -> io::Result<Vec<u8>> {
        let mut reply = Vec::new();
        let mut chunk = [0u8; 512];
        loop {
            match self.unit.read(&mut chunk) {
                // guilty
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => reply.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    if !reply.is_empty() {
                        return Ok(reply);
                    }
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn read_to_end_mark(&mut self) -> io::Result<Vec<u8>> {
        let mut reply = Vec::new();
        let mut chunk = [0u8; 512];
        while !reply.ends_with(b"END\r\n") {
            let n = self.unit.read(&mut chunk)?;
            if n == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            reply.extend_from_slice(&chunk[..n]);
        }
        Ok(reply)
    }
}

fn signature_of(reply: &[u8]) -> String {
    let text = String::from_utf8_lossy(reply);
    text.lines().find_map(|l| l.strip_prefix("SIG ")).unwrap_or("unsigned").to_string()
}

/// Stand-in for the fiscal unit in the back office.
fn fiscal_unit(line: TcpStream) -> io::Result<()> {
    line.set_nodelay(true)?;
    let mut out = line.try_clone()?;
    let mut chain: u64 = 0xcbf29ce484222325;
    for command in BufReader::new(line).lines() {
        for b in command?.bytes() {
            chain = (chain ^ b as u64).wrapping_mul(0x100000001b3);
        }
        let warning = if chain % 9 == 0 { "WARN paper low\r\n" } else { "" };
        out.write_all(format!("OK\r\n{warning}SIG {chain:016x}\r\nEND\r\n").as_bytes())?;
    }
    Ok(())
}

fn ring_up(number: u32) -> (u32, u32) {
    let items = 1 + number % 7;
    let cents = (0..items).map(|i| 99 + (number.wrapping_mul(31) + i * 57) % 1200).sum();
    (items, cents)
}

fn till(conn: TcpStream, shop: &Shop) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut lane = Lane::open(shop)?;
    let mut customer = BufReader::new(conn.try_clone()?);
    let mut printer = conn;
    let mut line = String::new();
    loop {
        line.clear();
        if customer.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if !line.trim().is_empty() {
            continue;
        }
        let number = shop.receipts.fetch_add(1, Ordering::Relaxed);
        let (items, cents) = ring_up(number);
        let body = format!("receipt {number}: {items} items, {cents} cents, {}\n", lane.sign(number, cents)?);
        let page = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
        printer.write_all(page.as_bytes())?;
    }
}

pub fn run(broken: bool, port: u16) {
    let back_office = TcpListener::bind("127.0.0.1:0").unwrap();
    let shop = Arc::new(Shop { unit: back_office.local_addr().unwrap(), receipts: AtomicU32::new(1), broken });
    thread::spawn(move || {
        for line in back_office.incoming().flatten() {
            thread::spawn(move || fiscal_unit(line));
        }
    });
    for conn in TcpListener::bind(("127.0.0.1", port)).unwrap().incoming().flatten() {
        let shop = shop.clone();
        thread::spawn(move || till(conn, &shop));
    }
}
