//! Freight papers: every call closes a consignment and writes its waybill into the
//! depot's outbox, from where the drivers' printers fetch it.
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;

const PIGEONHOLES: u64 = 64;

struct Item {
    sku: u32,
    pieces: u32,
    grams: u32,
    bay: char,
}

struct Consignment {
    number: u64,
    items: Vec<Item>,
}

struct Depot {
    outbox: PathBuf,
    closed: AtomicU64,
    direct: bool,
}

fn pick_consignment(number: u64) -> Consignment {
    let mut seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let items = (0..800)
        .map(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            Item {
                sku: 10_000 + (seed >> 20) as u32 % 80_000,
                pieces: 1 + (seed >> 8) as u32 % 40,
                grams: 50 + (seed >> 30) as u32 % 9_000,
                bay: (b'A' + (seed % 26) as u8) as char,
            }
        })
        .collect();
    Consignment { number, items }
}

fn gross_weight(c: &Consignment) -> u64 {
    c.items.iter().map(|i| i.pieces as u64 * i.grams as u64).sum()
}

fn heading(out: &mut impl Write, c: &Consignment) -> io::Result<()> {
    writeln!(out, "WAYBILL {:08}", c.number)?;
    writeln!(out, "lines {}, gross {} g", c.items.len(), gross_weight(c))
}

fn write_waybill(mut out: File, c: &Consignment) -> io::Result<()> {
    heading(&mut out, c)?;
    for (n, item) in c.items.iter().enumerate() {
        writeln!(out, "{:>4} | {} | {:>3} x {:>5} g | bay {}", n + 1, item.sku, item.pieces, item.grams, item.bay)?;
        // guilty
    }
    writeln!(out, "-- end of waybill --") // guilty
}

fn write_waybill_buffered(out: File, c: &Consignment) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(48 * 1024, out);
    heading(&mut out, c)?;
    for (n, item) in c.items.iter().enumerate() {
        writeln!(out, "{:>4} | {} | {:>3} x {:>5} g | bay {}", n + 1, item.sku, item.pieces, item.grams, item.bay)?;
    }
    writeln!(out, "-- end of waybill --")?;
    out.flush()
}

impl Depot {
    fn pigeonhole(&self, number: u64) -> PathBuf {
        self.outbox.join(format!("waybill-{:02}.txt", number % PIGEONHOLES))
    }

    fn close_consignment(&self) -> io::Result<String> {
        let number = self.closed.fetch_add(1, Ordering::Relaxed) + 1;
        let consignment = pick_consignment(number);
        let paper = File::create(self.pigeonhole(number))?;
        if self.direct {
            write_waybill(paper, &consignment)?;
        } else {
            write_waybill_buffered(paper, &consignment)?;
        }
        Ok(format!("waybill {number:08} ready, {} g\n", gross_weight(&consignment)))
    }
}

fn wicket(stream: TcpStream, depot: &Depot) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reply = stream.try_clone()?;
    let mut request = BufReader::new(stream).lines();
    while let Some(line) = request.next() {
        if !line?.is_empty() {
            continue;
        }
        let (status, body) = match depot.close_consignment() {
            Ok(body) => ("200 OK", body),
            Err(e) => ("500 Internal Server Error", format!("{e}\n")),
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        reply.write_all(answer.as_bytes())?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let exe = std::env::current_exe().expect("own path");
    let outbox = exe.with_file_name(format!("outbox-{port}"));
    std::fs::create_dir_all(&outbox).expect("outbox");
    let depot = Arc::new(Depot { outbox, closed: AtomicU64::new(0), direct: broken });
    let gate = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for stream in gate.incoming().flatten() {
        let depot = Arc::clone(&depot);
        thread::spawn(move || wicket(stream, &depot));
    }
}
