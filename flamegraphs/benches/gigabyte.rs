//! A recording that copies a gigabyte of stacks, nearly every one of them new: peak memory with the limits of
//! `flamegraphs::capture::Limits`, and without, of one subject, in turns.
//!
//! `cargo bench -p flamegraphs --features capture --bench gigabyte`; `GIGABYTES=0.1` for a shorter look.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::hint::black_box;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flamegraphs::capture::{Limits, Options, Recorder};
use flamegraphs::{names, svg, write};

const MODE: &str = "GIGABYTE_MODE";
const PID: &str = "GIGABYTE_PID";
const HZ: u32 = 4999;
/// Threads of the subject, none of which ever rests.
const THREADS: u32 = 2;
/// Calls of a stack.
const DEPTH: u32 = 120;

fn main() {
    let wanted: f64 = std::env::var("GIGABYTES").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    match std::env::var(MODE).as_deref() {
        Ok("subject") => subject(),
        Ok(mode) => record(mode == "limits", wanted),
        Err(_) => {
            let subject = Subject(again("subject").spawn().expect("this program, once more"));
            println!("kept                    samples     lost  whole until   wall s   peak MiB");
            for mode in ["limits", "everything", "limits", "everything"] {
                let watching = again(mode).env(PID, subject.0.id().to_string()).spawn();
                let ended = watching.and_then(|mut watching| watching.wait()).expect("this program, once more");
                assert!(ended.success(), "{mode}: {ended}");
            }
        }
    }
}

fn again(mode: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.env(MODE, mode).stdin(Stdio::null());
    command
}

/// Ends with the bench.
struct Subject(Child);

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Records until so many gigabytes of stacks were copied, makes a profile and a picture, and says what that took.
fn record(limited: bool, gigabytes: f64) {
    let pid: u32 = std::env::var(PID).ok().and_then(|text| text.parse().ok()).expect("set by the bench");
    let most = usize::MAX / 4;
    let all = Limits { times: most, stack_bytes: most, threads: most, processes: most, pairs: most };
    let limits = if limited { Limits::default() } else { all };
    let options = Options { hz: HZ, switches: false, limits, ..Options::default() };
    // Samples come by CPU time, not by the time on the wall.
    let enough_s = gigabytes * 1e9 / f64::from(options.stack_bytes) / f64::from(HZ);
    let mut recorder = Recorder::attach(pid, &options).unwrap_or_else(|error| panic!("{error}"));
    let began = Instant::now();
    recorder.start(&[pid]).unwrap_or_else(|error| panic!("{error}"));
    let used_s = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
        // User and system time, in ticks of 1/100 s.
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
    };
    let before_s = used_s();
    while used_s() - before_s < enough_s {
        std::thread::sleep(Duration::from_millis(20));
    }
    let recording = recorder.stop().unwrap_or_else(|error| panic!("{error}"));
    let profile = recording.profile(&[]).expect("a recording that holds together");
    assert_eq!(profile.total(0), i64::try_from(recording.samples()).ok(), "no sample is lost on the way");
    black_box(write::pprof(&profile));
    let stacks = names::fold(&profile, 0, &names::Options::default()).expect("samples");
    black_box(svg::render(&stacks, &svg::Options::default()).expect("a picture"));
    let whole = match recording.excess.callers.count {
        0 => "the end".to_owned(),
        _ => format!("{:.1} s", recording.excess.callers.from_ns.saturating_sub(recording.began_ns()) as f64 * 1e-9),
    };
    println!(
        "{:<20} {:>10} {:>8} {:>12} {:>8.1} {:>10}",
        if limited { "as limited" } else { "everything" },
        recording.samples(),
        recording.lost,
        whole,
        began.elapsed().as_secs_f64(),
        peak_kib() / 1024
    );
}

/// `VmHWM` of this process (proc(5)), KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn subject() {
    let threads: Vec<_> = (0..THREADS)
        .map(|seed| {
            std::thread::spawn(move || {
                let mut path = u64::from(seed) + 1;
                loop {
                    // Knuth's MMIX constants: paths do not come back.
                    path = path.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    black_box(left(path, DEPTH));
                }
            })
        })
        .collect();
    for thread in threads {
        let _ = thread.join();
    }
}

#[inline(never)]
fn left(path: u64, depth: u32) -> u64 {
    black_box(descend(path, depth)) + 1
}

#[inline(never)]
fn right(path: u64, depth: u32) -> u64 {
    black_box(descend(path, depth)) + 2
}

#[inline(always)]
fn descend(path: u64, depth: u32) -> u64 {
    if depth == 0 {
        return (0..20_000).fold(path, |sum, value| black_box(sum.wrapping_mul(31).wrapping_add(value)));
    }
    let next = path.rotate_right(1);
    if path & 1 == 0 { left(next, depth - 1) } else { right(next, depth - 1) }
}
