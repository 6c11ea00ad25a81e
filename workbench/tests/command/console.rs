//! `workbench console`: the address, the faults, and what a person sees in the stock tokio-console.
//!
//! What starts a subject runs where the tested program has tokio's instrumentation compiled in, as it has in
//! `cargo test --workspace`; elsewhere a test would have to build a second program first.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::program::{Program, Ran, finish, until};

fn program() -> Option<Program> {
    if !probe::console::is_available() {
        skipped("this build has no tokio-console");
        return None;
    }
    Some(Program::new(env!("CARGO_BIN_EXE_workbench")))
}

#[allow(clippy::print_stderr, reason = "a test that does not run says so")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

fn has(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

#[test]
fn wishes_that_make_no_sense_are_refused() {
    let program = Program::new(env!("CARGO_BIN_EXE_workbench"));
    let transcript = [
        program.transcript(&["console", "http-service", "--variant", "brokn"]),
        program.transcript(&["console", "--for", "soon"]),
        program.transcript(&["console", "--set", "runtime.worker_thread=2"]),
    ];
    insta::assert_snapshot!(transcript.join("\n"), @r"
    $ workbench console http-service --variant brokn
    error: unknown variant `brokn`: did you mean `broken`?
    exit code 2

    $ workbench console --for soon
    error: `--for` = soon is not a duration such as `500ms`, `30s` or `1m 30s`
    exit code 2

    $ workbench console --set runtime.worker_thread=2
    error: unknown knob `runtime.worker_thread`: did you mean `runtime.worker_threads`?
    exit code 2
    ");
}

#[test]
fn the_address_is_printed_and_at_the_end_what_there_was_to_see() {
    let Some(program) = program() else { return };
    // Without a PATH nothing is installed. The setting makes the scenario's variants equal: only one of them is to run.
    let mut command = program.command(&[
        "console",
        "allocator-lab",
        "--set",
        "allocator.kind=mimalloc",
        "--port",
        "0",
        "--for",
        "6s",
    ]);
    let ran = finish(command.env("PATH", "/nonexistent").spawn().expect("the program starts"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("tokio-console http://127.0.0.1:"), "{}", ran.stdout);
    assert!(ran.stdout.contains("tokio-console is not installed: `cargo install tokio-console --locked`"));
    let spawned = ran.stdout.split_once("tasks spawned: ").expect("a summary").1;
    let spawned: u64 = spawned.split(';').next().and_then(|n| n.parse().ok()).expect("a number");
    assert!(spawned > 0, "{}", ran.stdout);
    assert!(program.runs().is_empty(), "a look leaves no run");
}

#[test]
fn a_taken_port_is_named_with_the_way_out() {
    let Some(program) = program() else { return };
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let Ran { code, stderr, .. } = program.run(&["console", "http-service", "--port", &port, "--no-ui"]);
    assert_eq!(code, Some(2));
    let expected =
        format!("error: port {port} is taken by another program: choose another with `--port`, 0 for any free one");
    assert_eq!(stderr.trim(), expected);
}

/// The real viewer in a real terminal.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn open(program: &Program, name: &str, arguments: &[&str]) -> Self {
        let terminal = Self { socket: format!("workbench-test-{name}-{}", std::process::id()) };
        let command = program.command(arguments);
        let mut line = format!("env WORKBENCH_DIR='{}' LANG=C.UTF-8", program.folder().display());
        for word in std::iter::once(command.get_program()).chain(command.get_args()) {
            line.push_str(&format!(" '{}'", word.to_string_lossy()));
        }
        // What stays on the screen afterwards is looked at too.
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "200", "-y", "40", "sh"]);
        terminal.tmux(&["send-keys", "-l", &format!("{line}; echo ended with $?")]);
        terminal.tmux(&["send-keys", "Enter"]);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-L", &self.socket])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("tmux starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn shows(&self, what: &[&str]) {
        until(&format!("{what:?} on the screen"), || {
            let screen = self.screen();
            what.iter().all(|word| screen.contains(word))
        });
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn the_stock_tokio_console_shows_our_resources() {
    let Some(program) = program() else { return };
    if !has("tmux") || !has("tokio-console") {
        skipped("needs tmux and tokio-console");
        return;
    }
    let terminal = Terminal::open(&program, "shown", &["console", "http-service", "--port", "0"]);
    // Tasks, with the place that spawned them.
    terminal.shows(&["CONNECTED", "Tasks (", "scenarios/src/workloads/"]);
    terminal.press("r");
    terminal.shows(&["Resources ("]);
    // By kind, as we tell people to.
    terminal.press("Right");
    terminal.press("Right");
    terminal.shows(&["Allocator (jemalloc)", "resident=", "retained=", "MiB"]);
    terminal.shows(&["Stall detector", "count=", "longest=", "most_recent="]);
    terminal.shows(&["Spawn site", "allocated_so_far=", "scenarios/src/workloads/"]);
    let screen = terminal.screen();
    let rows: Vec<&str> = screen.lines().filter(|line| line.contains(" n/a ")).collect();
    assert!(rows[0].contains(" workbench "), "ours are on top:\n{screen}");
    // Leaving it ends the subject, and the terminal is as before.
    terminal.press("q");
    terminal.shows(&["tasks spawned:", "ended with 0"]);
}

#[test]
fn whoever_kills_the_parent_kills_subject_and_viewer() {
    let Some(program) = program() else { return };
    if !has("tmux") || !has("tokio-console") {
        skipped("needs tmux and tokio-console");
        return;
    }
    let terminal = Terminal::open(&program, "killed", &["console", "http-service", "--port", "0"]);
    terminal.shows(&["CONNECTED"]);
    let folder = format!("WORKBENCH_DIR={}", program.folder().display());
    let ours = || {
        let all = std::fs::read_dir("/proc").expect("/proc").flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter_map(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
            let name = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?.replace('\0', " ");
            let carries = environment.split(|byte| *byte == 0).any(|variable| variable == folder.as_bytes());
            carries.then_some((pid, name))
        })
        .collect::<Vec<_>>()
    };
    let processes = ours();
    assert!(processes.iter().any(|(_, name)| name.contains("__child")), "{processes:?}");
    assert!(processes.iter().any(|(_, name)| name.contains("tokio-console")), "{processes:?}");
    let (parent, _) = processes.iter().find(|(_, name)| name.contains(" console http-service")).expect("the parent");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(*parent), nix::sys::signal::Signal::SIGKILL).expect("a signal");
    until("nobody is left", || ours().is_empty());
}
