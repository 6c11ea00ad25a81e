//! `/proc/PID/environ` and `/proc/PID/cmdline`, read at one moment.
//!
//! Both are read out of the memory of the process as it was when the file was opened. A process that replaces itself
//! (`execve(2)`) gives that memory up, and reads from then on find the end of the file: whoever reads in pieces gets the
//! first piece of an environment and takes it for all. The kernel holds the memory for the length of one `read(2)`.

use std::fs::File;
use std::io::{self, Read};

/// Most systems allow a quarter of the stack, 2 MiB, for both together; most programs have a few KiB.
const FIRST: usize = 32 << 10;
/// More than a kernel allows, whatever the limit of the stack (`_STK_LIM / 4 * 3`, 6 MiB).
const MOST: usize = 8 << 20;

/// All of `file` of process `pid` at one moment. Empty: it has none now (it ended, it is a thread of the kernel's, or
/// it is between two programs).
///
/// # Errors
/// The process is gone or not ours to look into.
pub(super) fn read(pid: i32, file: &str) -> io::Result<Vec<u8>> {
    let path = format!("/proc/{pid}/{file}");
    let mut room = FIRST;
    loop {
        let mut bytes = vec![0; room];
        let got = File::open(&path)?.read(&mut bytes)?;
        if got < room || room >= MOST {
            bytes.truncate(got);
            return Ok(bytes);
        }
        room *= 4;
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn an_environment_larger_than_the_first_room_is_whole() {
        let long = "x".repeat(100 << 10);
        let mut child = Command::new("cat")
            .env_clear()
            .env("LONG", &long)
            .env("LAST", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("cat starts");
        let pid = i32::try_from(child.id()).expect("a process number");
        let found = loop {
            match read(pid, "environ").expect("it is ours") {
                none if none.is_empty() => std::thread::yield_now(),
                found => break found,
            }
        };
        let variables: Vec<&[u8]> = found.split(|byte| *byte == 0).filter(|one| !one.is_empty()).collect();
        assert_eq!(variables.len(), 2);
        assert!(variables.contains(&b"LAST=1".as_slice()));
        assert_eq!(read(pid, "cmdline").expect("it is ours"), b"cat\0");
        drop(child.stdin.take());
        child.wait().expect("it ends");
        assert!(read(pid, "environ").is_err());
    }

    /// A process that replaces itself over and over never shows a part of its environment.
    #[test]
    fn a_process_that_replaces_itself_shows_all_or_nothing() {
        let script = "i=$1; [ $i -gt 300 ] || exec sh -c \"$SCRIPT\" again $((i + 1))";
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "again", "0"]).env("SCRIPT", script).env("Z", "y".repeat(9000));
        let mut child = shell.spawn().expect("a shell");
        let pid = i32::try_from(child.id()).expect("a process number");
        let whole = format!("Z={}", "y".repeat(9000)).into_bytes();
        while child.try_wait().expect("it is ours").is_none() {
            let Ok(found) = read(pid, "environ") else { continue };
            let has = found.split(|byte| *byte == 0).any(|variable| variable == whole);
            assert!(found.is_empty() || has, "{} bytes of an environment", found.len());
        }
    }
}
