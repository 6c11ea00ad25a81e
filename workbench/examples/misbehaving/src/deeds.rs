//! What a process can do to whoever supervises it.

use std::fs;
use std::io::Write;
use std::os::fd::RawFd;
use std::process::Command;

/// Starts a process in a session and group of its own, whose parent ends at once: killing this process, its group or
/// its session does not reach it. It holds this process's standard error open.
pub(crate) fn leave_a_process_behind() {
    let started = Command::new("sh").args(["-c", "setsid sleep 1000 &"]).status();
    eprintln!("left a process behind: {}", started.is_ok_and(|status| status.success()));
}

/// Never returns and never yields.
pub(crate) fn block_this_thread() -> ! {
    loop {
        std::thread::park();
    }
}

/// Stops every thread of this process, as a debugger would.
pub(crate) fn freeze_this_process() {
    // The standard library has no kill(2).
    let _ = Command::new("kill").args(["-STOP", &std::process::id().to_string()]).status();
}

/// Writes what is no reply where only replies belong.
pub(crate) fn write_garbage_to_the_reply_pipe() {
    let replies = (3..256).find(|&fd| is_the_reply_pipe(fd));
    let Some(fd) = replies else {
        eprintln!("no reply pipe found");
        return;
    };
    // Opening the link opens the pipe behind it once more.
    let written = fs::OpenOptions::new()
        .write(true)
        .open(format!("/proc/self/fd/{fd}"))
        .and_then(|mut pipe| pipe.write_all(b"<html>\x1b[31mnot a reply\n"));
    // The parent kills this process as soon as it has read that: only a failure leaves time for words.
    if let Err(error) = written {
        eprintln!("garbage not written: {error}");
    }
}

/// A pipe that can only be written to and is not standard error.
fn is_the_reply_pipe(fd: RawFd) -> bool {
    let link = |fd: RawFd| fs::read_link(format!("/proc/self/fd/{fd}")).ok();
    let is_pipe = link(fd).is_some_and(|target| target.to_string_lossy().starts_with("pipe:"));
    let write_only = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).is_ok_and(|info| {
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        // The last octal digit holds the access mode; 1 is O_WRONLY.
        flags.is_some_and(|flags| flags.trim().ends_with('1'))
    });
    is_pipe && write_only && link(fd) != link(2)
}
