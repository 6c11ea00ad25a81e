//! Where output goes, and what it is free of.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::program::finish;
use crate::sample::with_run;

const READING: &[&[&str]] =
    &[&["show"], &["show", "--plan"], &["compare"], &["list", "runs"], &["list", "knobs"], &["doctor"]];

#[test]
fn nothing_but_text_goes_into_a_file() {
    let (program, _) = with_run();
    for arguments in READING {
        let ran = program.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(!ran.stdout.contains('\u{1b}'), "{arguments:?}: {:?}", ran.stdout);
    }
    let ran = program.run(&["run", "--set", "a\u{1b}[31m=\u{1b}[0m"]);
    assert!(!ran.stderr.contains('\u{1b}'), "{:?}", ran.stderr);
}

/// What a command writes to a terminal.
fn on_a_terminal(arguments: &[&str], no_color: Option<&str>) -> String {
    let (program, _) = with_run();
    let terminal = nix::pty::openpty(None, None).expect("a terminal");
    let mut command = program.command(arguments);
    command.stdout(Stdio::from(terminal.slave)).env("TERM", "xterm-256color");
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    let child = command.spawn().expect("the program starts");
    // Or this process would keep the terminal open, and reading would never end.
    drop(command);
    let mut screen = std::fs::File::from(terminal.master);
    let mut text = Vec::new();
    // The end of a terminal is an error (EIO).
    let _ = screen.read_to_end(&mut text);
    assert_eq!(finish(child).code, Some(0));
    String::from_utf8(text).expect("text")
}

#[test]
fn a_terminal_gets_colour_unless_told_not_to() {
    assert!(on_a_terminal(&["show"], None).contains("\u{1b}["));
    assert!(on_a_terminal(&["show"], Some("")).contains("\u{1b}["), "an empty NO_COLOR is none");
    assert!(!on_a_terminal(&["show"], Some("1")).contains('\u{1b}'));
}

/// As `workbench … | head -1` does once it has its line.
#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (program, _) = with_run();
    for arguments in READING.iter().copied().chain([&["show", "--json"][..], &["--help"], &["--version"]]) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = program.command(arguments);
        command.stdout(Stdio::from(OwnedFd::from(writer)));
        let ran = finish(command.spawn().expect("the program starts"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// The names that design and documentation promise to programs.
#[test]
fn json_has_the_promised_names() {
    let (program, path) = with_run();
    let ran = program.run(&["show", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!(json["format"], 1);
    assert_eq!(json["path"], path.to_string_lossy().into_owned());
    assert_eq!((&json["scenario"], &json["status"]), (&"allocator-lab".into(), &"complete".into()));
    assert!(json["run"].is_string() && json["host"]["cpus"].is_u64() && json["host"]["cpu"].is_string());
    assert!(json["profiles"].is_array() && json["findings"].is_array());
    let variant = &json["variants"][0];
    assert_eq!((&variant["name"], &variant["trials"]), (&"jemalloc".into(), &2.into()));
    assert!(variant["driver_limited"].is_u64());
    assert_eq!(variant["knobs"]["allocator.kind"], "jemalloc");
    let metrics = [("cpu_per_op", "s/op"), ("capacity", "ops/s"), ("latency.p50", "s"), ("rss.max", "B")];
    // On a starved machine the driver may be late in every trial: then there is no latency to speak of, by rule.
    let void = variant["driver_limited"] == variant["trials"];
    for (metric, unit) in metrics.into_iter().filter(|(metric, _)| !(void && metric.starts_with("latency."))) {
        assert!(variant["metrics"][metric]["value"].is_number(), "{metric} of {variant}");
        assert_eq!(variant["metrics"][metric]["unit"], unit, "{metric}");
    }
    assert_eq!(variant["metrics"]["latency.p50"].is_null(), void, "{variant}");
    let comparison = &json["comparisons"][0];
    assert_eq!((&comparison["base"], &comparison["candidate"]), (&"jemalloc".into(), &"system".into()));
    for key in ["metric", "ratio", "low", "high", "pairs", "verdict"] {
        assert!(comparison.get(key).is_some(), "{key} of {comparison}");
    }
    let verdicts = json["comparisons"].as_array().expect("comparisons").iter().map(|c| c["verdict"].as_str());
    for verdict in verdicts {
        let known = ["improved", "regressed", "same", "cannot_tell", "not_comparable"];
        assert!(verdict.is_some_and(|verdict| known.contains(&verdict)), "{verdict:?}");
    }

    let ran = program.run(&["compare", "--json"]);
    let comparisons: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!(comparisons, json["comparisons"]);
}

/// Two runs were never interleaved: nothing is decided between them.
#[test]
fn two_runs_are_described_and_not_judged() {
    let (program, _) = with_run();
    crate::sample::add_run(&program, "20260102-030406-allocator-lab-bbbb");
    let ran = program.run(&["compare", "@", "@-1", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let comparisons: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    let comparisons = comparisons.as_array().expect("comparisons");
    assert!(!comparisons.is_empty());
    assert!(comparisons.iter().all(|comparison| comparison["verdict"] == "not_comparable"), "{comparisons:?}");
}
