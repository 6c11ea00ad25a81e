//! What the kernel lets this process record, found out by opening each event on itself and closing it again: nothing is
//! ever switched on.

use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use object::read::ReadCache;
use object::{Object, ObjectSegment};
use perf_event_open_sys::bindings as sys;

use super::CaptureError;
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

/// A tracepoint by its number, which tracefs tells (`events/GROUP/NAME/id`).
///
/// # Errors
/// What `perf_event_open` answers.
pub fn tracepoint(id: u64) -> io::Result<()> {
    let mut attr = sys::perf_event_attr {
        type_: sys::PERF_TYPE_TRACEPOINT,
        size: u32::try_from(size_of::<sys::perf_event_attr>()).unwrap_or(0),
        config: id,
        ..Default::default()
    };
    attr.set_disabled(1);
    // SAFETY: `attr` is a whole `perf_event_attr` that states its own size and outlives the call.
    let fd =
        unsafe { perf_event_open_sys::perf_event_open(&raw mut attr, 0, -1, -1, u64::from(sys::PERF_FLAG_FD_CLOEXEC)) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
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
    let probe = Probe { source, path, offset, every: 1, stack_bytes: 0, watermark: 4096, forks: false };
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
        assert!(tracepoint(u64::MAX).is_err());
    }
}
