//! Finds out what there is by using it; everything is undone at once.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use flamegraphs::capture::allowed;

use super::Mechanism;
use crate::load::priority;
use crate::settings;

/// First real-time signal that the stall catcher tries; the kernel counts them from 32, glibc keeps two.
const FIRST_REAL_TIME: u32 = 34 + 4;
/// The last.
const LAST_REAL_TIME: u32 = 64;
/// Signal of both samplers within a process.
const SIGPROF: u32 = 27;

/// What came of it: what was found, or why there is nothing.
pub type Tried = Result<String, String>;

/// Tries one mechanism.
pub(super) fn one(mechanism: Mechanism) -> Tried {
    match mechanism {
        Mechanism::SwitchRecords => yes(allowed::switch_records()),
        Mechanism::WaitStacks => yes(allowed::departures()),
        Mechanism::Uprobes => yes(allowed::uprobes()),
        Mechanism::Tracefs => allowed::tracefs().map(|at| format!("readable at {}", at.display())),
        Mechanism::SystemCalls => yes(allowed::system_calls()),
        Mechanism::RunQueue => run_queue(),
        Mechanism::Throttling => throttling(),
        Mechanism::PressureStall => readable("/proc/pressure/cpu", |text| text.starts_with("some ")),
        Mechanism::Sockets => readable("/proc/self/net/tcp", |text| text.contains("local_address")),
        Mechanism::ProcessMemory => with_child(read_memory),
        Mechanism::Ptrace => with_child(seize),
        Mechanism::ThreadTimers => thread_timers(),
        Mechanism::StackSignal => stack_signal(),
        Mechanism::Affinity => on_a_thread(affinity),
        Mechanism::DriverPriority => on_a_thread(driver_priority),
        Mechanism::TimerSlack => on_a_thread(timer_slack),
        Mechanism::Loopback => loopback().map_err(|error| error.to_string()),
        Mechanism::PerfProgram => program("perf"),
        Mechanism::Go => program("go"),
        Mechanism::Valgrind => program("valgrind"),
        Mechanism::Tmux => program("tmux"),
    }
}

fn yes<E: std::fmt::Display>(tried: Result<(), E>) -> Tried {
    tried.map(|()| "allowed".to_owned()).map_err(|error| error.to_string())
}

fn program(name: &str) -> Tried {
    settings::program(name).map(|path| path.display().to_string()).ok_or_else(|| "not installed".to_owned())
}

fn readable(path: &str, fits: impl Fn(&str) -> bool) -> Tried {
    match fs::read_to_string(path) {
        Ok(text) if fits(&text) => Ok(format!("{path} is readable")),
        Ok(_) => Err(format!("{path} does not say what it should")),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// Three numbers: time on a CPU, time waiting for one, slices (Documentation/scheduler/sched-stats.rst).
fn run_queue() -> Tried {
    let path = "/proc/self/schedstat";
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers.as_slice() {
        [0, 0, 0] => Err(format!("{path} is there, but nothing is counted")),
        [_, _, _] => Ok(format!("{path} counts")),
        _ => Err(format!("{path} does not say what it should")),
    }
}

/// `cpu.stat` of this process's control group, of either version.
fn throttling() -> Tried {
    let membership = fs::read_to_string("/proc/self/cgroup").map_err(|error| format!("/proc/self/cgroup: {error}"))?;
    let mut seen = None;
    for line in membership.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let roots: &[&str] = match controllers {
            "" => &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
            listed if listed.split(',').any(|one| one == "cpu") => {
                &["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"]
            }
            _ => continue,
        };
        // In a container the path may be that of the host, and the group be mounted at the root.
        for folder in roots.iter().flat_map(|root| [format!("{root}{path}"), (*root).to_owned()]) {
            let file = format!("{}/cpu.stat", folder.trim_end_matches('/'));
            match fs::read_to_string(&file) {
                Ok(text) if text.contains("nr_throttled") => return Ok(format!("{file} counts")),
                Ok(_) => seen = Some(file),
                Err(_) => {}
            }
        }
    }
    Err(match seen {
        Some(file) => format!("{file} counts CPU time, not throttling: no quota can be set on this group"),
        None => "no cpu.stat of this control group can be read".to_owned(),
    })
}

/// A child that waits for its input, and ends with this function.
fn with_child(try_on: impl Fn(i32) -> io::Result<()>) -> Tried {
    struct Waiting(Child);
    impl Drop for Waiting {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = Waiting(child.map_err(|error| format!("no child to try it on: {error}"))?);
    let pid = i32::try_from(child.0.id()).map_err(|error| error.to_string())?;
    yes(try_on(pid).map_err(|error| format!("refused even for a child ({error})")))?;
    // For others it may still be forbidden (Documentation/admin-guide/LSM/Yama.rst).
    match fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").map(|scope| scope.trim().to_owned()).as_deref() {
        Ok("0") | Err(_) => Ok("allowed".to_owned()),
        Ok(scope) => Ok(format!("allowed for children (yama.ptrace_scope {scope})")),
    }
}

/// Whether the memory of a process may be read: asked for an address that no process has, so that the right is found out
/// and nothing is read.
fn read_memory(pid: i32) -> io::Result<()> {
    let mut byte = 0_u8;
    let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(1), iov_len: 1 };
    // SAFETY: the kernel writes at most one byte to `byte`; the remote address is read in the other process, if at all.
    let read = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    match io::Error::last_os_error() {
        // The right was there, the address was not.
        error if read < 0 && error.raw_os_error() != Some(libc::EFAULT) => Err(error),
        _ => Ok(()),
    }
}

