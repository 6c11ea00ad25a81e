//! `workbench explain`: causes that were found, none that were, those that cannot be told, and runs that are not there.

use std::fs;
use std::path::Path;

use reports::run::hlog;
use reports::run::writer::RunWriter;
use reports::run::{KernelHead, KernelRecord, KernelSample};
use serde_json::Value;

use crate::program::Program;
use crate::sample::{ID, with_run};

/// Columns where the output is no terminal.
const WIDTH: usize = 120;

/// Latencies of the run's trials as `change` makes them: what was measured depends on the machine.
fn retold(run: &Path, change: impl Fn(&mut hlog::Interval)) {
    for trial in fs::read_dir(run.join("trials")).expect("the run of a test") {
        let file = trial.expect("the run of a test").path().join("latency.hlog");
        let mut intervals = hlog::parse(&fs::read(&file).expect("the run of a test")).expect("the run of a test");
        intervals.iter_mut().for_each(&change);
        fs::write(&file, hlog::to_bytes(&intervals).expect("the run of a test")).expect("the run of a test");
    }
}

/// One operation in five took five seconds.
fn slow(interval: &mut hlog::Interval) {
    let count = interval.histogram.len().div_ceil(4);
    interval.histogram.record_n(5_000_000_000, count).expect("the run of a test");
}

/// Every operation took a microsecond.
fn quick(interval: &mut hlog::Interval) {
    let count = interval.histogram.len();
    interval.histogram.reset();
    interval.histogram.record_n(1_000, count).expect("the run of a test");
}

/// The cgroup of `jemalloc` was throttled for half of the time.
fn throttle(run: &Path) {
    let sample = |at_s: f64| KernelSample {
        at_s,
        throttled: Some((at_s * 10.0) as u64),
        throttled_s: Some(at_s / 2.0),
        ..KernelSample::default()
    };
    let head = KernelHead { format: 1, hz: 10, due: 21, wall_s: 2.0, ..KernelHead::default() };
    let record = KernelRecord { head, samples: (0..=20).map(|at| sample(f64::from(at) / 10.0)).collect() };
    RunWriter::reopen(run).expect("the run of a test").kernel("jemalloc", &record).expect("the run of a test");
}

fn explained(program: &Program, arguments: &[&str]) -> String {
    let ran = program.run(&[&["explain"][..], arguments].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    ran.stdout
}

fn json(program: &Program) -> Value {
    serde_json::from_str(&explained(program, &["--json"])).expect("the run of a test")
}

#[test]
fn a_cause_is_told_with_its_evidence_its_refutation_and_the_next_command() {
    let (program, run) = with_run();
    throttle(&run);
    let told = explained(&program, &[]);
    // In an incident: what, whose, how sure, what speaks against it, what to do.
    let order = [
        "allocator-lab\n",
        "1. the CPU quota is used up: the kernel stopped the process in 20 periods\n",
        "   jemalloc, throttled, explains 50 % of the excess latency\n",
        "   - `cpu.stat`: stopped in 20 periods for",
        "   If this were wrong: the latency would be the same with a larger quota; or, as it is, at a quarter of the rate",
        "   Proof: section “Threads” of report.html.\n",
        "   next: workbench run --evidence cpu,wait --rate ",
        " --trials 1 allocator-lab --variant jemalloc\n",
        "Ruled out\n",
        "Not used\n",
    ];
    let mut rest = told.as_str();
    for wanted in order {
        let Some((_, after)) = rest.split_once(wanted) else { panic!("{wanted:?} is not in its place in\n{told}") };
        rest = after;
    }
    // Commands are shown whole: people copy them.
    let long: Vec<&str> =
        told.lines().filter(|line| line.chars().count() > WIDTH && !line.contains("next: ")).collect();
    assert!(long.is_empty(), "{long:#?}");
    let json = json(&program);
    let finding = &json["findings"][0];
    assert_eq!((&finding["rule"], &finding["rank"]), (&Value::from("throttled"), &Value::from(1)), "{json:#}");
    assert_eq!(json["run"], ID);
    assert!(json["ruled_out"].is_array() && json["unused"].is_array() && json["undecided"].is_array());
}

#[test]
fn that_nothing_was_found_is_said_with_what_was_ruled_out() {
    let (program, run) = with_run();
    retold(&run, quick);
    let told = explained(&program, &[]);
    assert!(told.contains("Nothing found. "), "{told}");
    assert!(told.contains("Ruled out\n  jemalloc: ") && told.contains("  system: "), "{told}");
    // What nobody could look at is named with the evidence that would be needed.
    assert!(
        told.contains("Not used\n") && told.contains("trace: it was not gathered, so that nothing is said of"),
        "{told}"
    );
    let json = json(&program);
    assert_eq!(json["findings"], serde_json::json!([]), "{json:#}");
    assert!(!json["ruled_out"].as_array().unwrap().is_empty());
}

#[test]
fn what_cannot_be_told_comes_with_the_experiment_that_decides() {
    let (program, run) = with_run();
    retold(&run, slow);
    let told = explained(&program, &[]);
    assert!(told.contains("`jemalloc`: cannot tell: operations take"), "{told}");
    assert!(
        told.contains("   next: workbench run --evidence cpu,trace,wait allocator-lab --variant jemalloc\n")
            || told.contains("   next: workbench run --evidence cpu,wait,trace allocator-lab --variant jemalloc\n"),
        "{told}"
    );
    let json = json(&program);
    let undecided = json["undecided"].as_array().unwrap();
    assert_eq!(undecided.len(), 2, "both variants: {json:#}");
    assert!(undecided[0]["rules"].as_array().unwrap().iter().any(|rule| rule == "long-poll-cpu"), "{json:#}");
}

#[test]
fn a_run_that_is_not_there_is_named() {
    let (program, _) = with_run();
    let ran = program.run(&["explain", "nosuch"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("nosuch") && ran.stdout.is_empty(), "{}", ran.stderr);
    let empty = crate::sample::program();
    let ran = empty.run(&["explain"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("workbench run"), "what to do first: {}", ran.stderr);
}
