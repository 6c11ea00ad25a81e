//! Counts the system calls of a process: the tracepoint `raw_syscalls:sys_enter`, counted and not recorded.

use std::fs;
use std::io::{self, Read};

use super::perf::tracepoint;

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
        let id = tracepoint::system_calls().map_err(|why| format!("{why}; `workbench doctor` says how to get it"))?;
        let entries = fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| format!("process {pid}: {error}"))?;
        let tids: Vec<u32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
        let mut counters = Vec::with_capacity(tids.len());
        for tid in tids {
            match tracepoint::count(id, tid) {
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
