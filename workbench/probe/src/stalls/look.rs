//! One look at a thread of this process, from outside.

use std::fs;

/// Whether a thread wants a CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Running, or ready to run: the kernel does not tell these apart.
    Runnable,
    /// Asleep in the kernel.
    Asleep,
}

/// CPU time of a thread, nanoseconds (`CLOCK_THREAD_CPUTIME_ID` of another thread); `None` where it is gone.
pub(super) fn cpu_time(thread: i32) -> Option<u64> {
    // The clock id of a thread: its id inverted, and CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED (kernel,
    // include/linux/posix-timers_types.h).
    let clock = (!thread << 3) | 6;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to `time`.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) } != 0;
    // Neither is negative; 584 years.
    (!failed).then(|| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// State of a thread (`/proc/self/task/…/stat`, third field); `None` where it is gone.
pub(super) fn state(thread: i32) -> Option<State> {
    parse_state(&fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok()?)
}

/// Where a thread sleeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sleep {
    /// Kernel function (`wchan`).
    pub(super) wchan: Option<String>,
    /// Number of the system call, -1 where it sleeps outside of any, such as in a page fault (`syscall`).
    pub(super) syscall: Option<i64>,
}

impl Sleep {
    /// On a futex, by either account.
    pub(super) fn on_futex(&self) -> bool {
        self.syscall == Some(libc::SYS_futex) || self.wchan.as_ref().is_some_and(|name| name.starts_with("futex"))
    }
}

/// Where a thread sleeps, as far as the kernel says.
pub(super) fn sleep(thread: i32) -> Sleep {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/task/{thread}/{name}")).ok();
    Sleep {
        wchan: read("wchan").filter(|name| !name.is_empty() && name != "0"),
        syscall: read("syscall").and_then(|text| text.split_whitespace().next()?.parse().ok()),
    }
}

/// Time that a thread has waited for a CPU in its life, nanoseconds (`schedstat`, second field).
pub(super) fn run_queue_wait(thread: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

/// Name of a thread.
pub(super) fn name(thread: i32) -> String {
    let name = fs::read_to_string(format!("/proc/self/task/{thread}/comm")).unwrap_or_default();
    name.trim_end_matches('\n').to_owned()
}

fn parse_state(stat: &str) -> Option<State> {
    // The name, in parentheses, may hold anything.
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    Some(match state {
        'R' => State::Runnable,
        _ => State::Asleep,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn own_thread() -> i32 {
        nix::unistd::gettid().as_raw()
    }

    #[test]
    fn a_name_does_not_pass_for_a_state() {
        assert_eq!(parse_state("12 (a) S (b) R 1 2 3"), Some(State::Runnable));
        assert_eq!(parse_state("12 (R) S 1"), Some(State::Asleep));
        assert_eq!(parse_state("12 (x) D 1"), Some(State::Asleep));
        assert_eq!(parse_state("12 x"), None);
    }

    #[test]
    fn this_thread_runs_and_its_clock_goes_on() {
        let thread = own_thread();
        assert_eq!(state(thread), Some(State::Runnable));
        let before = cpu_time(thread).unwrap();
        while cpu_time(thread).unwrap() == before {}
        assert!(run_queue_wait(thread).is_some());
    }

    #[test]
    fn a_sleeping_thread_says_where() {
        let (send, receive) = std::sync::mpsc::channel();
        let sleeper = std::thread::Builder::new().name("sleeper".into()).spawn(move || {
            send.send(own_thread()).unwrap();
            std::thread::park();
        });
        let sleeper = sleeper.unwrap();
        let thread = receive.recv().unwrap();
        let asleep = (0..10_000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            state(thread) == Some(State::Asleep) && sleep(thread).syscall == Some(libc::SYS_futex)
        });
        assert!(asleep);
        assert_eq!(name(thread), "sleeper");
        sleeper.thread().unpark();
        sleeper.join().unwrap();
    }

    #[test]
    fn a_thread_that_is_gone_says_nothing() {
        let thread = std::thread::spawn(own_thread).join().unwrap();
        let gone = (0..10_000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            cpu_time(thread).is_none() && state(thread).is_none()
        });
        assert!(gone);
    }
}
