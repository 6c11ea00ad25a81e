//! Parcel desk: customers ask where a parcel is; in the background each carrier is told about its pending parcels.
//! Parcels live in a fixed-record file; handles to it come from a small pool.
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

const RECORD: usize = 64;
const PARCELS: usize = 2000;
const PAGE: usize = 6;
const CARRIERS: usize = 3;

struct Pool {
    free: Mutex<Vec<File>>,
    returned: Condvar,
}

struct Lease<'a> {
    pool: &'a Pool,
    file: Option<File>,
}

impl Pool {
    fn checkout(&self) -> Lease<'_> {
        let mut free = self.free.lock().unwrap();
        while free.is_empty() {
            free = self.returned.wait(free).unwrap();
        }
        Lease { pool: self, file: free.pop() }
    }
}

impl Lease<'_> {
    fn record(&self, slot: usize) -> io::Result<String> {
        let mut raw = [0u8; RECORD];
        self.file.as_ref().unwrap().read_exact_at(&mut raw, (slot % PARCELS * RECORD) as u64)?;
        Ok(String::from_utf8_lossy(&raw).trim_end().to_string())
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pool.free.lock().unwrap().extend(self.file.take());
        self.pool.returned.notify_one();
    }
}

fn create_store(port: u16) -> io::Result<Pool> {
    let path = std::env::current_exe()?.with_file_name(format!("parcels-{port}.dat"));
    let mut image = String::with_capacity(PARCELS * RECORD);
    for i in 0..PARCELS {
        let row = format!("P{i:06} carrier={} depot={} kg={}", i % CARRIERS, i * 31 % 17, 1 + i % 29);
        image.push_str(&format!("{row:<64}"));
    }
    std::fs::write(&path, image)?;
    let handles = vec![File::open(&path)?, File::open(&path)?];
    Ok(Pool { free: Mutex::new(handles), returned: Condvar::new() })
}

/// Stand-in for the carriers' gateway: acknowledges each announcement after its round trip.
fn carrier_gateway() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        for link in listener.incoming().flatten() {
            thread::spawn(move || -> io::Result<()> {
                let mut out = link.try_clone()?;
                out.set_nodelay(true)?;
                for line in BufReader::new(link).lines() {
                    line?;
                    thread::sleep(Duration::from_millis(8));
                    out.write_all(b"ACK\n")?;
                }
                Ok(())
            });
        }
    });
    Ok(addr)
}

struct Carrier {
    link: BufReader<TcpStream>,
    no: usize,
    cursor: usize,
}

impl Carrier {
    fn announce(&mut self, parcel: &str) -> io::Result<usize> {
        self.link.get_mut().write_all(format!("ANNOUNCE {parcel}\n").as_bytes())?;
        let mut ack = String::new();
        self.link.read_line(&mut ack)?;
        Ok((ack.trim() == "ACK") as usize)
    }

    fn next_slot(&mut self) -> usize {
        self.cursor += 1;
        self.cursor * CARRIERS + self.no
    }
}

fn push_page(pool: &Pool, carrier: &mut Carrier) -> io::Result<usize> {
    let store = pool.checkout(); // guilty
    let mut acked = 0;
    for _ in 0..PAGE {
        let parcel = store.record(carrier.next_slot())?;
        acked += carrier.announce(&parcel)?; // guilty
    }
    Ok(acked)
}

fn push_copied_page(pool: &Pool, carrier: &mut Carrier) -> io::Result<usize> {
    let mut page = Vec::with_capacity(PAGE);
    {
        let store = pool.checkout();
        for _ in 0..PAGE {
            page.push(store.record(carrier.next_slot())?);
        }
    }
    page.iter().map(|parcel| carrier.announce(parcel)).sum()
}

fn sync_carrier(
    broken: bool,
    pool: Arc<Pool>,
    gateway: SocketAddr,
    no: usize,
    total: Arc<AtomicUsize>,
) -> io::Result<()> {
    let link = TcpStream::connect(gateway)?;
    link.set_nodelay(true)?;
    let mut carrier = Carrier { link: BufReader::new(link), no, cursor: 0 };
    loop {
        let acked = if broken { push_page(&pool, &mut carrier)? } else { push_copied_page(&pool, &mut carrier)? };
        total.fetch_add(acked, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(30 + 11 * no as u64));
    }
}

fn counter(pool: Arc<Pool>, announced: Arc<AtomicUsize>, mut conn: TcpStream, seat: usize) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut asked = seat * 131;
    for line in BufReader::new(conn.try_clone()?).lines() {
        if line?.is_empty() {
            asked += 7;
            let parcel = pool.checkout().record(asked)?;
            let body = format!("{parcel}\nannounced so far: {}\n", announced.load(Ordering::Relaxed));
            conn.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        }
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) -> io::Result<()> {
    let (pool, announced, gateway) = (Arc::new(create_store(port)?), Arc::new(AtomicUsize::new(0)), carrier_gateway()?);
    for no in 0..CARRIERS {
        let (pool, announced) = (pool.clone(), announced.clone());
        thread::spawn(move || sync_carrier(broken, pool, gateway, no, announced));
    }
    for (seat, conn) in TcpListener::bind(("127.0.0.1", port))?.incoming().flatten().enumerate() {
        let (pool, announced) = (pool.clone(), announced.clone());
        thread::spawn(move || counter(pool, announced, conn, seat));
    }
    Ok(())
}
