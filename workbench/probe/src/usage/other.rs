//! Another process, by its id.

use std::io;
use std::path::Path;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// What another process uses, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OtherProcess {
    /// CPU seconds since it began, user and system, all threads (its CPU clock: nanoseconds, not ticks).
    pub cpu_s: f64,
    /// Resident set, bytes.
    pub rss_bytes: u64,
    /// Threads.
    pub threads: u64,
}

/// Reads what process `pid` uses. Its children are not in it.
///
/// # Errors
/// It is gone, or not ours to read.
pub fn process_of(pid: i32) -> io::Result<OtherProcess> {
    Ok(OtherProcess {
        cpu_s: cpu_s_of(pid)?,
        rss_bytes: rss_bytes_at(format!("/proc/{pid}/statm"))?,
        threads: threads_in(&std::fs::read_to_string(format!("/proc/{pid}/status"))?)?,
    })
}

/// CPU seconds of process `pid` since it began, user and system, threads that have ended included (clock_getcpuclockid(3)).
///
/// # Errors
/// It is gone.
pub fn cpu_s_of(pid: i32) -> io::Result<f64> {
    super::own::clock_s(clock_getcpuclockid(Pid::from_raw(pid))?)
}

/// Second field of a `statm` file, in bytes.
pub(super) fn rss_bytes_at(statm: impl AsRef<Path>) -> io::Result<u64> {
    let pages = resident_pages(&std::fs::read_to_string(statm)?)?;
    // SAFETY: sysconf has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Ok(pages * u64::try_from(page).map_err(io::Error::other)?)
}

fn resident_pages(statm: &str) -> io::Result<u64> {
    let field = statm.split_ascii_whitespace().nth(1).ok_or_else(|| malformed("statm"))?;
    field.parse().map_err(|_| malformed("statm"))
}

fn threads_in(status: &str) -> io::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:")).ok_or_else(|| malformed("status"))?;
    line.trim().parse().map_err(|_| malformed("status"))
}

fn malformed(file: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unreadable {file} file in /proc"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn this_process_seen_from_outside_is_this_process() {
        let own = std::process::id().cast_signed();
        let before = super::super::process_cpu_s().unwrap();
        let seen = process_of(own).unwrap();
        let after = super::super::process_cpu_s().unwrap();
        assert!(before <= seen.cpu_s && seen.cpu_s <= after, "{before} {seen:?} {after}");
        assert!(seen.threads >= 1 && seen.rss_bytes > 0);
    }

    #[test]
    fn a_sleeping_child_has_one_thread() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let seen = process_of(child.id().cast_signed());
        child.kill().unwrap();
        child.wait().unwrap();
        let seen = seen.unwrap();
        assert_eq!(seen.threads, 1);
        assert!(seen.rss_bytes > 0);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id().cast_signed();
        child.wait().unwrap();
        assert!(process_of(pid).is_err());
    }

    #[test]
    fn malformed_files_are_errors() {
        assert_eq!(resident_pages("100 25 3 0").unwrap(), 25);
        assert!(resident_pages("100").is_err());
        assert!(resident_pages("1 x").is_err());
        assert_eq!(threads_in("Name:\ta\nThreads:\t4\n").unwrap(), 4);
        assert!(threads_in("Name:\ta\n").is_err());
    }
}
