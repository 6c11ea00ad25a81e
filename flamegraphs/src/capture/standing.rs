//! Threads that stood off their CPU for the whole of a recording: no event shows where. They are looked at once, at its end,
//! as debuggers look at all threads; whoever ran meanwhile is never touched.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::net::sockopt::{Timeout, socket_timeout};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::halted::{Registers, halted};

/// Threads whose counts are kept.
const MOST_THREADS: usize = 1 << 14;
/// Threads that are looked at.
const MOST_LOOKED_AT: usize = 512;
/// Bytes of stack that are read of each: as many as come with a sample.
const STACK_BYTES: usize = 32 * 1024;

/// How often each thread had left its CPU when recording began, by process and thread.
pub(super) type Before = HashMap<(u32, u32), u64>;

/// A thread as it stands.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) pid: u32,
    pub(super) tid: u32,
    /// Number of the system call that it waits in.
    pub(super) call: u64,
    /// The first thing that it gave that call: where it waits for a lock, the lock's address.
    pub(super) argument: u64,
    /// Stack and instruction pointer.
    pub(super) at: [u64; 2],
    /// Base pointer, and other registers that calls keep; not known of a thread that was not halted.
    pub(super) kept: Option<(u64, [u64; 5])>,
    pub(super) stack: Vec<u8>,
}

/// All snapshots.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) found: Vec<Snapshot>,
    /// Threads that stood still and were not to be looked into, and what was said of the last.
    pub(super) refused: Option<(usize, String)>,
}

/// Reads how often threads have left their CPU.
pub(super) fn before(pids: &[u32]) -> Before {
    let all = pids.iter().flat_map(|pid| threads(*pid).into_iter().map(|tid| (*pid, tid)));
    all.take(MOST_THREADS).filter_map(|(pid, tid)| Some(((pid, tid), switches(pid, tid)?))).collect()
}

/// Looks at those that have not left it again since, and sleep.
pub(super) fn look(before: &Before) -> Look {
    let mut still: Vec<(u32, u32)> = before
        .iter()
        .filter(|((pid, tid), count)| is_asleep(*pid, *tid) && switches(*pid, *tid) == Some(**count))
        .map(|(who, _)| *who)
        .collect();
    still.sort_unstable();
    still.truncate(MOST_LOOKED_AT);
    // Whoever could not be let go is, when this thread ends.
    std::thread::scope(|scope| {
        let looking = std::thread::Builder::new().name("onlooker".to_owned()).spawn_scoped(scope, || all(&still));
        looking.ok().and_then(|looking| looking.join().ok()).unwrap_or_default()
    })
}

fn all(still: &[(u32, u32)]) -> Look {
    let mut seen = Look::default();
    for (pid, tid) in still {
        match snapshot(*pid, *tid) {
            Ok(found) => seen.found.extend(found),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES | libc::ENOSYS)) => {
                let (count, said) = seen.refused.get_or_insert_default();
                (*count, *said) = (*count + 1, error.to_string());
            }
            // It ended, or went on.
            Err(_) => {}
        }
    }
    seen
}

/// A thread's stack; `None` of one that is in no system call.
fn snapshot(pid: u32, tid: u32) -> io::Result<Option<Snapshot>> {
    let Some(called) = called(pid, tid)? else { return Ok(None) };
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let read = |from: u64| {
        let mut stack = vec![0; STACK_BYTES];
        // Shorter where the stack ends before.
        let length = memory.read_at(&mut stack, from)?;
        stack.truncate(length);
        Ok::<_, io::Error>(stack)
    };
    let Called { call, argument, .. } = called;
    let as_seen = |at, kept, stack| Some(Snapshot { pid, tid, call, argument, at, kept, stack });
    // Unless it went on before it was looked at.
    if goes_on(pid, call, argument) {
        let (Registers { walk: [base, pointer, at], kept }, stack) =
            halted(tid, |registers| (registers, read(registers.walk[1])))?;
        let stack = stack?;
        return Ok(if pointer == called.stack { as_seen([pointer, at], Some((base, kept)), stack) } else { None });
    }
    let stack = read(called.stack)?;
    Ok(if self::called(pid, tid)? == Some(called) { as_seen([called.stack, called.at], None, stack) } else { None })
}

