//! Events of the kernel that are counted, by the numbers that tracefs gives them.

use std::fs::{self, File};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use perf_event_open_sys::bindings as sys;

/// Where tracefs may be mounted (Documentation/trace/ftrace.rst).
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// Where tracefs can be read.
///
/// # Errors
/// Why it cannot: `not mounted`, or that only root may.
pub fn tracefs() -> Result<PathBuf, String> {
    let mut why = "not mounted".to_owned();
    for at in TRACEFS {
        match fs::read_dir(Path::new(at).join("events")) {
            Ok(_) => return Ok(PathBuf::from(at)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                why = format!("{at} may be read by root only");
            }
            Err(_) => {}
        }
    }
    Err(why)
}

/// The number of the tracepoint that every system call passes.
///
/// # Errors
/// Why it cannot be known, as a sentence.
pub(in crate::capture) fn system_calls() -> Result<u64, String> {
    let at = tracefs().map_err(|why| format!("their tracepoint has no number: tracefs is {why}"))?;
    let file = at.join("events/raw_syscalls/sys_enter/id");
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    text.trim().parse().map_err(|_| format!("{} holds no number", file.display()))
}

/// Counts a tracepoint on thread `tid` (0 for the calling one) and all that it starts from now on.
pub(in crate::capture) fn count(id: u64, tid: u32) -> io::Result<File> {
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
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}
