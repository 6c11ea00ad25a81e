//! Counts the system calls of a process: the tracepoint `raw_syscalls:sys_enter`, counted and not recorded.

use std::fs;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;

use perf_event_open_sys::bindings as sys;

/// Where tracefs is mounted, by kernel documentation (trace/ftrace.rst).
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// A counter at work on the threads of a process and all that they start.
#[derive(Debug)]
pub struct SystemCalls {
    counters: Vec<fs::File>,
}

impl SystemCalls {
    /// Counts for `pid` from now on.
    ///
    /// # Errors
    /// What keeps them from being counted, as a sentence: no tracefs, no rights, no such process.
    pub fn of(pid: u32) -> Result<Self, String> {
        let id = tracepoint()?;
        let entries = fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| format!("process {pid}: {error}"))?;
        let tids: Vec<u32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
        let mut counters = Vec::with_capacity(tids.len());
        for tid in tids {
            match open(id, tid) {
                Ok(counter) => counters.push(counter),
                // A thread that ended meanwhile calls no more.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => return Err(format!("the tracepoint raw_syscalls:sys_enter is refused ({error})")),
            }
        }
        Ok(Self { counters })
    }

    /// Calls so far, those of threads that ended included.
    ///
    /// # Errors
    /// A counter that cannot be read.
    pub fn count(&mut self) -> io::Result<u64> {
        let mut sum: u64 = 0;
        for counter in &mut self.counters {
            let mut bytes = [0; 8];
            counter.read_exact(&mut bytes)?;
            sum = sum.saturating_add(u64::from_ne_bytes(bytes));
        }
        Ok(sum)
    }
}

/// The number of the tracepoint on this machine.
fn tracepoint() -> Result<u64, String> {
    let mut why = "tracefs is not mounted; as root: mount -t tracefs nodev /sys/kernel/tracing".to_owned();
    for at in TRACEFS {
        match fs::read_to_string(Path::new(at).join("events/raw_syscalls/sys_enter/id")) {
            Ok(text) => return text.trim().parse().map_err(|_| format!("{at} holds no number for raw_syscalls")),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                why = format!("{at} may be read by root only");
            }
            Err(_) => {}
        }
    }
    Err(why)
}

fn open(id: u64, tid: u32) -> io::Result<fs::File> {
    let mut attr = sys::perf_event_attr {
        type_: sys::PERF_TYPE_TRACEPOINT,
        size: u32::try_from(size_of::<sys::perf_event_attr>()).unwrap_or(0),
        config: id,
        ..Default::default()
    };
    attr.set_inherit(1);
    let tid = libc::pid_t::try_from(tid).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: `attr` is a whole `perf_event_attr` that states its own size and outlives the call.
    let fd = unsafe {
        perf_event_open_sys::perf_event_open(&raw mut attr, tid, -1, -1, u64::from(sys::PERF_FLAG_FD_CLOEXEC))
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
    Ok(fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_this_process_are_counted_or_it_is_said_why_not() {
        match SystemCalls::of(std::process::id()) {
            Ok(mut calls) => {
                let before = calls.count().unwrap();
                for _ in 0..100 {
                    let _ = fs::metadata("/");
                }
                assert!(calls.count().unwrap() >= before + 100);
            }
            Err(because) => {
                assert!(["tracefs", "root only", "refused"].iter().any(|why| because.contains(why)), "{because}")
            }
        }
    }
}
