//! How the program ends, with the run or against its will.

use std::fs;

use reports::run::reader;

use super::{SHORT, TARGET, folder, turn};
use crate::processes::{NOBODY, subjects_of};
use crate::program::{finish, pid, until};

#[test]
fn it_ignores_the_signal_to_end() {
    let _turn = turn();
    let program = folder();
    let file = "name = \"stubborn\"\nversion = 1\nsummary = \"\"\n[subject]\ncommand = [\"./my-service\", \"${port}\"]\n\
                target = \"http://127.0.0.1:${port}/\"\nstop_timeout = \"200ms\"\nenv = { FAULT = \"stubborn\" }\n[load]\n\
                rate = 100\n[[mix]]\noperation = \"any\"\nweight = 1\npath = \"/\"\n";
    fs::write(program.folder().join("stubborn.toml"), file).expect("written");
    let ran = program.run(&[&["run", "stubborn.toml"], SHORT].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let path = program.only_run();
    assert_eq!(subjects_of(&path), NOBODY);
    let run = reader::load(&path).expect("a run can be read");
    let told = run.trials[0].remarks.iter().find(|remark| remark.contains("SIGTERM")).expect("it is told");
    insta::assert_snapshot!(told, @r#"`./my-service` had not ended 200ms after SIGTERM and was killed: say `stop_timeout = "0s"` not to wait for it"#);
    assert_eq!(run.trials[0].exit.signal.as_deref(), Some("SIGKILL"));
}

/// However the run ends, the program does, too, even one that has left its group and its parent.
#[test]
fn nobody_outlives_an_interrupted_or_killed_run() {
    use nix::sys::signal::{Signal, kill};
    let _turn = turn();
    for (signal, code) in [(Signal::SIGINT, Some(130)), (Signal::SIGKILL, None)] {
        let program = folder();
        let mut flags = [&["run"], TARGET, &["--evidence", "none", "--rate", "50", "--duration", "300s"]].concat();
        flags.extend(["--set", "env.FAULT=daemonise", "--", "./my-service", "${port}"]);
        let child = program.command(&flags).spawn().expect("the program starts");
        let logged = |event: &str| {
            let events = program.runs().first().map(|run| fs::read_to_string(run.join("events.jsonl")));
            events.is_some_and(|events| events.is_ok_and(|events| events.contains(event)))
        };
        until("a trial", || logged("trial_started"));
        let path = program.only_run();
        until("a subject", || !subjects_of(&path).is_empty());
        kill(pid(&child), signal).expect("it still runs");
        let ran = finish(child);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        until("nobody is left", || subjects_of(&path).is_empty());
    }
}
