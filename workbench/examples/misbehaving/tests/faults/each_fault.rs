//! Every fault: the exit code, the message, and what is left on disk and in the process table.

use std::sync::{Mutex, PoisonError};

use reports::run::{Status, TrialOutcome, reader};

use super::processes::{NOBODY, subjects_of};
use super::program::{Program, Ran, without_numbers};

/// With it the variant that behaves comes first in the first block.
const GOOD_FIRST: &str = "3";

fn run(program: &Program, scenario: &str, fault: &str) -> Ran {
    let vary = format!("workload.fault=none,{fault}");
    program.run(&["run", scenario, "--vary", &vary, "--seed", GOOD_FIRST, "--evidence", "none"])
}

/// Two runs at a time would share two cores, and what a subject manages to do in a phase would be a matter of luck.
static TURN: Mutex<()> = Mutex::new(());

/// The message of a fault that shows in a trial, once everything else about it holds.
fn failure(scenario: &str, fault: &str) -> String {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let program = Program::new(env!("CARGO_BIN_EXE_misbehaving"));
    let ran = run(&program, scenario, fault);
    assert_eq!(ran.code, Some(12), "{}", ran.stderr);

    let path = program.only_run();
    let run = reader::load(&path).expect("a failed run can be read");
    assert_eq!(run.summary.as_ref().map(|summary| summary.status), Some(Status::Failed));
    let good = run.trials.iter().find(|trial| trial.outcome == TrialOutcome::Ok).expect("what finished before is kept");
    assert_eq!((good.index, good.variant.as_str()), (1, "fault=none"));
    assert!(good.metrics.contains_key("capacity"), "{:?}", good.metrics);
    let failed = run.trials.iter().find(|trial| trial.index == 2).expect("the failed trial is recorded");
    assert!(matches!(failed.outcome, TrialOutcome::SubjectFailed { .. }), "{:?}", failed.outcome);
    assert_eq!(run.done(), [1]);
    assert!(path.join("report.html").is_file());
    assert_eq!(subjects_of(&path), NOBODY, "a process is left");
    message(&program, &ran)
}

/// A fault that ends all answers is measured: that there are none is what is to be seen.
fn silent(scenario: &str, fault: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let program = Program::new(env!("CARGO_BIN_EXE_misbehaving"));
    let ran = run(&program, scenario, fault);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let path = program.only_run();
    let run = reader::load(&path).expect("a run can be read");
    assert_eq!((run.status(), run.done().len()), (Status::Complete, 4));
    for trial in run.trials.iter().filter(|trial| trial.variant.ends_with(fault)) {
        assert_eq!(trial.outcome, TrialOutcome::Ok);
        assert!(!trial.metrics.contains_key("capacity"), "{:?}", trial.metrics);
        assert_eq!(trial.metrics.get("error_rate"), Some(&1.0), "{:?}", trial.metrics);
        assert!(trial.metrics.values().all(|value| value.is_finite()), "{:?}", trial.metrics);
    }
    assert_eq!(subjects_of(&path), NOBODY, "a process is left");
}

/// The error on standard error, without what differs from run to run.
fn message(program: &Program, ran: &Ran) -> String {
    let at = ran.stderr.find("error:").unwrap_or_else(|| panic!("no error: {}", ran.stderr));
    let mut text = program.redacted(&ran.stderr[at..]);
    let numbers =
        [("none of ", " operations"), ("(", " times)"), ("127.0.0.1:", ":"), ("-worker' (", ")"), ("calls.rs:", ":")];
    for (before, after) in numbers {
        text = without_numbers(&text, before, after);
    }
    text
}

#[test]
fn panic() {
    insta::assert_snapshot!(failure("calls", "panic"));
}

#[test]
fn abort() {
    insta::assert_snapshot!(failure("calls", "abort"));
}

#[test]
fn exit() {
    insta::assert_snapshot!(failure("calls", "exit"));
}

#[test]
fn hang() {
    silent("calls", "hang");
}

#[test]
fn workers_blocked_for_ever() {
    silent("calls", "block");
}

#[test]
fn whole_process_frozen() {
    insta::assert_snapshot!(failure("calls", "freeze"));
}

#[test]
fn garbage_on_the_reply_pipe() {
    insta::assert_snapshot!(failure("calls", "garbage"));
}

#[test]
fn every_operation_fails() {
    insta::assert_snapshot!(failure("calls", "errors"));
}

#[test]
fn wrong_status() {
    insta::assert_snapshot!(failure("server", "wrong_status"));
}

#[test]
fn not_http() {
    insta::assert_snapshot!(failure("server", "no_http"));
}

#[test]
fn server_that_never_answers() {
    silent("server", "silent");
}

#[test]
fn connections_refused_after_a_while() {
    insta::assert_snapshot!(failure("server", "refuse"));
}

#[test]
fn server_that_exits_in_mid_trial() {
    insta::assert_snapshot!(failure("server", "exit"));
}

#[test]
fn server_that_cannot_serve() {
    insta::assert_snapshot!(failure("server", "serve"));
}

#[test]
fn server_that_does_not_stop() {
    insta::assert_snapshot!(failure("server", "linger"));
}

/// Found by the preflight: no trial was spent on it, and the run says failed.
#[test]
fn workloads_that_cannot_be_built() {
    let mut messages = Vec::new();
    for scenario in ["calls", "server"] {
        let program = Program::new(env!("CARGO_BIN_EXE_misbehaving"));
        let ran = run(&program, scenario, "build");
        assert_eq!(ran.code, Some(12), "{}", ran.stderr);
        let path = program.only_run();
        let run = reader::load(&path).expect("a failed run can be read");
        assert_eq!((run.status(), run.trials.len()), (Status::Failed, 0));
        assert!(path.join("report.html").is_file());
        assert_eq!(subjects_of(&path), NOBODY);
        messages.push(message(&program, &ran));
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn refused_parameter() {
    let program = Program::new(env!("CARGO_BIN_EXE_misbehaving"));
    let ran = run(&program, "calls", "pnic");
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(subjects_of(&program.only_run()), NOBODY);
    insta::assert_snapshot!(message(&program, &ran));
}

/// A subject that leaves a process behind measures well, and the process is gone all the same.
#[test]
fn processes_left_behind_are_ended() {
    for scenario in ["calls", "server"] {
        let program = Program::new(env!("CARGO_BIN_EXE_misbehaving"));
        let ran = run(&program, scenario, "fork");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let path = program.only_run();
        assert_eq!(subjects_of(&path), NOBODY);
        let run = reader::load(&path).expect("a run can be read");
        assert_eq!((run.status(), run.done().len()), (Status::Complete, 4));
        let logs = run.trials.iter().filter(|trial| trial.variant == "fault=fork").map(|trial| {
            let folder = path.join(format!("trials/{:03}-fault-fork", trial.index));
            std::fs::read_to_string(folder.join("log.txt")).expect("a log")
        });
        for log in logs {
            assert!(log.contains("left a process behind: true"), "{log}");
        }
    }
}
