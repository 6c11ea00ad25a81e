//! Why a process cannot be sampled.

use std::io;
use std::path::Path;

/// Why sampling from outside is impossible, or ended.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The kernel does not let this process use perf events.
    #[error("perf events are refused ({source}): {}", hint(source))]
    Refused {
        /// What `perf_event_open` answered.
        source: io::Error,
    },
    /// The buffers between kernel and recorder cannot be had.
    #[error("no memory for perf's buffers ({source}): raise `ulimit -l` or /proc/sys/kernel/perf_event_mlock_kb")]
    Buffers {
        /// What `mmap` answered.
        source: io::Error,
    },
    /// The process is not there, or not ours.
    #[error("process {pid} cannot be read ({source}): is it running, and is it yours?")]
    Process {
        /// Its number.
        pid: u32,
        /// What reading /proc answered.
        source: io::Error,
    },
    /// Anything else of the operating system.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What came of it.
        source: io::Error,
    },
    /// The thread that reads the buffers is gone.
    #[error("the recorder's thread ended before its time")]
    RecorderGone,
}

/// What would have to change, by the errors that perf_event_open(2) lists.
fn hint(source: &io::Error) -> String {
    match source.raw_os_error() {
        Some(code @ (libc::EACCES | libc::EPERM)) => match paranoid() {
            Some(level) if level > 2 => format!(
                "kernel.perf_event_paranoid is {level}; `sysctl kernel.perf_event_paranoid=2` or CAP_PERFMON allows it"
            ),
            // The kernel's own refusal of its side; filters answer EPERM.
            Some(level) if level > 1 && code == libc::EACCES => format!(
                "the kernel's side of a process is seen by root, with CAP_PERFMON, or where kernel.perf_event_paranoid is \
                 1 or less; here it is {level}"
            ),
            _ => "a container's seccomp filter or a security module forbids it; allow `perf_event_open`, or add \
                  CAP_PERFMON"
                .to_owned(),
        },
        Some(libc::ENOSYS) => "this kernel was built without them, or a seccomp filter hides them".to_owned(),
        Some(libc::EMFILE | libc::ENFILE) => "too many open files: raise `ulimit -n`".to_owned(),
        Some(libc::ENOENT | libc::EOPNOTSUPP) => "this kernel has no CPU clock event".to_owned(),
        Some(libc::ESRCH) => "there is no such process or thread".to_owned(),
        _ => "see perf_event_open(2)".to_owned(),
    }
}

/// `/proc/sys/kernel/perf_event_paranoid` (Documentation/admin-guide/sysctl/kernel.rst): above 2 some distributions
/// refuse perf events altogether.
fn paranoid() -> Option<i32> {
    std::fs::read_to_string(Path::new("/proc/sys/kernel/perf_event_paranoid")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_would_have_to_change() {
        let told = |code| CaptureError::Refused { source: io::Error::from_raw_os_error(code) }.to_string();
        assert!(told(libc::EMFILE).ends_with("too many open files: raise `ulimit -n`"), "{}", told(libc::EMFILE));
        assert!(told(libc::ENOSYS).contains("seccomp"));
        assert!(told(libc::EACCES).contains("CAP_PERFMON"));
        assert!(told(libc::E2BIG).contains("perf_event_open(2)"));
    }
}
