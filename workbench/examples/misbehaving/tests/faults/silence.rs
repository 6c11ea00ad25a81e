//! A program that hangs under load: that nothing is answered any more is what is to be seen, and no failure of the run.

use reports::run::{Status, reader};

use super::program::Program;

const FLAGS: &[&str] = &[
    "--trials",
    "1",
    "--duration",
    "300ms",
    "--warmup",
    "300ms",
    "--rate",
    "50",
    "--concurrency",
    "4",
    "--set",
    "trial.saturated=200ms",
    "--set",
    "load.timeout=1s",
    "--target",
    "http://127.0.0.1:${port}/",
];
const SUBJECT: &[&str] = &["--", "./my-service", "${port}"];

fn folder() -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_misbehaving"));
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_outsider"), program.folder().join("my-service")).expect("a link");
    program
}

/// A run of the program with that fault, and what became of it.
fn is_measured(fault: &str) {
    let program = folder();
    let fault = format!("env.FAULT={fault}");
    let ran = program.run(&[&["run", "--evidence", "none", "--set", &fault], FLAGS, SUBJECT].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = reader::load(&program.only_run()).expect("a run can be read");
    assert_eq!(run.status(), Status::Complete);
    let metrics = &run.trials[0].metrics;
    assert!(metrics.get("error_rate").is_some_and(|rate| *rate > 0.99), "{metrics:?}");
    assert!(!metrics.contains_key("capacity"), "nothing was answered: {metrics:?}");
}

#[test]
fn it_answers_at_first_and_then_hangs() {
    is_measured("silent");
}

#[test]
fn it_hangs_with_the_very_first_operation() {
    is_measured("mute");
}

/// What was not measured is neither better nor worse.
#[test]
fn a_gate_does_not_pass_what_answers_nothing() {
    let program = folder();
    let sides = ["--vary-cmd", "base=./my-service ${port}", "--vary-cmd", "new=env FAULT=mute ./my-service ${port}"];
    for (limit, code) in [("cpu_per_op<+3%", 11), ("error_rate<1%", 10)] {
        let ran = program.run(&[&["gate", "--limit", limit], FLAGS, &sides[..], SUBJECT].concat());
        assert_eq!(ran.code, Some(code), "{limit}\n{}\n{}", ran.stdout, ran.stderr);
        assert!(!ran.stdout.contains("NaN"), "{}", ran.stdout);
    }
}