fn seize(pid: i32) -> io::Result<()> {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: seizing changes nothing in this process and does not stop the child, which is killed next.
    let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, nothing, nothing) };
    if seized < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn thread_timers() -> Tried {
    let profiler =
        probe::cpu::Profiler::start(probe::cpu::Backend::Sampler, None).map_err(|error| error.to_string())?;
    drop(profiler);
    Ok("a sampler was started and stopped".to_owned())
}

fn stack_signal() -> Tried {
    let text = fs::read_to_string("/proc/self/status").map_err(|error| format!("/proc/self/status: {error}"))?;
    signals(&text)
}

/// Free real-time signals by the masks of proc_pid_status(5).
fn signals(status: &str) -> Tried {
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        u64::from_str_radix(line?.trim(), 16).ok()
    };
    let (Some(blocked), Some(ignored), Some(caught)) = (mask("SigBlk"), mask("SigIgn"), mask("SigCgt")) else {
        return Err("/proc/self/status does not tell which signals are taken".to_owned());
    };
    let taken = |signal: u32, mask: u64| mask >> (signal - 1) & 1 == 1;
    if taken(SIGPROF, blocked | ignored) {
        return Err("SIGPROF is blocked or ignored, inherited from what started this".to_owned());
    }
    let free = (FIRST_REAL_TIME..=LAST_REAL_TIME).filter(|signal| !taken(*signal, blocked | ignored | caught)).count();
    if free == 0 {
        Err("every real-time signal is taken".to_owned())
    } else {
        Ok(format!("{free} real-time signals are free"))
    }
}

/// What is tried there changes nothing of the threads that are left.
fn on_a_thread(try_it: fn() -> Tried) -> Tried {
    std::thread::spawn(try_it).join().unwrap_or_else(|_| Err("trying it failed".to_owned()))
}

fn affinity() -> Tried {
    let all = probe::affinity::get().map_err(|error| error.to_string())?;
    let Some(first) = all.iter().next() else { return Err("no CPU may be used".to_owned()) };
    let one = first.to_string().parse().map_err(|_| "a CPU without a number".to_owned())?;
    probe::affinity::set(&one).map_err(|error| error.to_string())?;
    if all.len() < 2 {
        return Err("there is but one CPU to choose from".to_owned());
    }
    Ok(format!("allowed, among {} CPUs", all.len()))
}

fn driver_priority() -> Tried {
    let obtained = priority::DriverPriority::obtain();
    match (obtained.nice < 0, obtained.slice_ns) {
        (true, _) => Ok(obtained.to_string()),
        // Design 02: measured with both 178 µs late at the 99th percentile, with a short slice alone 2.3 ms.
        (false, Some(_)) => {
            Err(format!("{obtained}: while the subject keeps every CPU busy one operation in a hundred is late"))
        }
        (false, None) => Err("neither a lower nice value nor a shorter slice can be had".to_owned()),
    }
}

fn timer_slack() -> Tried {
    if priority::DriverPriority::obtain().exact_timers {
        Ok("timers fire when they are due".to_owned())
    } else {
        Err("it cannot be lowered".to_owned())
    }
}

fn loopback() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    client.write_all(b"x")?;
    let mut byte = [0];
    server.read_exact(&mut byte)?;
    Ok("a port was opened, and a byte went through".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_tell_which_signals_are_free() {
        let status = |blocked: &str, caught: &str| format!("SigBlk:\t{blocked}\nSigIgn:\t0\nSigCgt:\t{caught}\n");
        assert_eq!(signals(&status("0", "0")), Ok("27 real-time signals are free".to_owned()));
        assert!(signals(&status("4000000", "0")).unwrap_err().contains("SIGPROF"));
        assert!(signals(&status("0", "ffffffff00000000")).unwrap_err().contains("every"));
        assert!(signals("nothing").is_err());
    }

    #[test]
    fn what_every_machine_of_ours_has_is_found() {
        assert!(one(Mechanism::Loopback).is_ok());
        assert!(one(Mechanism::Sockets).is_ok(), "{:?}", one(Mechanism::Sockets));
        assert!(program("sh").is_ok() && program("no-such-program").is_err());
    }

    #[test]
    fn trying_leaves_this_thread_as_it_was() {
        let before = (probe::affinity::get().unwrap().to_string(), rustix::thread::current_timer_slack().unwrap());
        for mechanism in [Mechanism::Affinity, Mechanism::DriverPriority, Mechanism::TimerSlack] {
            let _ = one(mechanism);
        }
        let after = (probe::affinity::get().unwrap().to_string(), rustix::thread::current_timer_slack().unwrap());
        assert_eq!(before, after);
    }
}
