//! Tide tables from station files on disk: a request names a station, the answer is
//! a summary of its readings. Files are replaced by another process, so they are read afresh.
use crate::web;
use parking_lot::Mutex;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

const STATIONS: usize = 6;
const READINGS: u32 = 15_000;

#[derive(Clone, Copy)]
struct Reading {
    minute: u32,
    level: i16,
    flags: u8,
}

fn write_station(path: &Path, seed: u32) -> io::Result<()> {
    let mut out = Vec::with_capacity(READINGS as usize * 7);
    for minute in 0..READINGS {
        let phase = (minute.wrapping_mul(31) + seed) % 745;
        out.extend_from_slice(&minute.to_le_bytes());
        out.extend_from_slice(&((phase as i16) - 372).to_le_bytes());
        out.push((phase % 3) as u8);
    }
    File::create(path)?.write_all(&out)
}

fn next_reading(from: &mut impl Read) -> io::Result<Option<Reading>> {
    let mut minute = [0u8; 4];
    match from.read_exact(&mut minute) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let (mut level, mut flags) = ([0u8; 2], [0u8; 1]);
    from.read_exact(&mut level)?;
    from.read_exact(&mut flags)?;
    Ok(Some(Reading { minute: u32::from_le_bytes(minute), level: i16::from_le_bytes(level), flags: flags[0] }))
}

fn load_station(path: &Path) -> io::Result<Vec<Reading>> {
    let mut file = File::open(path)?; // guilty
    let mut readings = Vec::with_capacity(READINGS as usize);
    while let Some(reading) = next_reading(&mut file)? {
        readings.push(reading);
    }
    Ok(readings)
}

fn load_station_ok(path: &Path) -> io::Result<Vec<Reading>> {
    let mut file = BufReader::with_capacity(64 * 1024, File::open(path)?);
    let mut readings = Vec::with_capacity(READINGS as usize);
    while let Some(reading) = next_reading(&mut file)? {
        readings.push(reading);
    }
    Ok(readings)
}

fn summarise(readings: &[Reading]) -> String {
    let mut levels: Vec<i16> = readings.iter().filter(|r| r.flags != 2).map(|r| r.level).collect();
    levels.sort_unstable();
    let at = |share: f64| levels[((levels.len() - 1) as f64 * share) as usize];
    let last = readings.last().map(|r| r.minute).unwrap_or(0);
    format!("low {} median {} high {} until {last}\n", at(0.01), at(0.5), at(0.99))
}

pub fn serve(broken: bool, port: u16) {
    let dir = std::env::temp_dir().join(format!("almanac-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("dir");
    let files: Vec<PathBuf> = (0..STATIONS).map(|n| dir.join(format!("station-{n}.bin"))).collect();
    for (n, path) in files.iter().enumerate() {
        write_station(path, n as u32 * 97).expect("station file");
    }
    let files = Arc::new(files);
    let turn = Arc::new(AtomicUsize::new(0));
    let hits = Arc::new(Mutex::new([0u64; STATIONS]));
    web::thread_per_connection(port, move |path| {
        let asked = path.rsplit('/').next().and_then(|s| s.parse::<usize>().ok());
        let station = asked.unwrap_or_else(|| turn.fetch_add(1, Ordering::Relaxed)) % STATIONS;
        hits.lock()[station] += 1;
        let loaded = if broken { load_station(&files[station]) } else { load_station_ok(&files[station]) };
        match loaded {
            Ok(readings) => format!("station {station}: {}", summarise(&readings)),
            Err(e) => format!("station {station}: {e}\n"),
        }
    });
}
