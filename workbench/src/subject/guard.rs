//! The guard: a process of its own that outlives a killed parent just long enough to kill the subjects.
//!
//! `PR_SET_PDEATHSIG` would miss grandchildren and fires when the spawning thread ends. The guard instead holds the
//! read end of a pipe; when the parent is gone, however it went, the pipe closes.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process_group};

use super::stray;

/// The hidden command that makes this executable a guard.
pub const COMMAND: &str = "__guard";

/// The parent's end.
#[derive(Debug)]
pub struct Guard(Mutex<Option<(Child, ChildStdin)>>);

impl Guard {
    /// Starts the guard process.
    pub fn start() -> std::io::Result<Arc<Self>> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(COMMAND)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = child.stdin.take().ok_or_else(|| std::io::Error::other("the guard has no pipe"))?;
        Ok(Arc::new(Self(Mutex::new(Some((child, pipe))))))
    }

    /// A guard that guards nothing, where no process may be started.
    pub fn without_process() -> Arc<Self> {
        Arc::new(Self(Mutex::new(None)))
    }

    /// A process with this marker is about to be started: should this process die before it can say which, everything that
    /// carries the marker dies with it all the same.
    pub(super) fn expect(&self, marker: &str) {
        self.say(&format!("expect 0 {marker}"));
    }

    /// From now on, the group and everything that carries the marker dies with this process.
    pub(super) fn watch(&self, group: Pid, marker: &str) {
        self.say(&format!("watch {} {marker}", group.as_raw_nonzero()));
    }

    /// The group has been killed and is about to be reaped; then its number may be used again by the kernel.
    pub(super) fn release(&self, group: Pid) {
        self.say(&format!("release {}", group.as_raw_nonzero()));
    }

    fn say(&self, line: &str) {
        if let Ok(mut inner) = self.0.lock()
            && let Some((_, pipe)) = inner.as_mut()
        {
            // A dead guard cannot be helped here; the subject still dies with its own pipe or at the end of its trial.
            let _ = writeln!(pipe, "{line}").and_then(|()| pipe.flush());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Ok(inner) = self.0.get_mut()
            && let Some((mut child, pipe)) = inner.take()
        {
            drop(pipe);
            let _ = child.wait();
        }
    }
}

/// The guard's whole life: follow what the parent says, and when it says nothing more, kill what is left.
pub fn serve(input: impl BufRead) {
    for signal in [nix::sys::signal::SIGINT, nix::sys::signal::SIGTERM, nix::sys::signal::SIGHUP] {
        // A flag that nobody reads: the signal is taken and nothing happens, where the default would end the guard.
        let _ = signal_hook::flag::register(signal as i32, Arc::default());
    }
    let mut watched: HashMap<i32, String> = HashMap::new();
    let mut expected: Option<String> = None;
    for line in input.lines() {
        let Ok(line) = line else { break };
        let mut words = line.split(' ');
        match (words.next(), words.next().and_then(|w| w.parse().ok()), words.next()) {
            (Some("expect"), Some(_), Some(marker)) => expected = Some(marker.to_owned()),
            (Some("watch"), Some(group), Some(marker)) => {
                expected = None;
                watched.insert(group, marker.to_owned());
            }
            (Some("release"), Some(group), _) => {
                watched.remove(&group);
            }
            _ => {}
        }
    }
    for (group, marker) in watched {
        if let Some(group) = Pid::from_raw(group) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        stray::kill_marked(&marker);
    }
    if let Some(marker) = expected {
        stray::kill_marked(&marker);
    }
}

#[cfg(test)]
mod tests {
    use super::super::process::MARKER;
    use super::*;

    fn sleeper(marker: &str) -> Child {
        Command::new("sleep").arg("1000").env(MARKER, marker).process_group(0).spawn().unwrap()
    }

    #[test]
    fn whoever_was_only_expected_dies_too() {
        use std::os::unix::process::ExitStatusExt;
        let mut expected = sleeper("t-guard-expected");
        serve("expect 0 t-guard-expected\n".as_bytes());
        assert_eq!(expected.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn when_the_pipe_closes_watched_groups_die_and_released_ones_live() {
        let mut watched = sleeper("t-guard-watched");
        let mut released = sleeper("t-guard-released");
        let script = format!(
            "watch {} t-guard-watched\nwatch {} t-guard-released\nrelease {}\nnonsense\n",
            watched.id(),
            released.id(),
            released.id()
        );
        serve(script.as_bytes());
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(watched.wait().unwrap().signal(), Some(9));
        assert!(released.try_wait().unwrap().is_none());
        released.kill().unwrap();
        released.wait().unwrap();
    }
}
