//! A program that is not ours, and what a run makes of each way in which it misbehaves.

mod compared;
mod ended;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reports::run::{Status, TrialOutcome, TrialRecord, reader};

use super::processes::{NOBODY, subjects_of};
use super::program::{Program, Ran, without_numbers};

/// With it the variant that behaves comes first in the only block.
const GOOD_FIRST: &str = "3";

/// Phases as short as they can be, for one block.
const SHORT: &[&str] = &[
    "--trials",
    "1",
    "--evidence",
    "none",
    "--rate",
    "200",
    "--duration",
    "300ms",
    "--warmup",
    "50ms",
    "--concurrency",
    "4",
    "--set",
    "trial.saturated=200ms",
    "--seed",
    GOOD_FIRST,
];

/// Two runs at a time would share two cores, and what a subject manages to do in a phase would be a matter of luck.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder with the program in it as `./my-service`.
fn folder() -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_misbehaving"));
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_outsider"), program.folder().join("my-service")).expect("a link");
    program
}

fn run(program: &Program, flags: &[&str]) -> Ran {
    program.run(&[&["run"], SHORT, flags, &["--", "./my-service", "${port}"]].concat())
}

const TARGET: &[&str] = &["--target", "http://127.0.0.1:${port}/"];

/// The error on standard error, without what differs from run to run.
fn message(program: &Program, ran: &Ran) -> String {
    let at = ran.stderr.find("error:").unwrap_or_else(|| panic!("no error: {}", ran.stderr));
    // Who listens on a port that is taken is this test, whose file has another name in each build.
    let ours = std::fs::read_to_string(format!("/proc/{}/comm", std::process::id())).expect("this process has a name");
    let text = program.redacted(&ran.stderr[at..]).replace(ours.trim_end(), "this test");
    let numbers = [
        ("none of ", " operations"),
        ("(", " times)"),
        ("127.0.0.1:", ""),
        ("process ", " "),
        ("port ", " "),
        ("listening on ", ""),
    ];
    numbers.iter().fold(text, |text, (before, after)| without_numbers(&text, before, after))
}

/// A run that fails by the program's doing.
fn failure(flags: &[&str]) -> String {
    let _turn = turn();
    let program = folder();
    let ran = run(&program, &[TARGET, flags].concat());
    assert_eq!(ran.code, Some(12), "{}", ran.stderr);
    let path = program.only_run();
    let run = reader::load(&path).expect("a failed run can be read");
    assert_eq!(run.summary.as_ref().map(|summary| summary.status), Some(Status::Failed));
    assert!(path.join("report.html").is_file());
    assert_eq!(subjects_of(&path), NOBODY, "a process is left");
    message(&program, &ran)
}

