//! One supervised process: started in a group of its own, talked to by lines, always reaped, never waited for in vain.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reports::run::ExitRecord;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::guard::Guard;
use super::{SubjectError, reap, stray};

/// Output kept for messages.
const STDERR_KEPT: usize = 64 * 1024;

/// Variable that marks every process of a subject, however often it forks or changes its session.
pub const MARKER: &str = "WORKBENCH_SUBJECT";

/// A running subject.
#[derive(Debug)]
pub struct SubjectProcess {
    group: Pid,
    marker: String,
    pidfd: OwnedFd,
    stdin: Option<ChildStdin>,
    lines: Receiver<std::io::Result<String>>,
    stderr: Arc<Mutex<VecDeque<u8>>>,
    readers: Vec<JoinHandle<()>>,
    guard: Arc<Guard>,
    exit: Option<ExitRecord>,
}

/// What came of waiting for a line.
#[derive(Debug)]
pub enum Line {
    /// A line, without its newline.
    Text(String),
    /// The pipe closed.
    Closed,
    /// Nothing in time.
    Late,
}

impl SubjectProcess {
    /// Starts `command` with pipes on all three standard streams, in its own process group, under the guard.
    ///
    /// `marker` must be unique per trial; it is put in the environment so that stray descendants are found.
    pub fn start(command: Command, marker: &str, guard: &Arc<Guard>) -> Result<Self, SubjectError> {
        let (started, stdout, stderr_pipe) = Started::new(command, marker, Stdio::piped(), guard)?;
        let (sender, lines) = sync_channel(64);
        let line_reader = std::thread::spawn(move || {
            for line in BufReader::with_capacity(1 << 16, stdout).split(b'\n') {
                let line = line.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&stderr);
        let stderr_reader = std::thread::spawn(move || keep_tail(stderr_pipe, &kept, None));
        Ok(Self {
            stdin: started.stdin,
            group: started.group,
            marker: marker.to_owned(),
            pidfd: started.pidfd,
            lines,
            stderr,
            readers: vec![line_reader, stderr_reader],
            guard: Arc::clone(guard),
            exit: None,
        })
    }

    /// Starts a program that nobody talks to: nothing on its standard input, the end of both its outputs kept as they
    /// come, and `awaited` told of every line.
    pub(super) fn start_silent(
        command: Command,
        marker: &str,
        guard: &Arc<Guard>,
        awaited: &Arc<AwaitedLine>,
    ) -> Result<Self, SubjectError> {
        let (started, stdout, stderr_pipe) = Started::new(command, marker, Stdio::null(), guard)?;
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let reader = |pipe: Box<dyn Read + Send>| {
            let (kept, awaited) = (Arc::clone(&kept), Arc::clone(awaited));
            std::thread::spawn(move || keep_tail(pipe, &kept, Some(&awaited)))
        };
        let readers = vec![reader(Box::new(stdout)), reader(Box::new(stderr_pipe))];
        let (_, lines) = sync_channel(1);
        Ok(Self {
            stdin: None,
            group: started.group,
            marker: marker.to_owned(),
            pidfd: started.pidfd,
            lines,
            stderr: kept,
            readers,
            guard: Arc::clone(guard),
            exit: None,
        })
    }

    /// Whether the process ends within `patience`. It is not reaped, so that its number stays its own.
    pub(super) fn ends_within(&self, patience: Duration) -> bool {
        self.exit.is_some() || reap::ended_within(&self.pidfd, patience)
    }

    /// Readable once the process has ended.
    pub(super) fn life(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Asks every process of the group to end.
    pub(super) fn terminate(&self) {
        if self.exit.is_none() {
            let _ = kill_process_group(self.group, Signal::TERM);
        }
    }

    /// Number of the process, which is that of its group.
    pub fn pid(&self) -> u32 {
        self.group.as_raw_nonzero().get().unsigned_abs()
    }

    /// Writes one line to standard input. A closed pipe is not an error here: the next read tells what happened.
    pub fn say(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(line.as_bytes()).and_then(|()| stdin.write_all(b"\n")).and_then(|()| stdin.flush());
        }
    }

    /// Waits for the next line of standard output.
    pub fn hear(&mut self, patience: Duration) -> Line {
        match self.lines.recv_timeout(patience) {
            Ok(Ok(text)) => Line::Text(text),
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => Line::Closed,
            Err(RecvTimeoutError::Timeout) => Line::Late,
        }
    }

    /// The last 64 KiB of standard error.
    pub fn stderr(&self) -> String {
        let bytes: Vec<u8> = match self.stderr.lock() {
            Ok(kept) => kept.iter().copied().collect(),
            Err(poisoned) => poisoned.into_inner().iter().copied().collect(),
        };
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for the process to end by itself, at most `patience`; then kills its group. Always reaps.
    pub fn finish(&mut self, patience: Duration) -> Result<ExitRecord, SubjectError> {
        if let Some(exit) = &self.exit {
            // Reaped: the number of the group may be somebody else's by now.
            return Ok(exit.clone());
        }
        self.stdin = None;
        reap::ended_within(&self.pidfd, patience);
        // Also when it has ended: its children outlive it in the group and hold its pipes open. Until it is reaped,
        // the number of the group cannot belong to anybody else.
        self.kill();
        self.collect()
    }

    /// Kills the group and whatever of the subject left it. Nothing once it is reaped.
    pub fn kill(&self) {
        if self.exit.is_some() {
            return;
        }
        let _ = kill_process_group(self.group, Signal::KILL);
        stray::kill_marked(&self.marker);
    }

    fn collect(&mut self) -> Result<ExitRecord, SubjectError> {
        if let Some(exit) = &self.exit {
            return Ok(exit.clone());
        }
        // Released before it is reaped, when the number of its group is still its own: everything in it has been killed,
        // and a guard that outlives us must not kill whoever gets the number next.
        self.guard.release(self.group);
        let exit = reap::wait4(self.group).map_err(|e| SubjectError::Ours(format!("wait4 of the subject: {e}")))?;
        let deadline = Instant::now() + Duration::from_secs(2);
        for reader in self.readers.drain(..) {
            while !reader.is_finished() && Instant::now() < deadline {
                // The line channel is bounded: a reader may be waiting for room.
                while self.lines.try_recv().is_ok() {}
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.exit = Some(exit.clone());
        Ok(exit)
    }
}

/// How a process ended, as the rest of a sentence about it.
pub(super) fn ending(exit: &ExitRecord) -> String {
    match (&exit.signal, exit.code) {
        (Some(signal), _) => format!("was ended by {signal}"),
        (None, Some(code)) => format!("exited with status {code}"),
        (None, None) => "ended".to_owned(),
    }
}

impl Drop for SubjectProcess {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.kill();
            let _ = self.collect();
        }
    }
}

/// A process that was started, with its outputs beside it.
struct Started {
    stdin: Option<ChildStdin>,
    group: Pid,
    pidfd: OwnedFd,
}

impl Started {
    fn new(
        mut command: Command,
        marker: &str,
        stdin: Stdio,
        guard: &Guard,
    ) -> Result<(Self, ChildStdout, ChildStderr), SubjectError> {
        command.env(MARKER, marker).process_group(0).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        guard.expect(marker);
        let mut child = command.spawn().map_err(|e| SubjectError::Start {
            program: command.get_program().to_string_lossy().into_owned(),
            source: e,
        })?;
        let group = Pid::from_child(&child);
        guard.watch(group, marker);
        let pidfd = pidfd_open(group, PidfdFlags::empty())
            .map_err(|e| SubjectError::Ours(format!("pidfd_open of the subject: {e}")))?;
        let stdout = child.stdout.take().ok_or_else(|| SubjectError::Ours("the subject has no stdout pipe".into()))?;
        let stderr = child.stderr.take().ok_or_else(|| SubjectError::Ours("the subject has no stderr pipe".into()))?;
        Ok((Self { stdin: child.stdin.take(), group, pidfd }, stdout, stderr))
    }
}

/// A line that somebody waits for, on whatever output.
#[derive(Debug, Default)]
pub(super) struct AwaitedLine {
    /// What it contains; nothing is awaited where this is empty.
    text: String,
    seen: AtomicBool,
}

impl AwaitedLine {
    pub(super) fn containing(text: &str) -> Self {
        Self { text: text.to_owned(), seen: AtomicBool::new(false) }
    }

    pub(super) fn is_seen(&self) -> bool {
        self.seen.load(Ordering::Relaxed)
    }

    /// Looks at a piece of output; `line` is what came of the line before it.
    fn look(&self, line: &mut Vec<u8>, piece: &[u8]) {
        /// Longer lines are cut: what is awaited stands at their begin.
        const LONGEST: usize = 64 * 1024;
        if self.text.is_empty() || self.is_seen() {
            return;
        }
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(&part[..part.len().min(LONGEST.saturating_sub(line.len()))]);
            // A prompt without its newline counts, too.
            if String::from_utf8_lossy(line).contains(&self.text) {
                self.seen.store(true, Ordering::Relaxed);
            }
            if part.ends_with(b"\n") {
                line.clear();
            }
        }
    }
}

fn keep_tail(mut pipe: impl Read, kept: &Mutex<VecDeque<u8>>, awaited: Option<&AwaitedLine>) {
    let mut chunk = [0_u8; 4096];
    let mut line = Vec::new();
    while let Ok(n) = pipe.read(&mut chunk) {
        if n == 0 {
            break;
        }
        if let Some(awaited) = awaited {
            awaited.look(&mut line, &chunk[..n]);
        }
        let mut kept = match kept.lock() {
            Ok(kept) => kept,
            Err(poisoned) => poisoned.into_inner(),
        };
        kept.extend(&chunk[..n]);
        let excess = kept.len().saturating_sub(STDERR_KEPT);
        kept.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn start(script: &str, marker: &str) -> SubjectProcess {
        SubjectProcess::start(shell(script), marker, &Guard::without_process()).unwrap()
    }

    #[test]
    fn lines_go_both_ways_and_the_exit_status_is_kept() {
        let mut subject = start("read a; echo \"heard $a\"; echo trouble >&2; exit 7", "t-lines");
        subject.say("hello");
        let Line::Text(line) = subject.hear(Duration::from_secs(10)) else { panic!("no line") };
        assert_eq!(line, "heard hello");
        let exit = subject.finish(Duration::from_secs(10)).unwrap();
        assert_eq!(exit.code, Some(7));
        assert_eq!(subject.finish(Duration::ZERO).unwrap(), exit, "to finish again does nothing");
        assert_eq!(subject.stderr(), "trouble\n");
    }

    #[test]
    fn a_hung_process_is_killed_and_its_signal_told() {
        let mut subject = start("sleep 1000", "t-hung");
        let exit = subject.finish(Duration::from_millis(20)).unwrap();
        assert_eq!(exit.signal.as_deref(), Some("SIGKILL"));
        assert_eq!(exit.code, None);
    }

    #[test]
    fn descendants_that_left_the_group_are_killed_too() {
        let marker = "t-stray-descendant";
        let mut subject = start("setsid sleep 1000 & echo started; wait", marker);
        assert!(matches!(subject.hear(Duration::from_secs(10)), Line::Text(_)));
        while stray::marked(marker).len() < 2 {
            std::thread::yield_now();
        }
        subject.kill();
        subject.finish(Duration::from_secs(10)).unwrap();
        while !stray::marked(marker).is_empty() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = SubjectProcess::start(Command::new("/no/such/program"), "t-missing", &Guard::without_process())
            .unwrap_err();
        assert!(error.to_string().contains("/no/such/program"), "{error}");
    }

    #[test]
    fn an_awaited_line_is_seen_on_either_output_and_in_pieces() {
        for script in
            ["echo now listening on 8080; sleep 1000", "printf 'listening' >&2; printf ' on 1\\n' >&2; sleep 1000"]
        {
            let awaited = Arc::new(AwaitedLine::containing("listening on"));
            let guard = Guard::without_process();
            let subject = SubjectProcess::start_silent(shell(script), "t-awaited", &guard, &awaited).unwrap();
            while !awaited.is_seen() {
                std::thread::yield_now();
            }
            // What is kept is kept a moment after it was looked at.
            while !subject.stderr().contains("listening on") {
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn stderr_keeps_its_last_64_kib() {
        let mut subject = start("yes 0123456789 | head -n 20000 >&2; echo end >&2", "t-tail");
        subject.finish(Duration::from_secs(20)).unwrap();
        let stderr = subject.stderr();
        assert!(stderr.len() <= STDERR_KEPT);
        assert!(stderr.ends_with("end\n"));
    }
}
