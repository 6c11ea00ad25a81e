//! `gate`, `baseline` and `run --save-as` as a person types them. Both sides are one program here, so that what is allowed
//! decides: nothing depends on how fast this machine is.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::program::{Program, Ran};
use crate::sample::{edit, program};

const SHORT: &[&str] = &[
    "allocator-lab",
    "--variant",
    "jemalloc",
    "--seed",
    "7",
    "--set",
    "trial.warmup=0s",
    "--set",
    "trial.saturated=300ms",
];

/// Two gates at a time would share two cores, and phases this short would then be a matter of luck.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that has kept itself as the baseline `main`.
fn with_baseline() -> Program {
    let program = program();
    let flags = ["--trials", "1", "--evidence", "none", "--set", "load.operations=100", "--set", "load.rate=1000"];
    let ran = program.run(&[&["run"], SHORT, &flags, &["--save-as", "main"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("kept as baseline main"), "{}", ran.stderr);
    program
}

fn gate(program: &Program, flags: &[&str]) -> Ran {
    program.run(&[&["gate"], SHORT, flags].concat())
}

fn baseline_file(program: &Program) -> PathBuf {
    program.folder().join(".workbench/baselines/main.json")
}

fn kept_program(program: &Program) -> PathBuf {
    let folders = fs::read_dir(program.folder().join(".workbench/binaries")).expect("binaries");
    let folder = folders.flatten().next().expect("one of them").path();
    fs::read_dir(folder).expect("a folder").flatten().next().expect("a program").path()
}

#[test]
fn the_kept_program_runs_beside_this_one_and_limits_decide() {
    let _turn = turn();
    let program = with_baseline();
    let kept = gate(&program, &["--against", "main", "--trials", "8", "--limit", "cpu_per_op<+5000%", "--json"]);
    assert_eq!(kept.code, Some(0), "{}", kept.stderr);
    let json: serde_json::Value = serde_json::from_str(&kept.stdout).expect("JSON");
    assert_eq!(json["gate"]["verdict"], "passed");
    assert_eq!(json["gate"]["pairs"], 8);
    assert_eq!(json["gate"]["base"]["binary"], json["gate"]["candidate"]["binary"]);
    let names: Vec<_> = json["variants"].as_array().expect("variants").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["base", "new"]);
    // No limit asks about the open loop: it is left out.
    assert!(json["variants"][0]["metrics"].get("latency.p99").is_none());
    assert!(kept.stderr.contains("the very same program"), "{}", kept.stderr);

    // Nobody gets a hundred times as fast as itself.
    let broken = gate(&program, &["--against", "main", "--trials", "8", "--limit", "cpu_per_op<-99%"]);
    assert_eq!(broken.code, Some(10), "{}", broken.stderr);
    assert!(broken.stdout.contains("Failed, after all 8 pairs: the limit is broken."), "{}", broken.stdout);
    let shown = program.run(&["show", "@"]);
    assert!(shown.stdout.contains("Failed, after all 8 pairs"), "{}", shown.stdout);
}

#[test]
fn what_cannot_be_told_fails_unless_it_may_pass() {
    let _turn = turn();
    let program = program();
    let flags = ["--against-variant", "jemalloc", "--trials", "2", "--limit", "cpu_per_op<+3%"];
    let arguments =
        |more: &[&'static str]| [&["gate", "allocator-lab", "--variant", "system"], &SHORT[3..], &flags, more].concat();
    let ran = program.run(&arguments(&[]));
    assert_eq!(ran.code, Some(11), "{}\n{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("2 pairs: fewer than") && ran.stdout.contains("can never show a difference"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("fewer than 12 show only large changes"), "{}", ran.stderr);
    let ran = program.run(&arguments(&["--cannot-tell", "pass"]));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("Cannot tell"), "{}", ran.stdout);
}

#[test]
fn limits_of_the_scenario_file_hold_with_their_lines() {
    let _turn = turn();
    let program = program();
    let text = include_str!("../../../scenarios/catalog/allocator-lab.toml");
    let file = program.folder().join("lab.toml");
    fs::write(&file, format!("{text}\n[limits]\ncpu_per_op = \"<-99%\"\n")).expect("written");
    let line = fs::read_to_string(&file).expect("text").lines().count();
    let flags = ["--against-variant", "jemalloc", "--trials", "8", "--json"];
    let ran = program.run(&[&["gate", "./lab.toml", "--variant", "system"], &SHORT[3..], &flags].concat());
    assert_eq!(ran.code, Some(10), "{}", ran.stderr);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let limit = &json["gate"]["limits"][0];
    assert_eq!((&limit["source"]["file"], &limit["source"]["line"]), (&"./lab.toml".into(), &line.into()));
    fs::write(&file, format!("{text}\n[limits]\ncpu_per_opp = \"<-99%\"\n")).expect("written");
    let ran = program.run(&["gate", "./lab.toml", "--against-variant", "jemalloc"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn what_a_gate_cannot_do_is_said_before_anything_runs() {
    let program = program();
    let all: &[&[&str]] = &[
        &["gate", "allocator-lab"],
        &["gate", "allocator-lab", "--against", "main"],
        &["gate", "allocator-lab", "--against", "main", "--limit", "cpu_per_op<3%"],
        &["gate", "allocator-lab", "--against", "main", "--limit", "cpu_per_oop<+3%"],
        &["gate", "allocator-lab", "--against", "main", "--limit", "polls.blocked_per_kop<+3%"],
        &["gate", "allocator-lab", "--against", "main", "--limit", "cpu_per_op<+3%"],
        &["gate", "allocator-lab", "--against-variant", "jemaloc", "--limit", "cpu_per_op<+3%"],
        &["gate", "allocator-lab", "--against-rev", "main", "--limit", "cpu_per_op<+3%"],
        &["baseline", "list"],
        &["baseline", "rm", "main"],
        &["baseline", "export", "main", "out"],
        &["run", "allocator-lab", "--save-as", "a/b"],
    ];
    let told: Vec<String> = all.iter().map(|arguments| program.transcript(arguments)).collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(program.runs().is_empty());
}

#[test]
fn a_baseline_that_is_not_what_was_kept_gives_no_verdict() {
    let _turn = turn();
    let program = with_baseline();
    let json = baseline_file(&program);
    let whole = fs::read_to_string(&json).expect("the baseline");
    let refused = |what: &str| {
        let ran = gate(&program, &["--against", "main", "--limit", "cpu_per_op<+3%", "--trials", "1"]);
        assert_eq!(ran.code, Some(2), "{what}: {}", ran.stderr);
        let at = ran.stderr.find("error").unwrap_or_else(|| panic!("{what}: {}", ran.stderr));
        format!("{what}\n{}", program.redacted(&ran.stderr[at..]))
    };
    let mut told = Vec::new();
    for (what, from, to) in [
        ("another version of the scenario", "\"scenario_version\": 1", "\"scenario_version\": 2"),
        ("another scenario", "\"scenario\": \"allocator-lab\"", "\"scenario\": \"http-service\""),
        ("another build profile", "\"profile\": \"", "\"profile\": \"slow-"),
        ("another protocol", "\"protocol\": 1", "\"protocol\": 99"),
        ("another machine", "\"os\": \"", "\"os\": \"plan9 "),
    ] {
        edit(&json, from, to);
        let text = refused(what);
        let text = text.split("profile `slow-").next().expect("a part").to_owned();
        told.push(text.split("(`--against-rev").next().expect("a part").to_owned());
        fs::write(&json, &whole).expect("written");
    }
    fs::write(&json, &whole[..whole.len() / 2]).expect("written");
    let cut = refused("half written");
    assert!(cut.contains("main.json:") && cut.contains("the file is cut off here"), "{cut}");
    fs::write(&json, &whole).expect("written");
    let binary = kept_program(&program);
    fs::write(&binary, "no longer").expect("written");
    let damaged = refused("damaged program");
    assert!(damaged.contains("is damaged (its content has hash"), "{damaged}");
    fs::remove_file(&binary).expect("removed");
    assert!(refused("no program").contains("is missing"));
    let os = std::env::consts::ARCH;
    insta::assert_snapshot!(told.join("\n").replace(os, "ARCH"));
    // The name is taken until it is removed.
    let again = program.run(&["run", "allocator-lab", "--save-as", "main"]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("baseline `main` exists already"), "{}", again.stderr);
    let removed = program.run(&["baseline", "rm", "main"]);
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    assert!(program.run(&["baseline", "list"]).stdout.contains("No baselines yet"));
}

#[test]
fn an_exported_baseline_is_taken_elsewhere() {
    let _turn = turn();
    let program = with_baseline();
    let listed = program.run(&["baseline", "list"]);
    assert!(listed.stdout.contains("main") && listed.stdout.contains("allocator-lab v1"), "{}", listed.stdout);
    let exported = program.run(&["baseline", "export", "main", "out"]);
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let elsewhere = crate::sample::program();
    let from = program.folder().join("out");
    let ran = gate(&elsewhere, &["--against", &from.to_string_lossy(), "--limit", "cpu_per_op<+3%", "--trials", "1"]);
    // One pair tells nothing, and that is what it says.
    assert_eq!(ran.code, Some(11), "{}", ran.stderr);
    assert!(ran.stdout.contains("baseline main"), "{}", ran.stdout);
    assert_eq!(program.run(&["baseline", "export", "main", "out"]).code, Some(2));
}

#[test]
fn a_history_stands_on_the_runs_there_are() {
    let program = program();
    let empty = program.run(&["history"]);
    assert_eq!(empty.code, Some(2));
    assert!(empty.stderr.contains("no finished runs yet"), "{}", empty.stderr);
    for number in 0..3 {
        crate::sample::add_run(&program, &format!("2026010{}-030405-allocator-lab-aaaa", number + 1));
    }
    let ran = program.run(&["history", "allocator-lab", "--variant", "system", "--html", "history.html"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("CPU per op of allocator-lab v1, variant system, 3 runs"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("No change is shown.") && ran.stdout.contains("3 runs: fewer than 14 can show no change"),
        "{}",
        ran.stdout
    );
    let page = fs::read_to_string(program.folder().join("history.html")).expect("a page");
    assert!(page.contains("<svg class=\"chart history\"") && !page.contains("<script"));
    let json: serde_json::Value =
        serde_json::from_str(&program.run(&["history", "--json", "--metric", "capacity"]).stdout).expect("JSON");
    assert_eq!(json["points"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["points"][1]["log_ratio"], 0.0);
    for (flags, told) in [
        (["history", "--metric", "cpu_per_oop"], "did you mean `cpu_per_op`?"),
        (["history", "--variant", "jemaloc"], "there are jemalloc, system"),
        (["history", "--reference", "nothing"], "no run `nothing`"),
    ] {
        let ran = program.run(&flags);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
}
