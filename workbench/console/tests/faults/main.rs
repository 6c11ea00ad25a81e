//! A program with known faults under tokio-console, recorded and replayed: every fault is found in the recording, and the
//! stock user interface opens it.

#![allow(clippy::print_stdout, reason = "what a test without a harness says, and how its two processes talk")]

mod faulty;
mod viewer;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reports::console::{Rule, View, view};
use reports::run::console::{HookCounts, Recording, parse};
use workbench::recording::{Limits, Recorder};

/// Makes this program the one with the faults.
const FAULTY: &str = "WORKBENCH_TEST_FAULTY";
/// Longer than anything here takes on a busy machine.
const HANG: Duration = Duration::from_secs(120);

fn main() {
    if std::env::var_os(FAULTY).is_some() {
        return faulty::main();
    }
    let recording = record();
    let view = view(&recording, None);
    every_fault_is_found(&view);
    an_earlier_moment_is_not_the_end(&recording);
    viewer::the_stock_user_interface_opens_it(recording);
    println!("ok");
}

/// Records the faulty program until every rule has had its time.
fn record() -> Recording {
    let mut child = Running::start();
    let recorder = Recorder::start(child.address, Limits::default()).expect("the server answers");
    let began = Instant::now();
    // Five times a second; the rules want to see a second of idleness at least.
    while recorder.heard() < 20 || began.elapsed() < Duration::from_secs(4) {
        assert!(began.elapsed() < HANG && !recorder.has_ended(), "{} updates", recorder.heard());
        std::thread::sleep(Duration::from_millis(20));
    }
    let hooks = child.counts();
    let bytes = recorder.stop(Some(hooks)).expect("a recording");
    parse(&bytes, Path::new("console.jsonl")).expect("what was written can be read")
}

fn every_fault_is_found(view: &View) {
    assert!(view.agreement.trusted(), "{}", view.agreement.sentence());
    let expected = [
        (Rule::LostWaker, "lost waker"),
        (Rule::NeverYields, "never yields"),
        (Rule::StarvedSemaphore, "starved semaphore"),
        (Rule::ContendedResource, "contended mutex"),
        (Rule::SelfWakes, "wakes itself"),
        (Rule::ManyIdle, "parked"),
    ];
    let source: Vec<&str> = include_str!("faulty.rs").lines().collect();
    for (rule, mark) in expected {
        let line = source.iter().position(|line| line.ends_with(&format!("// {mark}"))).expect("the mark is there") + 1;
        let place = format!("faulty.rs:{line}:");
        let found = view.observations.iter().any(|one| one.rule == rule && one.place.contains(&place));
        assert!(found, "{mark} (line {line}) is not in {:#?}", view.observations);
    }
    // Twelve wait in turn for two permits: a long queue, but one that moves.
    for mark in ["healthy", "healthy limiter"] {
        let healthy =
            source.iter().position(|line| line.ends_with(&format!("// {mark}"))).expect("the mark is there") + 1;
        let blamed = view.observations.iter().find(|one| one.place.contains(&format!("faulty.rs:{healthy}:")));
        assert!(blamed.is_none(), "{blamed:?}");
    }
    // The histogram of the poll that sleeps.
    let slow = source.iter().position(|line| line.ends_with("// slow poll")).expect("the mark is there") + 1;
    let site = view.sites.iter().find(|site| site.place.contains(&format!("faulty.rs:{slow}:"))).expect("its site");
    let times = site.poll_times.expect("its histogram was asked for");
    assert!(times.max_s >= 0.040, "{times:?}");
}

fn an_earlier_moment_is_not_the_end(recording: &Recording) {
    let early = view(recording, Some(0));
    let late = view(recording, None);
    assert!(early.updates < late.updates && early.polls <= late.polls, "{} and {}", early.updates, late.updates);
}

/// The faulty program.
struct Running {
    process: Child,
    output: BufReader<std::process::ChildStdout>,
    address: SocketAddr,
}

impl Running {
    fn start() -> Self {
        let executable = std::env::current_exe().expect("this program");
        let mut process = Command::new(executable)
            .env(FAULTY, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut output = BufReader::new(process.stdout.take().expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("its first line");
        let address = line.trim().parse().unwrap_or_else(|_| panic!("an address, not {line:?}"));
        Self { process, output, address }
    }

    /// Asks for the counts of its hooks.
    fn counts(&mut self) -> HookCounts {
        let stdin = self.process.stdin.as_mut().expect("piped");
        writeln!(stdin, "counts").expect("it listens");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("an answer");
        serde_json::from_str(&line).expect("counts")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
