//! A program that hangs under load: that nothing is answered any more is what is to be seen, and no failure of the run.

use reports::run::{Status, reader};

use super::program::Program;

#[test]
fn it_answers_at_first_and_then_hangs() {
    let program = Program::new(env!("CARGO_BIN_EXE_misbehaving"));
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_outsider"), program.folder().join("my-service")).expect("a link");
    let phases = ["--duration", "300ms", "--warmup", "300ms", "--rate", "50", "--concurrency", "4"];
    let settings = ["--set", "trial.saturated=200ms", "--set", "load.timeout=1s", "--set", "env.FAULT=silent"];
    let subject = ["--target", "http://127.0.0.1:${port}/", "--", "./my-service", "${port}"];
    let ran = program
        .run(&[&["run", "--trials", "1", "--evidence", "none"], &phases[..], &settings[..], &subject[..]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = reader::load(&program.only_run()).expect("a run can be read");
    assert_eq!(run.status(), Status::Complete);
    let metrics = &run.trials[0].metrics;
    assert!(metrics.get("error_rate").is_some_and(|rate| *rate > 0.99), "{metrics:?}");
    assert!(!metrics.contains_key("capacity"), "nothing was answered: {metrics:?}");
}
