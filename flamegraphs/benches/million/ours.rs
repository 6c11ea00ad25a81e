//! Our recorder, profile and picture, in a process of its own so that its memory can be told.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use flamegraphs::capture::{Options, Recorder};
use flamegraphs::{names, svg, write};

use super::cost::{Cost, reap};
use super::{HZ, again, size};

const PID: &str = "MILLION_PID";
const SECONDS: &str = "MILLION_SECONDS";
const PICTURE: &str = "MILLION_PICTURE";

/// Watches the program from another process.
pub(crate) fn watch(mode: &str, pid: u32, seconds: f64, folder: &Path) -> Result<Cost, String> {
    let picture = folder.join(format!("{mode}.svg"));
    let mut child = again(mode)
        .env(PID, pid.to_string())
        .env(SECONDS, seconds.to_string())
        .env(PICTURE, &picture)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let out = child.stdout.take().ok_or("no output")?;
    let told = std::io::read_to_string(out).map_err(|error| error.to_string())?;
    let (cpu_s, peak_kib) = reap(child).map_err(|error| format!("{error}: {told}"))?;
    let mut fields = told.split_whitespace();
    let mut next = || fields.next().ok_or_else(|| told.clone());
    let number = |text: &str| text.parse::<f64>().map_err(|error| error.to_string());
    let (samples, lost, wait_s) = (number(next()?)?, number(next()?)?, number(next()?)?);
    let disk = size(&picture.with_extension("pb.gz"));
    Ok(Cost {
        samples: samples as u64,
        cpu_s,
        wait_s,
        peak_kib,
        disk,
        picture: size(&picture),
        lost: Some(lost as u64),
    })
}

/// The other process.
pub(crate) fn run(mode: &str) {
    let variable = |name: &str| std::env::var(name).expect("set by the bench");
    let pid: u32 = variable(PID).parse().expect("a process");
    let seconds: f64 = variable(SECONDS).parse().expect("seconds");
    let stack_bytes = if mode == "pointers" { 0 } else { Options::default().stack_bytes };
    let options = Options { hz: HZ, stack_bytes, switches: false, ..Options::default() };
    let mut recorder = Recorder::attach(pid, &options).unwrap_or_else(|error| panic!("{error}"));
    recorder.start(&[pid]).unwrap_or_else(|error| panic!("{error}"));
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let began = Instant::now();
    let recording = recorder.stop().unwrap_or_else(|error| panic!("{error}"));
    let profile = recording.profile(&[]).expect("a recording that holds together");
    let picture = std::path::PathBuf::from(variable(PICTURE));
    std::fs::write(picture.with_extension("pb.gz"), write::pprof(&profile)).expect("a file");
    let stacks = names::fold(&profile, 0, &names::Options::default()).expect("samples");
    let drawn = svg::render(&stacks, &svg::Options::default()).expect("a picture");
    std::fs::write(&picture, drawn).expect("a file");
    println!("{} {} {}", recording.samples(), recording.lost, began.elapsed().as_secs_f64());
}
