//! Offer pages: the list price comes from our own table, availability from the vendor.
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Clone, Copy)]
struct Price {
    cents: u32,
    vat_permille: u32,
}

struct Vendor {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Vendor {
    fn dial(addr: SocketAddr) -> Result<Vendor> {
        let writer = TcpStream::connect(addr)?;
        writer.set_nodelay(true)?;
        Ok(Vendor { reader: BufReader::new(writer.try_clone()?), writer })
    }

    fn availability(&mut self, sku: u32) -> Result<u32> {
        self.writer.write_all(format!("AVAIL {sku}\n").as_bytes())?;
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        Ok(line.trim().parse().unwrap_or(0))
    }
}

struct Catalog {
    prices: Mutex<HashMap<u32, Price>>,
    hits: AtomicU32,
}

impl Catalog {
    fn load() -> Catalog {
        let prices = (0..4000).map(|sku| {
            (sku, Price { cents: 199 + sku * 17 % 9000, vat_permille: if sku % 5 == 0 { 70 } else { 190 } })
        });
        Catalog { prices: Mutex::new(prices.collect()), hits: AtomicU32::new(0) }
    }

    fn next_sku(&self) -> u32 {
        self.hits.fetch_add(1, Ordering::Relaxed).wrapping_mul(2654435761) % 4100
    }

    fn price_of(&self, sku: u32) -> Option<Price> {
        self.prices.lock().unwrap().get(&sku).copied()
    }

    fn offer_copied(&self, sku: u32, vendor: &mut Vendor) -> Result<String> {
        let price = self.price_of(sku);
        match price {
            Some(price) => {
                let left = vendor.availability(sku)?;
                Ok(offer_text(sku, price, left))
            }
            None => Ok(unlisted(sku)),
        }
    }

    fn offer(&self, sku: u32, vendor: &mut Vendor) -> Result<String> {
        match self.prices.lock().unwrap().get(&sku) {
            // guilty
            Some(price) => {
                let left = vendor.availability(sku)?; // guilty
                Ok(offer_text(sku, *price, left))
            }
            None => Ok(unlisted(sku)),
        }
    }
}

fn offer_text(sku: u32, price: Price, left: u32) -> String {
    let gross = price.cents + price.cents * price.vat_permille / 1000;
    let note = match left {
        0 => "sold out".to_string(),
        1..=5 => format!("only {left} left"),
        _ => "in stock".to_string(),
    };
    format!("offer {sku}: {}.{:02} EUR, {note}\n", gross / 100, gross % 100)
}

fn unlisted(sku: u32) -> String {
    format!("offer {sku}: not listed\n")
}

/// Stand-in for the vendor's own API, which needs about five milliseconds per question.
fn vendor_session(conn: TcpStream) -> Result<()> {
    conn.set_nodelay(true)?;
    let mut writer = conn.try_clone()?;
    for line in BufReader::new(conn).lines() {
        let line = line?;
        let sku: u32 = line.trim_start_matches("AVAIL ").parse().unwrap_or(0);
        thread::sleep(Duration::from_millis(5));
        writer.write_all(format!("{}\n", sku * 7 % 23).as_bytes())?;
    }
    Ok(())
}

fn start_vendor() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("vendor");
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for conn in listener.incoming().flatten() {
            thread::spawn(move || vendor_session(conn));
        }
    });
    addr
}

fn serve(conn: TcpStream, catalog: &Catalog, vendor_addr: SocketAddr, broken: bool) -> Result<()> {
    conn.set_nodelay(true)?;
    let mut vendor = Vendor::dial(vendor_addr)?;
    let mut out = conn.try_clone()?;
    for line in BufReader::new(conn).lines() {
        if !line?.is_empty() {
            continue;
        }
        let sku = catalog.next_sku();
        let body = if broken { catalog.offer(sku, &mut vendor)? } else { catalog.offer_copied(sku, &mut vendor)? };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        out.write_all((head + &body).as_bytes())?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let vendor_addr = start_vendor();
    let catalog = Arc::new(Catalog::load());
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for conn in listener.incoming().flatten() {
        let catalog = catalog.clone();
        thread::spawn(move || serve(conn, &catalog, vendor_addr, broken));
    }
}
