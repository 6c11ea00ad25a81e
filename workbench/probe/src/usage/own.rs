//! This process and this thread.

use std::io;

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};

/// Totals of this process since it began, all threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// CPU seconds, user and system (`CLOCK_PROCESS_CPUTIME_ID`).
    pub cpu_s: f64,
    /// Of these, in the program itself; the kernel divides by its ticks (`ru_utime`).
    pub user_s: f64,
    /// Of these, in the kernel (`ru_stime`).
    pub system_s: f64,
    /// Page faults that needed no input or output.
    pub minor_faults: u64,
    /// Page faults that did.
    pub major_faults: u64,
    /// Context switches because a thread waited.
    pub voluntary_switches: u64,
    /// Context switches because the kernel wanted the CPU.
    pub involuntary_switches: u64,
}

/// CPU seconds of all threads of this process, nanosecond resolution.
///
/// # Errors
/// The kernel has no such clock.
pub fn process_cpu_s() -> io::Result<f64> {
    clock_s(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU seconds of the calling thread, nanosecond resolution.
///
/// # Errors
/// The kernel has no such clock.
pub fn thread_cpu_s() -> io::Result<f64> {
    clock_s(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Totals of this process.
///
/// # Errors
/// The kernel refused.
pub fn process() -> io::Result<Usage> {
    let counted = getrusage(UsageWho::RUSAGE_SELF)?;
    // The kernel's totals are never negative.
    let total = |count: libc::c_long| count.cast_unsigned();
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 * 1e-6;
    Ok(Usage {
        cpu_s: process_cpu_s()?,
        user_s: seconds(counted.user_time()),
        system_s: seconds(counted.system_time()),
        minor_faults: total(counted.minor_page_faults()),
        major_faults: total(counted.major_page_faults()),
        voluntary_switches: total(counted.voluntary_context_switches()),
        involuntary_switches: total(counted.involuntary_context_switches()),
    })
}

/// Resident set of this process in bytes (`/proc/self/statm`, 7–18 µs).
///
/// # Errors
/// `/proc` is not readable.
pub fn rss_bytes() -> io::Result<u64> {
    super::other::rss_bytes_at("/proc/self/statm")
}

pub(super) fn clock_s(clock: ClockId) -> io::Result<f64> {
    let time = clock_gettime(clock)?;
    Ok(time.tv_sec() as f64 + time.tv_nsec() as f64 * 1e-9)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn work_of_a_thread_is_in_the_thread_and_in_the_process() {
        let (process_before, thread_before) = (process_cpu_s().unwrap(), thread_cpu_s().unwrap());
        let mut spun = 0_u64;
        while thread_cpu_s().unwrap() - thread_before < 0.02 {
            spun = black_box(spun.wrapping_add(1));
        }
        let thread = thread_cpu_s().unwrap() - thread_before;
        let process = process_cpu_s().unwrap() - process_before;
        assert!(process >= 0.02 && thread >= 0.02, "{process} {thread}");
    }

    #[test]
    fn another_threads_work_is_not_this_threads() {
        let before = thread_cpu_s().unwrap();
        let other = std::thread::spawn(|| {
            let begin = thread_cpu_s().unwrap();
            while thread_cpu_s().unwrap() - begin < 0.05 {
                black_box(());
            }
            thread_cpu_s().unwrap()
        });
        let other = other.join().unwrap();
        assert!(thread_cpu_s().unwrap() - before < other);
    }

    #[test]
    fn touching_pages_counts_as_faults_and_resident_bytes() {
        const BYTES: usize = 64 << 20;
        let (before, rss_before) = (process().unwrap(), rss_bytes().unwrap());
        let touched = black_box(vec![1_u8; BYTES]);
        let (after, rss_after) = (process().unwrap(), rss_bytes().unwrap());
        // Huge pages make one fault of 512, other tests free memory meanwhile: half is plenty to tell.
        assert!(after.minor_faults > before.minor_faults);
        assert!(rss_after > rss_before + BYTES as u64 / 2, "{rss_before} {rss_after}");
        drop(touched);
    }

    #[test]
    fn sleeping_is_a_voluntary_switch() {
        let before = process().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(process().unwrap().voluntary_switches > before.voluntary_switches);
    }
}