/// A run that measures all the same; its only trial.
fn measured(flags: &[&str]) -> (TrialRecord, Vec<String>) {
    let _turn = turn();
    let program = folder();
    let ran = run(&program, &[TARGET, flags].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let path = program.only_run();
    assert_eq!(subjects_of(&path), NOBODY, "a process is left");
    let run = reader::load(&path).expect("a run can be read");
    assert_eq!(run.status(), Status::Complete);
    let trial = run.trials.into_iter().next().expect("a trial");
    for metric in ["capacity", "cpu_per_op", "latency.p50", "rss.max", "error_rate", "throughput"] {
        assert!(trial.metrics.contains_key(metric), "{metric}: {:?}", trial.metrics);
    }
    assert!(!trial.metrics.contains_key("allocated.max"), "nobody counts its allocations");
    let warnings = run.summary.expect("a summary").warnings;
    (trial, warnings)
}

fn fault(name: &str) -> String {
    format!("env.FAULT={name}")
}

#[test]
fn it_exits_at_once() {
    insta::assert_snapshot!(failure(&["--set", &fault("exit")]));
}

#[test]
fn its_port_never_opens() {
    insta::assert_snapshot!(failure(&["--set", &fault("deaf"), "--start-timeout", "300ms"]));
}

#[test]
fn it_listens_elsewhere() {
    insta::assert_snapshot!(failure(&["--set", &fault("elsewhere"), "--start-timeout", "3s"]));
}

#[test]
fn it_never_prints_the_line() {
    insta::assert_snapshot!(failure(&["--ready", "line:ready to serve", "--start-timeout", "300ms"]));
}

#[test]
fn it_is_never_healthy() {
    insta::assert_snapshot!(failure(&[
        "--set",
        &fault("unhealthy"),
        "--ready",
        "http:/health",
        "--start-timeout",
        "3s"
    ]));
}

#[test]
fn it_answers_in_tls() {
    insta::assert_snapshot!(failure(&["--set", &fault("tls")]));
    insta::assert_snapshot!(failure(&["--set", &fault("tls"), "--ready", "http:/health"]));
}

#[test]
fn it_closes_every_connection() {
    // Which of the two depends on whether the request had arrived.
    let said = failure(&["--set", &fault("close")]);
    let either = ["connection reset", "connection closed before the answer was complete"];
    assert!(said.contains("answered none of #") && either.iter().any(|how| said.contains(how)), "{said}");
}

#[test]
fn it_speaks_something_else() {
    insta::assert_snapshot!(failure(&["--set", &fault("garbage")]));
}

/// What was measured before is kept.
#[test]
fn it_dies_under_load() {
    for (name, how) in [("die", "exited with status 7"), ("abort", "was ended by SIGABRT")] {
        let _turn = turn();
        let program = folder();
        let ran = run(&program, &[TARGET, &["--vary", &format!("env.FAULT=none,{name}")]].concat());
        assert_eq!(ran.code, Some(12), "{}", ran.stderr);
        let path = program.only_run();
        assert_eq!(subjects_of(&path), NOBODY);
        let run = reader::load(&path).expect("a failed run can be read");
        assert_eq!(run.done(), [1]);
        assert!(run.trials[0].metrics.contains_key("capacity"));
        let said = message(&program, &ran);
        assert!(said.contains(how) && said.contains("during the"), "{said}");
        assert_eq!(said.contains("out of luck"), name == "die", "{said}");
    }
}

/// It lives through what it is asked for, and not through as much as it can get.
#[test]
fn it_dies_of_a_crowd() {
    let _turn = turn();
    let program = folder();
    let ran = run(&program, &[TARGET, &["--set", &fault("crowd")]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = reader::load(&program.only_run()).expect("a run can be read");
    let trial = &run.trials[0];
    assert!(
        trial.metrics.contains_key("latency.p50") && !trial.metrics.contains_key("capacity"),
        "{:?}",
        trial.metrics
    );
    assert_eq!(trial.levels, []);
    let [remark] = trial.remarks.as_slice() else { panic!("{:?}", trial.remarks) };
    assert!(remark.contains("was ended by SIGABRT") && remark.contains("driven by the open loop alone"), "{remark}");
    // Beside one that lives through it that would be no comparison.
    let ran = self::run(&program, &[TARGET, &["--vary", "env.FAULT=none,crowd"]].concat());
    assert_eq!(ran.code, Some(12), "{}", ran.stderr);
}

#[test]
fn it_behaves() {
    let (trial, warnings) = measured(&["--set", "env.SETTING=x"]);
    assert_eq!(trial.remarks, Vec::<String>::new());
    assert_eq!(trial.effective.get("env.SETTING").map(String::as_str), Some("x"));
    assert_eq!(trial.effective.get("program.command").map(String::as_str), Some("./my-service '${port}'"));
    assert!(trial.effective["program.binary"].starts_with("outsider "), "{:?}", trial.effective);
    assert!(warnings.iter().any(|warning| warning.contains("env.SETTING was read back")), "{warnings:?}");
    assert_eq!(trial.exit.signal.as_deref(), Some("SIGTERM"));
    assert!(trial.exit.max_rss_bytes > 0 && trial.metrics["faults.minor_per_op"] >= 0.0);
}

/// Nothing of tokio is in it: the trial that would trace its tasks is not run at all.
#[test]
fn it_has_no_tasks_to_trace() {
    let _turn = turn();
    let program = folder();
    let flags: Vec<&str> = SHORT.iter().map(|flag| if *flag == "none" { "trace" } else { flag }).collect();
    let ran = program.run(&[&["run"], &flags[..], TARGET, &["--", "./my-service", "${port}"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told = ran.stderr.lines().find(|line| line.contains("left out: ")).unwrap_or_else(|| panic!("{}", ran.stderr));
    let path = program.only_run();
    let read = reader::load(&path).expect("a run can be read");
    let [measured, traced] = &read.trials[..] else { panic!("{:?}", read.trials) };
    assert_eq!((&measured.outcome, traced.duration_s), (&TrialOutcome::Ok, 0.0));
    let TrialOutcome::EvidenceMissing { because } = &traced.outcome else { panic!("{traced:?}") };
    assert!(told.ends_with(because.as_str()), "{told}");
    if cfg!(target_arch = "x86_64") {
        assert!(because.contains("my-service has no tokio in it") || because.contains("outsider has no tokio in it"));
    }
    assert_eq!(std::fs::read_dir(path.join("trials")).expect("trials").count(), 1, "it was not even started");
}

#[test]
fn it_says_when_it_is_ready() {
    measured(&["--ready", "line:listening on ${port}"]);
    measured(&["--ready", "http:/health"]);
}

fn remark(flags: &[&str]) -> String {
    let (trial, warnings) = measured(flags);
    assert_eq!(trial.remarks.len(), 1, "{:?}", trial.remarks);
    assert!(warnings.contains(&trial.remarks[0]), "{warnings:?}");
    trial.remarks[0].replace(env!("CARGO_BIN_EXE_outsider"), "OUTSIDER")
}

#[test]
fn it_becomes_a_daemon() {
    insta::assert_snapshot!(remark(&["--set", &fault("daemonise")]));
}

#[test]
fn it_starts_the_one_that_serves() {
    insta::assert_snapshot!(remark(&["--set", &fault("wrap")]));
}

/// The same file again is no other program.
#[test]
fn it_replaces_itself_by_itself() {
    let (trial, _) = measured(&["--set", &fault("replace"), "--set", "env.SETTING=x"]);
    assert_eq!(trial.remarks, Vec::<String>::new());
}

#[test]
fn a_script_becomes_the_program() {
    let _turn = turn();
    let program = folder();
    script(program.folder(), "wrapper", "exec ./my-service \"$1\"");
    script(program.folder(), "forgetful", "unset SETTING; exec ./my-service \"$1\"");
    let flags = [&["run"], SHORT, TARGET, &["--set", "env.SETTING=x", "--"]].concat();
    let ran = program.run(&[&flags[..], &["./wrapper", "${port}"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = reader::load(&program.only_run()).expect("a run can be read");
    let remark = &run.trials[0].remarks[0];
    assert!(remark.starts_with("`./wrapper` replaced itself: ") && remark.ends_with("outsider"), "{remark}");

    let ran = program.run(&[&flags[..], &["./forgetful", "${port}"]].concat());
    assert_eq!(ran.code, Some(2), "a setting that is lost stops the run: {}", ran.stderr);
    assert!(ran.stderr.contains("the variable SETTING = x was set, and the process runs without it"), "{}", ran.stderr);
}

fn script(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a file of ours");
}

#[test]
fn it_leaves_grandchildren() {
    insta::assert_snapshot!(remark(&["--set", &fault("orphan")]));
}

#[test]
fn its_port_is_taken_before() {
    let _turn = turn();
    let program = folder();
    let taker = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taker.local_addr().expect("an address").port().to_string();
    let target = format!("http://127.0.0.1:{port}/");
    let ran = program.run(&[&["run"], SHORT, &["--target", &target, "--", "./my-service", &port]].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(subjects_of(&program.only_run()), NOBODY);
    insta::assert_snapshot!(message(&program, &ran));
}

#[test]
fn tls_is_expected_where_there_is_none() {
    let _turn = turn();
    let program = folder();
    let ran = run(&program, &["--target", "https://127.0.0.1:${port}/", "--insecure"]);
    assert_eq!(ran.code, Some(12), "{}", ran.stderr);
    assert_eq!(subjects_of(&program.only_run()), NOBODY);
    insta::assert_snapshot!(message(&program, &ran));
}

/// Nothing is started for any of these.
#[test]
fn what_is_wrong_with_the_command_line() {
    let program = folder();
    script(program.folder(), "plain", "");
    fs::write(program.folder().join("notes"), "hello\n").expect("written");
    let target = &["--target", "http://127.0.0.1:8080/"];
    let evidence = |kind| [&["run"], &target[..], &["--evidence", kind, "--", "./my-service"]].concat();
    let heap = evidence("heap");
    let commands: Vec<Vec<&str>> = vec![
        vec!["run", "--", "./my-service"],
        [&["run"], &target[..]].concat(),
        [&["run"], &target[..], &["--", "--port"]].concat(),
        [&["run"], &target[..], &["--", "./my-servce"]].concat(),
        [&["run"], &target[..], &["--", "my-service"]].concat(),
        [&["run"], &target[..], &["--", "./notes"]].concat(),
        vec!["run", "--target", "127.0.0.1:8080", "--", "./my-service"],
        vec!["run", "--target", "http://127.0.0.1:${port}/", "--", "./my-service", "8080"],
        vec!["run", "--target", "http://127.0.0.1:8080/", "--", "./my-service", "${port}"],
        [&["run"], &target[..], &["--vary-cmd", "new", "--", "./my-service"]].concat(),
        [&["run"], &target[..], &["--vary-cmd", "a=./my-service", "--vary-cmd", "a=./plain"]].concat(),
        [&["run"], &target[..], &["--set", "allocator.kind=system", "--", "./my-service"]].concat(),
        [&["run"], &target[..], &["--set", "env.GOGC=50", "--", "./my-service"]].concat(),
        [&["run"], &target[..], &["--set", "go.gogc=half", "--", "./my-service"]].concat(),
        [&["run"], &target[..], &["--cpu-backend", "sampler", "--", "./my-service"]].concat(),
        heap,
        [&["run", "calls"], &target[..], &["--", "./my-service"]].concat(),
    ];
    let shown: Vec<String> = commands.iter().map(|words| program.transcript(words)).collect();
    assert_eq!(program.runs().len(), 0, "refused input leaves no run");
    insta::assert_snapshot!(shown.join("\n"));
}
