//! A timer on the CPU clock of one thread, which signals that very thread.

use std::ffi::{c_int, c_long};
use std::io;
use std::mem::zeroed;

/// Deletes its timer when dropped.
#[derive(Debug)]
pub(super) struct Timer {
    id: c_int,
}

impl Timer {
    /// Sends `SIGPROF` with `value` to thread `tid` of this process after `first_ns` of its CPU time and each
    /// `period_ns` from then on. Expiries between two ticks of the kernel come as one signal with a count of overruns.
    ///
    /// # Errors
    /// `EINVAL` where the thread has ended, `EAGAIN` beyond the limit of queued signals (`RLIMIT_SIGPENDING`).
    pub(super) fn start(tid: i32, value: usize, first_ns: i64, period_ns: i64) -> io::Result<Self> {
        // SAFETY: a plain structure for which zeroes are valid.
        let mut event: libc::sigevent = unsafe { zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGPROF;
        event.sigev_notify_thread_id = tid;
        event.sigev_value = libc::sigval { sival_ptr: value as *mut _ };
        let mut id: c_int = 0;
        // SAFETY: the kernel reads the event and writes the identifier, both of which live.
        called(unsafe { libc::syscall(libc::SYS_timer_create, clock_of(tid), &raw mut event, &raw mut id) })?;
        let timer = Self { id };
        let time = |ns: i64| libc::timespec { tv_sec: ns / 1_000_000_000, tv_nsec: ns % 1_000_000_000 };
        let when = libc::itimerspec { it_interval: time(period_ns), it_value: time(first_ns.max(1)) };
        let nothing: *mut libc::itimerspec = std::ptr::null_mut();
        // SAFETY: the kernel reads `when`, which lives.
        called(unsafe { libc::syscall(libc::SYS_timer_settime, id, 0, &raw const when, nothing) })?;
        Ok(timer)
    }

    /// Whether the thread lives whose clock this is. The kernel holds on to the thread, not to its number: it reports
    /// no interval once that thread is gone, even if another has the number now (`posix_cpu_timer_get`).
    pub(super) fn has_thread(&self) -> bool {
        // SAFETY: a plain structure for which zeroes are valid.
        let mut now: libc::itimerspec = unsafe { zeroed() };
        // SAFETY: the kernel writes `now`, which lives.
        let read = called(unsafe { libc::syscall(libc::SYS_timer_gettime, self.id, &raw mut now) });
        read.is_ok() && (now.it_interval.tv_sec, now.it_interval.tv_nsec) != (0, 0)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: ours, and deleted once.
        unsafe { libc::syscall(libc::SYS_timer_delete, self.id) };
    }
}

/// The CPU clock of a thread: the complement of its number, then `CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED` (kernel,
/// `posix-timers_types.h`).
fn clock_of(tid: i32) -> libc::clockid_t {
    (!tid << 3) | 6
}

fn called(result: c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_timer_knows_when_its_thread_is_gone() {
        let (tell, told) = channel();
        let (end, ended) = channel::<()>();
        let thread = std::thread::spawn(move || {
            // SAFETY: takes nothing.
            tell.send(unsafe { libc::gettid() }).unwrap();
            let _ = ended.recv();
        });
        let tid = told.recv().unwrap();
        // Far away: no signal comes.
        let timer = Timer::start(tid, 0, 1 << 50, 1 << 50).unwrap();
        assert!(timer.has_thread());
        drop(end);
        thread.join().unwrap();
        // The join returns when the kernel clears the thread's number, just before the thread is gone.
        while timer.has_thread() {
            std::thread::yield_now();
        }
        assert!(
            Timer::start(tid, 0, 1 << 50, 1 << 50).is_err()
                || std::path::Path::new("/proc/self/task").join(tid.to_string()).exists()
        );
    }
}
