//! A million samples to a picture: our recorder against `perf record`, then
//! `perf script | inferno-collapse-perf | inferno-flamegraph`, over the same running program.
//!
//! `cargo bench -p flamegraphs --features capture --bench million`; `SAMPLES=100000` for a shorter look. The program runs
//! all the time, and the two watch it in turn. What counts is what they cost beside it: CPU, peak memory, disk, and how
//! long one waits for the picture once recording has ended.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod cost;
mod ours;
mod peers;
mod subject;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use cost::Cost;

/// Who watches; perf and inferno where there is no mode.
const WATCHERS: [(Option<&str>, &str); 3] =
    [(None, "perf, inferno"), (Some("pointers"), "ours, frame pointers"), (Some("unwinding"), "ours, 32 KiB of stack")];

/// Samples a second of CPU of a thread. Far beyond what anybody should ask for, so that a million come together soon.
const HZ: u32 = 19_997;
const MODE: &str = "MILLION_MODE";

fn main() {
    match std::env::var(MODE).as_deref() {
        Ok("subject") => return subject::run(),
        Ok(mode) => return ours::run(mode),
        Err(_) => {}
    }
    let wanted: u64 = std::env::var("SAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let seconds = wanted as f64 / f64::from(HZ) / f64::from(subject::THREADS);
    let folder = std::env::temp_dir().join(format!("million-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let program = Watched(again("subject").stdout(Stdio::null()).spawn().expect("this program, once more"));
    println!("{wanted} samples wanted: {seconds:.1} s of {} threads at {HZ} Hz\n", subject::THREADS);
    println!("{}", Cost::HEADING);
    for round in 1..=2 {
        let mut costs = Vec::new();
        // Who is first in one round is last in the next; ratios are to perf's and inferno's of the same round.
        let mut order = WATCHERS;
        if round == 2 {
            order.reverse();
        }
        for (mode, name) in order {
            let cost = match mode {
                None => peers::run(program.0.id(), seconds, &folder),
                Some(mode) => ours::watch(mode, program.0.id(), seconds, &folder),
            };
            match cost {
                Ok(cost) => costs.push((mode, name, cost)),
                Err(missing) => println!("{name}: skipped: {missing}"),
            }
        }
        let reference = costs.iter().find(|(mode, ..)| mode.is_none()).map(|(.., cost)| cost.clone());
        for (mode, name, cost) in &costs {
            println!("{}", cost.line(name, reference.as_ref().filter(|_| mode.is_some())));
        }
    }
    println!("\nRatios are ours ÷ perf's and inferno's of the same round; CPU by sample.");
    drop(program);
    let _ = std::fs::remove_dir_all(&folder);
}

/// This very program in another role.
fn again(mode: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.env(MODE, mode);
    command
}

/// Ends with the bench.
struct Watched(Child);

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Bytes of a file that may not be there.
fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
