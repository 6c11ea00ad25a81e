//! What the kernel lets this process record, found out by opening each event on itself and closing it again: nothing is
//! ever switched on.

use std::fs::File;
use std::io;

use object::read::ReadCache;
use object::{Object, ObjectSegment};

use super::CaptureError;
use super::perf::tracepoint;
pub use super::perf::tracepoint::tracefs;
use super::perf::uprobe::{self, Probe};
use super::perf::{Event, Trigger, Wanted};
use super::recorder::cpus;
use super::tasks::TraceError;

/// A rate that every kernel takes, nanoseconds of CPU between two samples.
const PERIOD_NS: u64 = 10_000_000;

/// Samples of CPU time with records of who is on a CPU when.
///
/// # Errors
/// Perf events that are refused.
pub fn switch_records() -> Result<(), CaptureError> {
    open(Trigger::CpuTime(PERIOD_NS), false)
}

/// Stacks of threads that leave their CPU, which are taken within the kernel.
///
/// # Errors
/// Perf events that are refused.
pub fn departures() -> Result<(), CaptureError> {
    open(Trigger::Leaving, true)
}

fn open(trigger: Trigger, kernel: bool) -> Result<(), CaptureError> {
    let wanted = Wanted { trigger, stack_bytes: 64, kernel, switches: !kernel, from_exec: false, watermark: 4096 };
    Event::open(&wanted, 0, first_cpu()).map(drop).map_err(|source| CaptureError::Refused { source })
}

/// Counting system calls, by their tracepoint.
///
/// # Errors
/// Why they cannot be counted, as a sentence.
pub fn system_calls() -> Result<(), String> {
    let id = tracepoint::system_calls()?;
    tracepoint::count(id, 0).map(drop).map_err(|error| format!("the tracepoint raw_syscalls is refused ({error})"))
}

/// A uprobe in this very executable, at its first instruction, which never runs again.
///
/// # Errors
/// A kernel without uprobes, no rights, a file that cannot be probed.
pub fn uprobes() -> Result<(), TraceError> {
    let source = uprobe::source().map_err(|_| TraceError::NoSource)?;
    let path = c"/proc/self/exe";
    let there = |source| TraceError::System { doing: "reading this executable", source };
    let offset = entry(File::open("/proc/self/exe").map_err(there)?).map_err(there)?;
    let probe = Probe {
        source,
        path,
        offset,
        every: 1,
        stack_bytes: 0,
        watermark: 4096,
        forks: false,
        registers: uprobe::REGISTERS,
        chain: false,
        returns: false,
    };
    match probe.open(first_cpu()) {
        Ok(_) => Ok(()),
        Err(source) => Err(match source.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => TraceError::Refused { source },
            _ => TraceError::Probe { path: "/proc/self/exe".to_owned(), source },
        }),
    }
}

/// Where the first instruction lies in an executable, bytes.
fn entry(file: File) -> io::Result<u64> {
    let cache = ReadCache::new(file);
    let object = object::File::parse(&cache).map_err(io::Error::other)?;
    let entry = object.entry();
    let holder =
        object.segments().find(|segment| (segment.address()..segment.address() + segment.size()).contains(&entry));
    let segment = holder.ok_or(io::ErrorKind::InvalidData)?;
    Ok(entry - segment.address() + segment.file_range().0)
}

fn first_cpu() -> u32 {
    cpus().first().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_yes_or_says_why_not() {
        for told in [
            switch_records().err().map(|error| error.to_string()),
            departures().err().map(|error| error.to_string()),
            uprobes().err().map(|error| error.to_string()),
        ]
        .into_iter()
        .flatten()
        {
            assert!(["refused", "kernel", "cannot be set"].iter().any(|word| told.contains(word)), "{told}");
        }
        assert!(tracepoint::count(u64::MAX, 0).is_err());
    }
}
