//! `WORKBENCH_TRACE=sched=1000,alloc=1000`: lines on standard error, shaped like Go's `schedtrace` and `gctrace`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::memory::Memory;
use super::scheduler::{self, Unstable};
use super::stop::{Stop, Woken};
use crate::runtime::RuntimeCounters;
use crate::usage;

/// Environment variable: `KEY=MILLISECONDS` with commas between; keys are `sched` and `alloc`, 0 means never.
pub const ENV: &str = "WORKBENCH_TRACE";

/// How often which line is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Intervals {
    sched: Option<Duration>,
    alloc: Option<Duration>,
}

/// Starts the thread that prints, where the environment asks for lines. Complains once about what it cannot read.
///
/// # Errors
/// The operating system refuses a thread.
pub(super) fn start_from_env(runtime: Option<Handle>, stop: Stop) -> io::Result<Option<JoinHandle<()>>> {
    let Some(text) = std::env::var_os(ENV) else { return Ok(None) };
    let (mut intervals, mut complaints) = parse(&text.to_string_lossy());
    if intervals.sched.is_some() && runtime.is_none() {
        intervals.sched = None;
        complaints.push("`sched`: no tokio runtime was given to the endpoints".to_owned());
    }
    if !complaints.is_empty() {
        print(&format!("workbench: {ENV}: {}\n", complaints.join("; ")));
    }
    if intervals == Intervals::default() {
        return Ok(None);
    }
    thread::Builder::new().name("debug-trace".into()).spawn(move || run(intervals, runtime.as_ref(), &stop)).map(Some)
}

/// What can be read of `text`, and a complaint about each thing that cannot.
fn parse(text: &str) -> (Intervals, Vec<String>) {
    let (mut intervals, mut complaints) = (Intervals::default(), Vec::new());
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = match key {
            "sched" => &mut intervals.sched,
            "alloc" => &mut intervals.alloc,
            _ => {
                complaints.push(format!("`{key}` is unknown: one of sched, alloc"));
                continue;
            }
        };
        match value.parse::<u32>() {
            Ok(0) => *place = None,
            Ok(milliseconds) => *place = Some(Duration::from_millis(milliseconds.into())),
            Err(_) => complaints.push(format!("`{pair}` needs whole milliseconds, as in {key}=1000")),
        }
    }
    (intervals, complaints)
}

fn run(intervals: Intervals, runtime: Option<&Handle>, stop: &Stop) {
    let began = Instant::now();
    let mut sched = intervals.sched.map(|interval| (interval, began + interval));
    let mut alloc = intervals.alloc.map(|interval| (interval, began + interval));
    let (mut number, mut earlier) = (0, Allocation::read());
    while let Some(due) = [sched, alloc].into_iter().flatten().map(|(_, due)| due).min() {
        if !matches!(stop.wait(None, Some(due)), Ok(Woken::Deadline)) {
            return;
        }
        let now = Instant::now();
        if advance(&mut sched, now)
            && let Some(runtime) = runtime
        {
            let metrics = runtime.metrics();
            print(&sched_line(
                began.elapsed(),
                &RuntimeCounters::sample(runtime),
                scheduler::unstable(&metrics).as_ref(),
            ));
        }
        if advance(&mut alloc, now) {
            number += 1;
            let current = Allocation::read();
            print(&alloc_line(number, began.elapsed(), &earlier, &current));
            earlier = current;
        }
    }
}

/// True where a line is due; the next one is a whole number of intervals later, and those that were missed are not
/// printed at once.
fn advance(line: &mut Option<(Duration, Instant)>, now: Instant) -> bool {
    let Some((interval, due)) = line.as_mut().filter(|(_, due)| *due <= now) else { return false };
    while *due <= now {
        *due += *interval;
    }
    true
}

/// One write a line, so that lines of other threads do not get between. A closed standard error is nobody's concern.
fn print(line: &str) {
    let _ = io::stderr().write_all(line.as_bytes());
}

fn sched_line(since: Duration, counters: &RuntimeCounters, unstable: Option<&Unstable>) -> String {
    let mut line = format!(
        "SCHED {}ms: workers={} parked={} tasks={} inject={}",
        since.as_millis(),
        counters.workers,
        counters.idle_workers,
        counters.alive_tasks,
        counters.global_queue_depth
    );
    let optional = [
        ("blocking", counters.blocking_threads),
        ("idleblocking", counters.idle_blocking_threads),
        ("blockingqueue", counters.blocking_queue_depth),
        ("polls", counters.polls),
        ("steals", unstable.map(|unstable| unstable.steals)),
    ];
    for (name, value) in optional {
        // Writing to a String never fails.
        let _ = match value {
            Some(value) => write!(line, " {name}={value}"),
            None => write!(line, " {name}=n/a"),
        };
    }
    match unstable {
        Some(unstable) => {
            line.push_str(" local=[");
            for depth in &unstable.local {
                let _ = write!(line, " {depth}");
            }
            line.push_str(" ]\n");
        }
        None => line.push_str(" local=n/a\n"),
    }
    line
}

/// What an `alloc` line is made of.
#[derive(Debug, Clone)]
struct Allocation {
    memory: Memory,
    resident: Option<u64>,
    minor_faults: Option<u64>,
}

impl Allocation {
    fn read() -> Self {
        let minor_faults = usage::process().ok().map(|used| used.minor_faults);
        Self { memory: Memory::read(), resident: usage::rss_bytes().ok(), minor_faults }
    }
}

fn alloc_line(number: u64, since: Duration, earlier: &Allocation, now: &Allocation) -> String {
    let mut line = format!("alloc {number} @{:.3}s {}:", since.as_secs_f64(), now.memory.allocator());
    if let (Ok(before), Ok(after)) = (&earlier.memory.counted, &now.memory.counted) {
        let new = *after - *before;
        let _ = write!(line, " {}->{} live,", megabytes(before.live_bytes()), megabytes(after.live_bytes()));
        let _ = write!(line, " +{} in {} blocks,", megabytes(new.bytes_allocated), new.allocations);
        let _ = write!(line, " -{} in {} blocks,", megabytes(new.bytes_freed), new.frees);
    } else {
        line.push_str(" blocks not counted,");
    }
    if let Ok(stats) = &now.memory.jemalloc {
        let (active, dirty) = (stats.active, stats.resident.saturating_sub(stats.active + stats.metadata));
        let _ = write!(line, " {} active, {} dirty,", megabytes(active), megabytes(dirty));
        let _ = write!(line, " {} retained,", megabytes(stats.retained));
    }
    if let Ok(stats) = &now.memory.mimalloc {
        let _ = write!(line, " {} committed,", megabytes(stats.committed));
    }
    match now.resident {
        Some(bytes) => {
            let _ = write!(line, " {} resident", megabytes(bytes));
        }
        None => line.push_str(" resident n/a"),
    }
    if let (Some(before), Some(after)) = (earlier.minor_faults, now.minor_faults) {
        let _ = write!(line, ", {} minor faults", after.saturating_sub(before));
    }
    line.push('\n');
    line
}

#[allow(clippy::cast_precision_loss, reason = "one decimal of a megabyte is printed")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests;
