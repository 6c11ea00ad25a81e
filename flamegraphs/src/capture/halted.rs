//! Halts a thread for the microseconds that it takes to read its registers, as debuggers do (ptrace(2)).

use std::io;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

/// A thread that sleeps halts at once; one that does not in this time is left alone.
const PATIENCE: Duration = Duration::from_millis(50);
/// How often somebody looks.
const GLANCE: Duration = Duration::from_micros(50);

/// Registers of a halted thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registers {
    /// Base, stack and instruction pointer.
    pub(super) walk: [u64; 3],
    /// Those beside the base that calls keep: what a function goes on with may stand there.
    pub(super) kept: [u64; 5],
}

/// What `look` makes of the registers of a halted thread. The thread goes on afterwards, as does one that does not halt in time,
/// once the calling thread ends: this is for a thread of its own.
///
/// # Errors
/// A thread that is gone, or not to be looked into.
#[cfg(target_arch = "x86_64")]
pub(super) fn halted<T>(tid: u32, look: impl FnOnce(Registers) -> T) -> io::Result<T> {
    let tid = libc::pid_t::try_from(tid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    request(libc::PTRACE_SEIZE, tid, 0)?;
    request(libc::PTRACE_INTERRUPT, tid, 0)?;
    let signal = stopped(tid)?;
    let mut registers = MaybeUninit::<libc::user_regs_struct>::zeroed();
    // SAFETY: the call writes one such structure to the place it is given, which outlives it.
    let read = unsafe { libc::ptrace(libc::PTRACE_GETREGS, tid, 0, registers.as_mut_ptr()) };
    let read = if read == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    // SAFETY: any bytes are such a structure, and all were zeroed at least.
    let registers = unsafe { registers.assume_init() };
    let looked = read.map(|()| {
        look(Registers {
            walk: [registers.rbp, registers.rsp, registers.rip],
            kept: [registers.rbx, registers.r12, registers.r13, registers.r14, registers.r15],
        })
    });
    // A signal that came meanwhile is handed on.
    request(libc::PTRACE_DETACH, tid, signal)?;
    looked
}

/// Elsewhere stacks are not walked.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn halted<T>(_: u32, _: impl FnOnce(Registers) -> T) -> io::Result<T> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

#[cfg(target_arch = "x86_64")]
fn request(what: libc::c_uint, tid: libc::pid_t, data: usize) -> io::Result<()> {
    // SAFETY: these requests take a number, not a place in memory.
    let answer = unsafe { libc::ptrace(what, tid, 0, data) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits until the thread has halted; the signal that it halted for, 0 where it is our doing alone.
#[cfg(target_arch = "x86_64")]
fn stopped(tid: libc::pid_t) -> io::Result<usize> {
    let deadline = Instant::now() + PATIENCE;
    // Not for its end: that is for whoever started it to hear of.
    let wanted = libc::WSTOPPED | libc::WNOHANG | libc::__WALL;
    while Instant::now() < deadline {
        let mut told = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: the call writes at most one such structure to the place it is given, which outlives it.
        let answer = unsafe { libc::waitid(libc::P_PID, tid.unsigned_abs(), told.as_mut_ptr(), wanted) };
        if answer != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: any bytes are such a structure; of those that were written these fields are the ones of a child's change.
        let (pid, status) = unsafe {
            let told = told.assume_init();
            (told.si_pid(), told.si_status())
        };
        if pid == tid {
            // Above the signal stands the event that it halted for.
            return Ok(if status >> 8 == 0 { usize::try_from(status).unwrap_or(0) } else { 0 });
        }
        std::thread::sleep(GLANCE);
    }
    Err(io::Error::from_raw_os_error(libc::ETIMEDOUT))
}
