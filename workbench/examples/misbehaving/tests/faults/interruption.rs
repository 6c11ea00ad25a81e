//! Signals to the parent in mid-run, and taking the run up again.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill};
use reports::run::{Event, Status, TrialOutcome, reader};

use super::processes::{NOBODY, guards_of, runs, subjects_of};
use super::program::{Program, finish, pid, until};

/// Four blocks of a subject that behaves and one that leaves a process behind.
const RUN: &[&str] =
    &["run", "calls", "--vary", "workload.fault=none,fork", "--trials", "4", "--seed", "1", "--evidence", "none"];

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_misbehaving"))
}

/// Whole lines of the event log of the only run that hold `event`.
fn logged(program: &Program, event: &str) -> usize {
    let Some(run) = program.runs().into_iter().next() else { return 0 };
    let log = fs::read_to_string(run.join("events.jsonl")).unwrap_or_default();
    log.split_inclusive('\n').filter(|line| line.ends_with('\n') && line.contains(event)).count()
}

/// Waits until the run has a finished trial and is at another one.
fn in_mid_run(program: &Program) -> PathBuf {
    until("a finished trial", || logged(program, "trial_finished") >= 1);
    until("another trial", || logged(program, "trial_started") >= 2);
    program.only_run()
}

/// How often each trial ended well, over everything that was ever logged.
fn finished(run: &Path) -> Vec<(u32, usize)> {
    let run = reader::load(run).expect("the run can be read");
    let well = |index| {
        let ended = run.events.iter().filter(
            |event| matches!(event, Event::TrialFinished { index: at, outcome: TrialOutcome::Ok, .. } if *at == index),
        );
        ended.count()
    };
    run.plan.trials.iter().map(|trial| (trial.index, well(trial.index))).collect()
}

fn each_once() -> Vec<(u32, usize)> {
    (1..=8).map(|index| (index, 1)).collect()
}

/// Resumes the only run and checks that it did what was left, no more and no less.
fn resume(program: &Program, path: &Path) {
    let before: Vec<_> = finished(path).into_iter().filter(|(_, times)| *times == 1).collect();
    let ran = program.run(&["run", "--resume", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("{} trials to go", 8 - before.len())), "{}", ran.stderr);
    assert_eq!(program.only_run(), path, "resuming makes no new run");
    assert_eq!(finished(path), each_once());
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!(json["status"], "complete");
    assert_eq!(json["variants"][0]["trials"], 4);
    assert_eq!(json["variants"][1]["trials"], 4);
    assert_eq!(reader::load(path).expect("readable").status(), Status::Complete);
}

#[test]
fn an_interrupted_run_is_saved_and_resumed() {
    let program = program();
    let child = program.command(RUN).spawn().expect("the program starts");
    let path = in_mid_run(&program);
    kill(pid(&child), Signal::SIGINT).expect("it still runs");
    let ran = finish(child);
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert_eq!(subjects_of(&path), NOBODY);
    insta::assert_snapshot!(program.redacted(ran.stderr.lines().last().unwrap_or_default()), @"interrupted; finished trials are saved: `workbench run --resume RUN` goes on");

    let run = reader::load(&path).expect("an interrupted run can be read");
    assert_eq!(run.summary.as_ref().map(|summary| summary.status), Some(Status::Interrupted));
    assert!(path.join("report.html").is_file());
    let done = run.done().len();
    assert!((1..8).contains(&done), "{done} trials finished");
    resume(&program, &path);
}

#[test]
fn a_killed_run_leaves_no_process_and_loses_the_trial_in_flight_only() {
    let program = program();
    let mut child = program.command(RUN).spawn().expect("the program starts");
    let parent = pid(&child);
    let guards = guards_of_started(parent.as_raw());
    let path = in_mid_run(&program);
    until("a subject", || !subjects_of(&path).is_empty());
    kill(parent, Signal::SIGKILL).expect("it still runs");
    assert_eq!(child.wait().expect("it ends").signal(), Some(9));
    until("no subject is left", || subjects_of(&path).is_empty());
    until("no guard is left", || !guards.iter().any(|guard| runs(*guard)));

    assert!(!path.join("run.json").exists());
    let logged = logged(&program, "trial_finished");
    let run = reader::load(&path).expect("a killed run can be read");
    assert_eq!((run.status(), run.done().len()), (Status::Interrupted, logged));
    assert!((1..8).contains(&logged), "{logged} trials finished");
    let shown = program.run(&["show", "--json"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    resume(&program, &path);
}

fn guards_of_started(parent: i32) -> Vec<i32> {
    let mut guards = Vec::new();
    until("a guard", || {
        guards = guards_of(parent);
        !guards.is_empty()
    });
    assert_eq!(guards.len(), 1, "{guards:?}");
    guards
}

/// Once interrupted, the program prints what it has; here nobody reads it, and it would wait for ever.
#[test]
fn a_second_interrupt_ends_at_once() {
    let program = program();
    let full = program.folder().join("full");
    nix::unistd::mkfifo(&full, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let both = || fs::OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&full);
    let mut pipe = both().expect("the pipe");
    // Block by block, then byte by byte: not even one more fits.
    while pipe.write(&[b'x'; 4096]).is_ok() {}
    while pipe.write(b"x").is_ok() {}
    let output = fs::OpenOptions::new().read(true).write(true).open(&full).expect("the pipe");

    let mut command = program.command(RUN);
    let mut child: Child =
        command.stdout(Stdio::from(output)).stderr(Stdio::null()).spawn().expect("the program starts");
    let path = in_mid_run(&program);
    kill(pid(&child), Signal::SIGINT).expect("it still runs");
    until("the run is saved", || path.join("run.json").is_file());
    assert!(child.try_wait().expect("it can be asked").is_none(), "it has a table to print");
    kill(pid(&child), Signal::SIGINT).expect("it still runs");
    until("it ends", || child.try_wait().expect("it can be asked").is_some());
    assert_eq!(child.wait().expect("it has ended").code(), Some(130));
    until("no subject is left", || subjects_of(&path).is_empty());
}
