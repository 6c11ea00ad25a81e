//! What a thread can get from the scheduler without privileges, so that it runs soon after it wakes.

use std::fmt;
use std::num::NonZeroU64;

use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::set_current_timer_slack;

/// A short slice lets a waking thread preempt those with a longer one, if the kernel is 6.12 or later (EEVDF): the
/// shortest that it takes.
const SLICE_NS: u64 = 100_000;
/// Needs CAP_SYS_NICE or a raised RLIMIT_NICE; tried anyway.
const NICE: i32 = -10;

/// What the driver thread obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverPriority {
    /// Scheduling slice in force, nanoseconds; `None` where the kernel has no such thing.
    pub slice_ns: Option<u64>,
    /// Nice value in force.
    pub nice: i32,
    /// Timers fire when they are due, not up to 50 µs later.
    pub exact_timers: bool,
}

impl DriverPriority {
    /// Asks for the calling thread, and reads back what it got.
    pub fn obtain() -> Self {
        let exact_timers = set_current_timer_slack(Some(NonZeroU64::MIN)).is_ok();
        // For the kernel, process 0 is the calling thread.
        let before = getpriority_process(None).unwrap_or(0);
        if before > NICE {
            let _ = setpriority_process(None, NICE);
        }
        let nice = getpriority_process(None).unwrap_or(before);
        Self { slice_ns: attributes::shorten_slice(SLICE_NS), nice, exact_timers }
    }
}

impl fmt::Display for DriverPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slice_ns {
            #[allow(clippy::cast_precision_loss, reason = "a few milliseconds")]
            Some(ns) => write!(f, "slice {} ms, ", ns as f64 / 1e6)?,
            None => write!(f, "default slice, ")?,
        }
        write!(f, "nice {}{}", self.nice, if self.exact_timers { "" } else { ", timers up to 50 µs late" })
    }
}

/// `sched_setattr(2)`, which no crate here wraps.
mod attributes {
    use libc::{SYS_sched_getattr, SYS_sched_setattr, c_uint, sched_attr, syscall};

    /// First version of the structure; everything since is optional.
    const SIZE: u32 = 48;

    /// Gives the calling thread a slice and returns the one in force. Leaves real-time threads alone.
    pub(super) fn shorten_slice(ns: u64) -> Option<u64> {
        let mut attributes = get()?;
        #[allow(clippy::cast_sign_loss, reason = "the constant is 0")]
        if attributes.sched_policy != libc::SCHED_OTHER as u32 {
            return None;
        }
        attributes.size = SIZE;
        attributes.sched_runtime = ns;
        // SAFETY: the kernel reads `SIZE` bytes of a structure that is larger, and keeps no pointer to it.
        unsafe { syscall(SYS_sched_setattr, 0 as libc::pid_t, &raw const attributes, 0 as c_uint) };
        // Kernels before 6.12 take no slice and report 0.
        get().map(|now| now.sched_runtime).filter(|&slice| slice > 0)
    }

    fn get() -> Option<sched_attr> {
        let mut attributes = sched_attr {
            size: SIZE,
            sched_policy: 0,
            sched_flags: 0,
            sched_nice: 0,
            sched_priority: 0,
            sched_runtime: 0,
            sched_deadline: 0,
            sched_period: 0,
        };
        // SAFETY: the kernel writes at most `SIZE` bytes into a structure that is larger, and keeps no pointer to it.
        let failed =
            unsafe { syscall(SYS_sched_getattr, 0 as libc::pid_t, &raw mut attributes, SIZE as c_uint, 0 as c_uint) };
        (failed == 0).then_some(attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_obtained_is_read_back() {
        let obtained = std::thread::spawn(|| {
            let obtained = DriverPriority::obtain();
            (obtained, getpriority_process(None).unwrap(), rustix::thread::current_timer_slack().unwrap())
        });
        let (obtained, nice, slack) = obtained.join().unwrap();
        assert_eq!(obtained.nice, nice);
        assert!(obtained.nice <= 19 && obtained.exact_timers && slack == 1);
        assert!(obtained.slice_ns.is_none_or(|ns| (SLICE_NS..=100_000_000).contains(&ns)), "{obtained:?}");
    }

    #[test]
    fn it_reads_well() {
        let full = DriverPriority { slice_ns: Some(100_000), nice: -10, exact_timers: true };
        assert_eq!(full.to_string(), "slice 0.1 ms, nice -10");
        let none = DriverPriority { slice_ns: None, nice: 0, exact_timers: false };
        assert_eq!(none.to_string(), "default slice, nice 0, timers up to 50 µs late");
    }
}
