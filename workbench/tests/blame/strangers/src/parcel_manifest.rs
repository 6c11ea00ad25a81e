//! Parcel depot: before a van leaves, its manifest is put into the print spool as a sheet with
//! fixed columns, and the driver gets the sums.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Mutex};
use std::thread;

const VANS: usize = 32;
const PARCELS_PER_VAN: usize = 600;
const CLERKS: usize = 64;

struct Parcel {
    code: u32,
    street: &'static str,
    house: u32,
    grams: u32,
    insured: Option<u32>,
}

struct Depot {
    spool: PathBuf,
    vans: Vec<Vec<Parcel>>,
    departures: AtomicUsize,
    plain_files: bool,
}

impl Depot {
    fn new(plain_files: bool) -> io::Result<Depot> {
        let spool = std::env::current_exe()?.with_file_name(format!("spool-{}", std::process::id()));
        fs::create_dir_all(&spool)?;
        let vans = (0..VANS).map(load_van).collect();
        Ok(Depot { spool, vans, departures: AtomicUsize::new(0), plain_files })
    }

    fn sheet_path(&self, departure: usize) -> PathBuf {
        self.spool.join(format!("sheet-{:02}.txt", departure % 64))
    }

    fn print_sheet(&self, departure: usize, van: &[Parcel]) -> io::Result<()> {
        let mut sheet = File::create(self.sheet_path(departure))?;
        for (stop, p) in van.iter().enumerate() {
            write!(sheet, "{:>4} {:<16} {:>5}", stop + 1, p.street, p.house)?; // guilty
            writeln!(sheet, " {:08} {:>7} {:>6}", p.code, p.grams, p.insured.unwrap_or(0))?;
            // guilty
        }
        sheet.flush()
    }

    fn print_sheet_at_once(&self, departure: usize, van: &[Parcel]) -> io::Result<()> {
        let mut sheet = BufWriter::new(File::create(self.sheet_path(departure))?);
        for (stop, p) in van.iter().enumerate() {
            write!(sheet, "{:>4} {:<16} {:>5}", stop + 1, p.street, p.house)?;
            writeln!(sheet, " {:08} {:>7} {:>6}", p.code, p.grams, p.insured.unwrap_or(0))?;
        }
        sheet.flush()
    }

    fn depart(&self) -> io::Result<String> {
        let departure = self.departures.fetch_add(1, Ordering::Relaxed);
        let van = &self.vans[departure % VANS];
        if self.plain_files {
            self.print_sheet(departure, van)?;
        } else {
            self.print_sheet_at_once(departure, van)?;
        }
        let grams: u32 = van.iter().map(|p| p.grams).sum();
        let insured: u32 = van.iter().filter_map(|p| p.insured).sum();
        Ok(format!("van {}: {} parcels, {} kg, insured for {}\n", departure % VANS, van.len(), grams / 1000, insured))
    }
}

fn load_van(van: usize) -> Vec<Parcel> {
    const STREETS: [&str; 6] = ["Canal Row", "Mill Lane", "Station Road", "Foundry Street", "Quayside", "Chapel Hill"];
    let mut parcels: Vec<Parcel> = (0..PARCELS_PER_VAN)
        .map(|i| {
            let code = ((van * PARCELS_PER_VAN + i) as u32).wrapping_mul(2_654_435_761) % 100_000_000;
            let insured = (code % 5 == 0).then_some(100 + code % 900);
            Parcel {
                code,
                street: STREETS[code as usize % 6],
                house: 1 + code % 180,
                grams: 200 + code % 9_000,
                insured,
            }
        })
        .collect();
    parcels.sort_by_key(|p| (p.street, p.house));
    parcels
}

fn gate(depot: &Depot, mut driver: TcpStream) -> io::Result<()> {
    driver.set_nodelay(true)?;
    for line in BufReader::new(driver.try_clone()?).lines() {
        if line?.is_empty() {
            let slip = depot.depart()?;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}",
                slip.len(),
                slip
            );
            driver.write_all(answer.as_bytes())?;
        }
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let depot = Depot::new(broken).expect("spool");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    let (arrivals, waiting) = mpsc::channel::<TcpStream>();
    let waiting = Mutex::new(waiting);
    thread::scope(|s| {
        for _ in 0..CLERKS {
            s.spawn(|| loop {
                let driver = waiting.lock().unwrap().recv();
                match driver {
                    Ok(driver) => drop(gate(&depot, driver)),
                    Err(_) => return,
                }
            });
        }
        for driver in listener.incoming().flatten() {
            let _ = arrivals.send(driver);
        }
    });
}
