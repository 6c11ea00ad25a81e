//! Why the tasks of a process cannot be traced.

use std::io;

/// What a trace would show, for those who cannot have one.
const SEEN: &str = "with it: every task's polls, who woke it, where it waits and for whom";

/// Why the tasks of a process cannot be traced from outside.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// This processor's registers are not known here.
    #[error("tracing tasks from outside is made for x86-64 so far")]
    Processor,
    /// The kernel has no uprobes for perf.
    #[error(
        "the kernel has no event source of uprobes (/sys/bus/event_source/devices/uprobe; CONFIG_UPROBE_EVENTS, Linux 4.17 or newer); {SEEN}"
    )]
    NoSource,
    /// No rights.
    #[error(
        "uprobes are refused ({source}): they need root or CAP_PERFMON (in a container: the host's own), and no seccomp filter that forbids perf_event_open; {SEEN}"
    )]
    Refused {
        /// What `perf_event_open` answered.
        source: io::Error,
    },
    /// Too many descriptors, no memory, a file system that cannot be probed.
    #[error("a uprobe in {path} cannot be set ({source}){}", hint(source))]
    Probe {
        /// Path as the process sees it.
        path: String,
        /// What `perf_event_open` answered.
        source: io::Error,
    },
    /// No symbols.
    #[error(
        "{path} is stripped: without the names of its functions nothing can be found in it; build it with `strip = false` \
         (debug information is not needed); {SEEN}"
    )]
    Stripped {
        /// Path as the process sees it.
        path: String,
    },
    /// Nothing of tokio.
    #[error("{path} has no tokio in it (nor have the libraries it loaded): only tasks of tokio can be traced")]
    NotTokio {
        /// Path as the process sees it.
        path: String,
    },
    /// tokio, but not its functions.
    #[error(
        "{path} has tokio, but `{}` was inlined away or has another name in its version: build without `lto = \"fat\"`, \
         or with tokio 1.x; {SEEN}",
        functions.join("`, `")
    )]
    Inlined {
        /// Path as the process sees it.
        path: String,
        /// What is missing.
        functions: Vec<&'static str>,
    },
    /// The process is not there, or not ours.
    #[error("process {pid} cannot be read ({source}): is it running, and is it yours?")]
    Process {
        /// Its number.
        pid: u32,
        /// What reading /proc answered.
        source: io::Error,
    },
    /// The buffers between kernel and recorder cannot be had.
    #[error("no memory for perf's buffers ({source}): raise `ulimit -l` or /proc/sys/kernel/perf_event_mlock_kb")]
    Buffers {
        /// What `mmap` answered.
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

fn hint(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => ": too many open files: raise `ulimit -n`",
        Some(libc::EINVAL) => ": its file system may not allow uprobes (some overlays and FUSE do not)",
        Some(libc::ENOENT) => ": the file is gone",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_is_missing_and_what_would_be_seen() {
        let path = || "/srv/app".to_owned();
        let all = [
            TraceError::NoSource,
            TraceError::Refused { source: io::Error::from_raw_os_error(libc::EACCES) },
            TraceError::Stripped { path: path() },
            TraceError::Inlined { path: path(), functions: vec!["tokio::runtime::task::waker::wake_by_val"] },
        ];
        for error in all {
            assert!(error.to_string().ends_with(SEEN), "{error}");
        }
        let many = TraceError::Probe { path: path(), source: io::Error::from_raw_os_error(libc::EMFILE) };
        assert!(many.to_string().ends_with("raise `ulimit -n`"), "{many}");
    }
}
