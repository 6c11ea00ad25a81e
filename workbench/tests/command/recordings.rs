//! Recordings of tokio-console: made by a run, shown at any moment, replayed; damaged ones named.
//!
//! What makes a recording runs where the tested program has tokio's instrumentation compiled in, as it has in
//! `cargo test --workspace`.

use std::fs;
use std::path::PathBuf;

use crate::program::Program;
use crate::sample::with_run;

/// A run with a recording of one variant.
fn recorded() -> Option<(Program, PathBuf)> {
    if !probe::console::is_available() {
        return None;
    }
    let program = Program::new(env!("CARGO_BIN_EXE_workbench"));
    let small = ["trial.warmup=50ms", "trial.saturated=300ms", "load.operations=200", "load.rate=400"];
    let settings: Vec<&str> = small.iter().flat_map(|setting| ["--set", setting]).collect();
    let wish = ["run", "http-service", "--variant", "fixed", "--trials", "1", "--evidence", "console", "--seed", "7"];
    let ran = program.run(&[&wish[..], &settings].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let path = program.only_run();
    Some((program, path))
}

#[test]
fn what_a_run_recorded_is_shown_at_any_moment_replayed_and_named_when_damaged() {
    let Some((program, path)) = recorded() else { return };
    let file = path.join("evidence/fixed/console.jsonl");
    let json = |arguments: &[&str]| -> serde_json::Value {
        let ran = program.run(arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).expect("one document")
    };
    let end = json(&["show", "--tasks", "--json"]);
    assert_eq!(end["console"][0]["missing"], serde_json::Value::Null, "{end}");
    assert_eq!(end["console"][0]["agreement"]["counts"], "agree", "{end}");
    let seen = |document: &serde_json::Value| -> u64 {
        document["console"][0]["sites"].as_array().expect("sites").iter().filter_map(|site| site["seen"].as_u64()).sum()
    };
    let begin = json(&["show", "--tasks", "--json", "--at", "1ms"]);
    assert!(seen(&begin) < seen(&end), "{} and {}", seen(&begin), seen(&end));
    assert!(
        !json(&["show", "--resources", "--json"])["console"][0]["resources"].as_array().expect("a list").is_empty()
    );
    let shown = program.run(&["show", "--resources"]);
    assert!(shown.stdout.contains("(tokio-console)") && shown.stdout.contains("waited"), "{}", shown.stdout);
    let page = fs::read_to_string(path.join("report.html")).expect("a page");
    assert!(page.contains("Resources and waits (tokio-console)"));
    assert!(fs::read_to_string(path.join("report.md")).expect("a report").contains("## Resources and waits"));

    let replayed = program.run(&["console", "--replay", "@", "--port", "0", "--for", "100ms", "--no-ui"]);
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    assert!(replayed.stdout.contains("tokio-console http://127.0.0.1:"), "{}", replayed.stdout);

    let bytes = fs::read(&file).expect("the recording");
    fs::write(&file, &bytes[..bytes.len() - 20]).expect("written");
    let torn = program.run(&["show", "--resources"]);
    assert_eq!(torn.code, Some(0), "{}", torn.stderr);
    assert!(torn.stdout.contains("the recording has no end"), "{}", torn.stdout);
    fs::write(&file, [&bytes[..], b"\n"].concat()).expect("written");
    let other = program.run(&["show", "--resources"]);
    assert_eq!(other.code, Some(2), "{}", other.stdout);
    assert!(other.stderr.contains("console.jsonl: not what this run recorded"), "{}", other.stderr);
    let mut damaged = bytes;
    let second = damaged.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    damaged[second] = b'?';
    fs::write(&file, damaged).expect("written");
    let named = program.run(&["show", "--resources"]);
    assert_eq!(named.code, Some(2));
    assert!(named.stderr.contains("console.jsonl:2: ") && named.stderr.contains("delete it"), "{}", named.stderr);
    assert_eq!(program.run(&["show"]).code, Some(0), "the measured data are intact");
}

#[test]
fn a_run_without_a_recording_says_how_to_make_one() {
    let (program, _) = with_run();
    let transcript = [
        program.transcript(&["show", "--resources"]),
        program.transcript(&["console", "--replay", "@", "--variant", "nobody"]),
        program.transcript(&["console", "--replay", "@"]),
        program.transcript(&["console", "--replay", "@", "--speed", "0"]),
        program.transcript(&["show", "--resources", "--at", "soon"]),
    ];
    insta::assert_snapshot!(transcript.join("\n"), @"
    $ workbench show --resources
    error: RUN has no recording of tokio-console: `workbench run allocator-lab --evidence console` makes one
    exit code 2

    $ workbench console --replay @ --variant nobody
    error: RUN has no variant `nobody`: it has jemalloc, system
    exit code 2

    $ workbench console --replay @
    error: RUN has no recording of tokio-console: `workbench run allocator-lab --evidence console` makes one
    exit code 2

    $ workbench console --replay @ --speed 0
    error: RUN has no recording of tokio-console: `workbench run allocator-lab --evidence console` makes one
    exit code 2

    $ workbench show --resources --at soon
    error: RUN has no recording of tokio-console: `workbench run allocator-lab --evidence console` makes one
    exit code 2
    ");
}