/// What `/proc/PID/task/TID/syscall` says (proc(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Called {
    call: u64,
    argument: u64,
    stack: u64,
    at: u64,
}

fn called(pid: u32, tid: u32) -> io::Result<Option<Called>> {
    Ok(parse(&fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall"))?))
}

/// Number, six arguments, stack pointer, instruction pointer; or `running`, or -1 outside of a call.
fn parse(text: &str) -> Option<Called> {
    let mut fields = text.split_ascii_whitespace();
    let call = fields.next()?.parse().ok()?;
    let mut hex = fields.map(|field| u64::from_str_radix(field.trim_start_matches("0x"), 16).ok());
    Some(Called { call, argument: hex.next()??, stack: hex.nth(5)??, at: hex.next()?? })
}

/// Whether a call that is interrupted goes on by itself (signal(7)), so that the program does not notice. Those that do not are
/// read without being halted: waits in epoll, and at sockets whose waits end after a time.
fn goes_on(pid: u32, call: u64, argument: u64) -> bool {
    let Ok(call) = libc::c_long::try_from(call) else { return false };
    match call {
        libc::SYS_futex
        | libc::SYS_nanosleep
        | libc::SYS_clock_nanosleep
        | libc::SYS_ppoll
        | libc::SYS_pselect6
        | libc::SYS_wait4
        | libc::SYS_waitid
        | libc::SYS_flock => true,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll | libc::SYS_select => true,
        libc::SYS_read | libc::SYS_write | libc::SYS_readv | libc::SYS_writev => {
            let file = fs::read_link(format!("/proc/{pid}/fd/{argument}"));
            let is_a = |kind| file.as_ref().is_ok_and(|file| file.to_string_lossy().starts_with(kind));
            is_a("pipe:") || is_a("socket:") && has_no_timeout(pid, argument)
        }
        libc::SYS_recvfrom
        | libc::SYS_recvmsg
        | libc::SYS_sendto
        | libc::SYS_sendmsg
        | libc::SYS_accept
        | libc::SYS_accept4
        | libc::SYS_connect => has_no_timeout(pid, argument),
        _ => false,
    }
}

/// Whether waits at a socket of that process last until something comes.
fn has_no_timeout(pid: u32, number: u64) -> bool {
    let socket = || {
        let process = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let process = pidfd_open(process, PidfdFlags::empty()).ok()?;
        pidfd_getfd(process, i32::try_from(number).ok()?, PidfdGetfdFlags::empty()).ok()
    };
    let waits = |socket: &OwnedFd, what| matches!(socket_timeout(socket, what), Ok(None));
    socket().is_some_and(|socket| waits(&socket, Timeout::Recv) && waits(&socket, Timeout::Send))
}

impl Snapshot {
    /// The word in memory that it waits for another thread to change: that of a lock, for one.
    pub(super) fn word(&self) -> Option<u64> {
        (libc::c_long::try_from(self.call) == Ok(libc::SYS_futex)).then_some(self.argument)
    }

    /// Which of these words it knows of beside the one that it waits for: who holds a lock has to find it again.
    pub(super) fn knows(&self, words: &BTreeSet<u64>) -> BTreeSet<u64> {
        let stack = self.stack.chunks_exact(8);
        let stack = stack.map(|word| word.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        let kept = self.kept.into_iter().flat_map(|(base, others)| others.into_iter().chain([base]));
        stack.chain(kept).filter(|word| words.contains(word) && Some(*word) != self.word()).collect()
    }
}

fn threads(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// How often a thread has left its CPU, of its own accord or not.
fn switches(pid: u32, tid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok()?;
    let counts = text.lines().filter_map(|line| line.split_once("_ctxt_switches:")?.1.trim().parse::<u64>().ok());
    Some(counts.sum())
}

fn is_asleep(pid: u32, tid: u32) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat")).unwrap_or_default();
    text.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('S'))
}

/// Names of calls in which threads sleep, by number.
const CALLS: &[(libc::c_long, &str)] = &[
    (libc::SYS_futex, "futex"),
    (libc::SYS_read, "read"),
    (libc::SYS_write, "write"),
    (libc::SYS_readv, "readv"),
    (libc::SYS_writev, "writev"),
    (libc::SYS_pread64, "pread64"),
    (libc::SYS_pwrite64, "pwrite64"),
    (libc::SYS_recvfrom, "recvfrom"),
    (libc::SYS_recvmsg, "recvmsg"),
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_sendmsg, "sendmsg"),
    (libc::SYS_connect, "connect"),
    (libc::SYS_accept, "accept"),
    (libc::SYS_accept4, "accept4"),
    (libc::SYS_epoll_pwait, "epoll_pwait"),
    (libc::SYS_epoll_pwait2, "epoll_pwait2"),
    (libc::SYS_ppoll, "ppoll"),
    (libc::SYS_pselect6, "pselect6"),
    (libc::SYS_nanosleep, "nanosleep"),
    (libc::SYS_clock_nanosleep, "clock_nanosleep"),
    (libc::SYS_wait4, "wait4"),
    (libc::SYS_waitid, "waitid"),
    (libc::SYS_flock, "flock"),
    (libc::SYS_fcntl, "fcntl"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_rt_sigtimedwait, "rt_sigtimedwait"),
    (libc::SYS_rt_sigsuspend, "rt_sigsuspend"),
    (libc::SYS_io_getevents, "io_getevents"),
    (libc::SYS_io_uring_enter, "io_uring_enter"),
    (libc::SYS_semtimedop, "semtimedop"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_epoll_wait, "epoll_wait"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_poll, "poll"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_select, "select"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_pause, "pause"),
];

/// The kernel's function of a call, as it stands at the root of what samples show of its side.
pub(super) fn entry(call: u64) -> String {
    let known = CALLS.iter().find(|(number, _)| u64::try_from(*number) == Ok(call));
    known.map_or_else(|| format!("__do_sys_{call}"), |(_, name)| format!("__do_sys_{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_waits_in_is_read() {
        let text = "202 0x55d0c0a0 0x80 0x2 0x0 0x0 0xffffffff 0x7ffc23d0a3b8 0x7f3faffc62ad\n";
        let told = Called { call: 202, argument: 0x55d0_c0a0, stack: 0x7ffc_23d0_a3b8, at: 0x7f3f_affc_62ad };
        assert_eq!(parse(text), Some(told));
        assert_eq!((parse("running\n"), parse("-1 0x7ffc 0x7f3f\n"), parse("")), (None, None, None));
        assert_eq!(entry(u64::try_from(libc::SYS_futex).unwrap()), "__do_sys_futex");
        assert_eq!(entry(99_999), "__do_sys_99999");
    }

    #[test]
    fn a_lock_is_found_in_the_stack_of_whoever_has_it() {
        let stack: Vec<u8> = [7_u64, 0x5500, 9, 0x6600].iter().flat_map(|word| word.to_le_bytes()).collect();
        let call = u64::try_from(libc::SYS_futex).unwrap();
        let kept = Some((0, [0x7700, 0, 0, 0, 0]));
        let snapshot = Snapshot { pid: 1, tid: 1, call, argument: 0x6600, at: [0, 0], kept, stack };
        let words = BTreeSet::from([0x5500, 0x6600, 0x7700, 0x8800]);
        assert_eq!((snapshot.word(), snapshot.knows(&words)), (Some(0x6600), BTreeSet::from([0x5500, 0x7700])));
    }

    #[test]
    fn who_ran_meanwhile_is_not_looked_at() {
        let own = std::process::id();
        let mut counts = before(&[own]);
        assert!(!counts.is_empty());
        counts.values_mut().for_each(|count| *count += 1);
        assert!(look(&counts).found.is_empty());
    }
}
