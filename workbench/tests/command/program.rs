//! The real program in a folder of its own. Also used by the tests of `examples/misbehaving`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Longer than anything tested takes on a busy machine. Reaching it is a hang, and a failure.
const HANG: Duration = Duration::from_secs(120);

/// A program and the folder in which it keeps its runs.
pub(crate) struct Program {
    path: &'static str,
    folder: TempDir,
    /// The user's folder for what can be made again.
    cache: TempDir,
}

/// What a run of the program came to.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn new(path: &'static str) -> Self {
        let folder = || tempfile::tempdir().expect("a temporary folder");
        Self { path, folder: folder(), cache: folder() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program with arguments, ready to start. Nothing of the developer's own environment shows.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path);
        command
            .args(arguments)
            .current_dir(self.folder())
            .env("WORKBENCH_DIR", self.folder())
            .env("XDG_CACHE_HOME", self.cache.path())
            .env_remove("NO_COLOR")
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            // Backtraces must not hide what a subject said last.
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments).spawn().expect("the program starts"))
    }

    /// Run directories, oldest first.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.folder().join(".workbench/runs")) else { return Vec::new() };
        let mut runs: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        runs.sort();
        runs
    }

    /// The only run directory.
    pub(crate) fn only_run(&self) -> PathBuf {
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs[0].clone()
    }

    /// What a person typed and saw, without what differs from run to run: fit for a snapshot.
    pub(crate) fn transcript(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        let shown = if ran.stdout.is_empty() { String::new() } else { format!("stdout:\n{}", ran.stdout) };
        let code = ran.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let text = format!("$ workbench {}\n{shown}{}exit code {code}\n", arguments.join(" "), ran.stderr);
        self.redacted(&text)
    }

    /// Paths and run ids as words.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let runs = self.runs();
        for (number, run) in runs.iter().enumerate() {
            let id = run.file_name().expect("a name").to_string_lossy();
            let name = if runs.len() == 1 { "RUN".to_owned() } else { format!("RUN-{}", number + 1) };
            text = text.replace(&*id, &name);
        }
        text.replace(&*self.folder().to_string_lossy(), "FOLDER")
    }
}

/// Waits for the end of a child; a hang is killed and fails the test.
pub(crate) fn finish(child: Child) -> Ran {
    let process = pid(&child);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(HANG) {
        Ok(output) => {
            let output = output.expect("the output of a child");
            Ran {
                code: output.status.code(),
                stdout: String::from_utf8(output.stdout).expect("text on standard output"),
                stderr: String::from_utf8(output.stderr).expect("text on standard error"),
            }
        }
        Err(_) => {
            let _ = kill(process, Signal::SIGKILL);
            panic!("the program hangs");
        }
    }
}

pub(crate) fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("process ids fit"))
}

/// Replaces what stands between two words, where it is made of digits and dots, by `#`.
pub(crate) fn without_numbers(text: &str, before: &str, after: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(before) {
        let (head, tail) = rest.split_at(at + before.len());
        shown.push_str(head);
        let digits = tail.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(tail.len());
        rest = tail;
        if digits > 0 && tail[digits..].starts_with(after) {
            shown.push('#');
            rest = &tail[digits..];
        }
    }
    shown + rest
}

#[allow(dead_code, reason = "the tests of the command itself have nothing to wait for")]
/// Waits for a condition, for as long as a hang takes to be one.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < HANG, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
