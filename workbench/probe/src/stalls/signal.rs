//! The real-time signal that asks a thread for its stack.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

/// Handler of a signal with information (`SA_SIGINFO`).
pub(super) type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// First signal that is tried, counted from `SIGRTMIN`: debuggers and timer libraries like the very first.
const FIRST: c_int = 4;

/// The signal that this process was given the handler for.
static TAKEN: Mutex<Option<c_int>> = Mutex::new(None);

/// Finds a real-time signal that nobody handles, gives it the handler, and says which.
///
/// The handler stays for as long as the process lives: a signal may be on its way to a thread that has not run since,
/// and the default of a real-time signal is to end the process. System calls go on after it (`SA_RESTART`), but for
/// those that never do (signal(7)): sleeps and polls end with `EINTR`. It runs on the thread's alternate stack where
/// there is one.
///
/// # Errors
/// Every real-time signal has a handler already.
pub(super) fn take(handler: Handler) -> Result<c_int, String> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(signal) = *taken
        && handler_of(signal).is_some_and(|now| now == handler as usize)
    {
        return Ok(signal);
    }
    let (first, last) = (libc::SIGRTMIN() + FIRST, libc::SIGRTMAX());
    for signal in first..=last {
        if handler_of(signal) == Some(libc::SIG_DFL) && give(signal, handler).is_ok() {
            *taken = Some(signal);
            return Ok(signal);
        }
    }
    Err(format!("the signals {first} to {last} all have handlers already"))
}

fn handler_of(signal: c_int) -> Option<usize> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only reads the action, into a place of its own.
    let failed = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } != 0;
    // SAFETY: zeroed, and then filled in by the call above.
    (!failed).then(|| unsafe { action.assume_init() }.sa_sigaction)
}

fn give(signal: c_int, handler: Handler) -> io::Result<()> {
    // SAFETY: all zeros is an action: default, no flags, empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: the handler is async-signal-safe and lives for ever.
    if unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// `siginfo_t` as 64-bit kernels lay it out for a queued signal (include/uapi/asm-generic/siginfo.h).
#[repr(C)]
struct Queued {
    signal: c_int,
    errno: c_int,
    code: c_int,
    padding: c_int,
    process: libc::pid_t,
    user: libc::uid_t,
    value: u64,
    rest: [u64; 12],
}

const _: () = assert!(size_of::<Queued>() == size_of::<libc::siginfo_t>());

/// Sends the signal with a value to one thread of this process.
///
/// # Errors
/// The thread is gone, too many signals are queued, or a filter of system calls forbids it.
pub(super) fn send(thread: i32, signal: c_int, value: u64) -> io::Result<()> {
    // SAFETY: these two only ask.
    let (process, user) = unsafe { (libc::getpid(), libc::getuid()) };
    let information =
        Queued { signal, errno: 0, code: libc::SI_QUEUE, padding: 0, process, user, value, rest: [0; 12] };
    // SAFETY: rt_tgsigqueueinfo(2) reads a siginfo_t, which this is.
    let sent = unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, &raw const information) };
    if sent == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The value that came with a signal; `None` where it was not sent by [`send`]. Async-signal-safe.
///
/// # Safety
/// `information` is the second argument of a running [`Handler`].
pub(super) unsafe fn value(information: *const libc::siginfo_t) -> Option<u64> {
    // SAFETY: the kernel passes a whole siginfo_t, which is as large as `Queued` and holds any bits.
    let information = unsafe { &*information.cast::<Queued>() };
    // SAFETY: only asks.
    let own = information.process == unsafe { libc::getpid() };
    (information.code == libc::SI_QUEUE && own).then_some(information.value)
}
