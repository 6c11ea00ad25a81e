//! What proc(5) says of a process: pure readings of its files.

use std::fs;
use std::path::Path;

/// Bytes of a page, by the kernel.
fn page() -> u64 {
    rustix::param::page_size() as u64
}

/// `/proc/PID/stat`, as far as it matters here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) minor_faults: u64,
    pub(super) major_faults: u64,
    /// Ticks of the clock, user and system.
    pub(super) ticks: u64,
    pub(super) threads: u64,
    /// Bytes.
    pub(super) resident: u64,
}

/// Reads a `stat` line; the name in it may hold anything, also brackets and spaces.
pub(super) fn stat(text: &str) -> Option<Stat> {
    let rest = text.rsplit_once(')')?.1;
    // Field 3 of proc(5) is the first of these.
    let field = |number: usize| rest.split_ascii_whitespace().nth(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        minor_faults: field(10)?,
        major_faults: field(12)?,
        ticks: field(14)? + field(15)?,
        threads: field(20)?,
        resident: field(24)? * page(),
    })
}

/// `schedstat` of a thread: nanoseconds on a CPU, and on a run queue without one (Documentation/scheduler/sched-stats.rst).
pub(super) fn schedstat(text: &str) -> Option<(u64, u64)> {
    let mut fields = text.split_ascii_whitespace().map(str::parse::<u64>);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}

/// Voluntary and involuntary switches of a thread's `status`.
pub(super) fn switches(text: &str) -> Option<(u64, u64)> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok();
    Some((field("voluntary_ctxt_switches:")?, field("nonvoluntary_ctxt_switches:")?))
}

/// Calls that read and that write, of `io`.
pub(super) fn io_calls(text: &str) -> Option<u64> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse::<u64>().ok();
    Some(field("syscr:")? + field("syscw:")?)
}

/// Numbers among the names in a folder: threads of `task`, descriptors of `fd`.
pub(super) fn numbers(folder: &Path) -> std::io::Result<Vec<u32>> {
    let entries = fs::read_dir(folder)?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// A process and what it started, and they: by `children` of each thread (`CONFIG_PROC_CHILDREN`; without it, alone).
pub(super) fn family(pid: u32) -> Vec<u32> {
    /// Nobody looks at more.
    const MOST: usize = 64;
    let mut found = vec![pid];
    let mut at = 0;
    while at < found.len() && found.len() < MOST {
        let folder = format!("/proc/{}/task", found[at]);
        for tid in numbers(Path::new(&folder)).unwrap_or_default() {
            let text = fs::read_to_string(format!("{folder}/{tid}/children")).unwrap_or_default();
            found.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        at += 1;
    }
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let line =
            "42 (a) b (c) S 1 42 42 0 -1 4194560 311 0 7 0 12 3 0 0 20 0 5 0 815 1000000 250 18446744073709551615 1 1";
        let read = stat(line).unwrap();
        assert_eq!((read.minor_faults, read.major_faults, read.ticks, read.threads), (311, 7, 15, 5));
        assert_eq!(read.resident, 250 * page());
        assert_eq!(stat("42 (cut"), None);
    }

    #[test]
    fn our_own_files_are_read() {
        let own = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).unwrap();
        assert!(stat(&own("stat")).is_some_and(|stat| stat.threads > 0 && stat.resident > 0));
        assert!(switches(&own("status")).is_some());
        assert!(numbers(Path::new("/proc/self/task")).unwrap().contains(&std::process::id()));
        assert_eq!(family(std::process::id())[0], std::process::id());
    }

    #[test]
    fn counts_are_found_by_name() {
        assert_eq!(schedstat("351 18 4\n"), Some((351, 18)));
        assert_eq!(
            switches("Name:\tx\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n"),
            Some((150, 545))
        );
        assert_eq!(io_calls("rchar: 9\nsyscr: 10\nsyscw: 5\n"), Some(15));
        assert_eq!(io_calls("rchar: 9\n"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in ".{0,200}") {
            let _ = (stat(&text), schedstat(&text), switches(&text), io_calls(&text));
        }
    }
}
