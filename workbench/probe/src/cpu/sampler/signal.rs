//! The signal and its handler.

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::zeroed;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use super::ring::{Record, Ring, STACK_BYTES};
use super::tops;
use crate::cpu::unwind::{Registers, StackCopy, copy_stack, walk_frame_pointers};

/// Number of the running profile; 0 while there is none. Signals of earlier ones are dropped.
static RUNNING: AtomicU32 = AtomicU32::new(0);
/// Handlers at work.
static AT_WORK: AtomicU32 = AtomicU32::new(0);
/// Profiles so far.
static PROFILES: AtomicU32 = AtomicU32::new(0);

/// The handler in place; dropping it puts back what was there before.
pub(super) struct Installed {
    profile: u32,
    before: libc::sigaction,
}

/// What a timer hands to the handler: profile and thread in one word.
pub(super) fn value(profile: u32, thread: u32) -> usize {
    ((profile as usize) << 32) | thread as usize
}

impl Installed {
    /// Installs the handler.
    ///
    /// # Errors
    /// Somebody else handles `SIGPROF`: their samples would be ours, and ours theirs.
    pub(super) fn install() -> io::Result<Self> {
        // SAFETY: plain structures for which zeroes are valid.
        let (mut action, mut before): (libc::sigaction, libc::sigaction) = unsafe { (zeroed(), zeroed()) };
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_signal;
        action.sa_sigaction = handler as usize;
        // Threads with small stacks (cgo, coroutines) are interrupted on their signal stack, where they have one.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        // SAFETY: reads `action`, writes both.
        unsafe {
            libc::sigfillset(&raw mut action.sa_mask);
            if libc::sigaction(libc::SIGPROF, std::ptr::null(), &raw mut before) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        if ![libc::SIG_DFL, libc::SIG_IGN].contains(&before.sa_sigaction) {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another profiler handles SIGPROF"));
        }
        // SAFETY: as above; the handler is async-signal-safe.
        if unsafe { libc::sigaction(libc::SIGPROF, &raw const action, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // Never 0: that means nobody.
        let profile = PROFILES.fetch_add(1, SeqCst).wrapping_add(1).max(1);
        RUNNING.store(profile, SeqCst);
        Ok(Self { profile, before })
    }

    /// Number of this profile.
    pub(super) fn profile(&self) -> u32 {
        self.profile
    }

    /// Ends the profile: signals under way are dropped, handlers at work are waited for.
    pub(super) fn silence(&self) {
        RUNNING.store(0, SeqCst);
        // SAFETY: a plain structure for which zeroes are valid.
        let mut ignore: libc::sigaction = unsafe { zeroed() };
        ignore.sa_sigaction = libc::SIG_IGN;
        // SAFETY: reads `ignore`. Ignoring a signal discards it wherever it is pending (sigaction(2)); the default
        // action, which may come back next, would end the process.
        unsafe { libc::sigaction(libc::SIGPROF, &raw const ignore, std::ptr::null_mut()) };
        // A handler may be held up as long as its thread is not scheduled; its place and its code stay valid.
        let deadline = Instant::now() + Duration::from_secs(1);
        while AT_WORK.load(SeqCst) > 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        self.silence();
        // SAFETY: what the kernel gave us.
        unsafe { libc::sigaction(libc::SIGPROF, &raw const self.before, std::ptr::null_mut()) };
    }
}

/// What the kernel puts behind the first three fields of `siginfo_t` for timers (`asm-generic/siginfo.h`).
#[repr(C)]
struct TimerInfo {
    signo: c_int,
    errno: c_int,
    code: c_int,
    _padding: c_int,
    timer: c_int,
    overrun: c_int,
    value: usize,
}

/// Async-signal-safe throughout: atomics, two or three system calls, memory that was prepared; `errno` is kept.
extern "C" fn on_signal(_signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the address of this thread's `errno`.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: valid for this thread.
    let kept = unsafe { *errno };
    AT_WORK.fetch_add(1, SeqCst);
    // SAFETY: the kernel passes a `siginfo_t`, which is larger than the part that we look at.
    let info = unsafe { &*info.cast::<TimerInfo>() };
    #[allow(clippy::cast_possible_truncation, reason = "two halves of one word, see `value`")]
    let (profile, thread) = ((info.value >> 32) as u32, info.value as u32);
    if info.code == libc::SI_TIMER && profile != 0 && profile == RUNNING.load(SeqCst) {
        let weight = 1 + u32::try_from(info.overrun).unwrap_or(0);
        if let Some(ring) = Ring::mapped() {
            ring.put(thread, weight, |record| {
                (record.profile, record.thread, record.weight) = (profile, thread, weight);
                // SAFETY: the third argument of a handler installed with SA_SIGINFO.
                fill(record, unsafe { Registers::interrupted(context) }.unwrap_or_default());
            });
        }
    }
    AT_WORK.fetch_sub(1, SeqCst);
    // SAFETY: as above.
    unsafe { *errno = kept };
}

fn fill(record: &mut Record, registers: Registers) {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both write what they are given: a time, and at most 16 bytes (PR_GET_NAME(2const)).
    unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now);
        libc::prctl(libc::PR_GET_NAME, record.name.as_mut_ptr());
    }
    record.at_ns = now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned();
    record.registers = registers;
    let wanted = tops::bytes_from(record.thread, registers.sp).map_or(STACK_BYTES, |bytes| bytes.min(STACK_BYTES));
    let copied = copy_stack(registers.sp, &mut record.stack[..wanted]);
    let copy = StackCopy { start: registers.sp, bytes: &record.stack[..copied], beyond: &[] };
    let links = if copied == STACK_BYTES { walk_frame_pointers(registers.fp, &copy, &mut record.beyond) } else { 0 };
    #[allow(clippy::cast_possible_truncation, reason = "both are small")]
    let (copied, links) = (copied as u32, links as u32);
    (record.copied, record.links) = (copied, links);
}
