//! `history --rerun`: a change among kept runs, settled by measuring the programs around it side by side. And a gate whose
//! time is up before it could tell.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::Value;

use crate::program::Program;
use crate::sample::{SMALL, program};

const LAB: &[&str] = &["allocator-lab", "--variant", "jemalloc"];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The same program with another hash: what stands behind its end is never loaded.
fn another(folder: &Path) -> &'static str {
    let path = folder.join("workbench");
    fs::copy(env!("CARGO_BIN_EXE_workbench"), &path).expect("a copy");
    let mut file = fs::OpenOptions::new().append(true).open(&path).expect("the copy");
    file.write_all(b"another").expect("written");
    Box::leak(path.to_string_lossy().into_owned().into_boxed_str())
}

/// Moves a program's only run into the history of another, ten times, a day apart from `first` on; CPU per operation is
/// what `value` says.
fn ten(from: &Path, to: &Program, first: u32, value: f64) {
    let run: Value = json(&fs::read_to_string(from.join("run.json")).expect("a run"));
    for number in 0..10 {
        let id = format!("202601{:02}-030405-allocator-lab-aaaa", first + number);
        let folder = to.folder().join(".workbench/runs").join(&id);
        copy(from, &folder);
        let mut run = run.clone();
        run["run"] = id.into();
        run["path"] = folder.to_string_lossy().into_owned().into();
        run["started_at"] = format!("2026-01-{:02}T03:04:05Z", first + number).into();
        run["finished_at"] = format!("2026-01-{:02}T03:05:05Z", first + number).into();
        run["variants"][0]["metrics"]["cpu_per_op"]["value"] = (value * (1.0 + 0.001 * f64::from(number % 3))).into();
        fs::write(folder.join("run.json"), run.to_string()).expect("written");
    }
    fs::remove_dir_all(from).expect("removed");
}

#[test]
fn a_suspicion_is_settled_by_both_programs_side_by_side() {
    let place = tempfile::tempdir().expect("a folder");
    let [old, new] = [program(), Program::new(another(place.path()))];
    for (program, name) in [(&old, "old"), (&new, "new")] {
        let ran = program.run(&[&["run"], LAB, &["--trials", "1", "--save-as", name], SMALL].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let binary = |program: &Program| {
        let run = json(&fs::read_to_string(program.only_run().join("run.json")).expect("a run"));
        run["build"]["binary"].as_str().expect("a hash").to_owned()
    };
    let binaries = [binary(&old), binary(&new)];
    assert_ne!(binaries[0], binaries[1]);
    let own = old.only_run();
    ten(&new.only_run(), &old, 11, 4e-5);
    ten(&own, &old, 1, 2e-5);

    let rerun = ["history", "allocator-lab", "--variant", "jemalloc", "--rerun", "--for", "4s"];
    // Only one of both programs is kept here: that is said, and nothing is measured.
    let ran = old.run(&[&rerun[..], &["--json"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found = json(&ran.stdout);
    assert_eq!(found["reruns"][0]["run"], Value::Null);
    assert!(found["reruns"][0]["sentence"].as_str().is_some_and(|told| told.contains("was not kept")), "{found}");
    assert_eq!(old.runs().len(), 20);

    // The other machine's baseline: its record and its program.
    let shelf = |program: &Program| program.folder().join(".workbench");
    copy(&shelf(&new).join("baselines"), &shelf(&old).join("baselines"));
    copy(&shelf(&new).join("binaries"), &shelf(&old).join("binaries"));
    let ran = old.run(&[&rerun[..], &["--json", "--html", "history.html"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found = json(&ran.stdout);
    let settled = &found["reruns"][0];
    assert_eq!(settled["before"], found["suspects"][0]["before"]);
    let id = settled["run"].as_str().expect("a run that measured both");
    let gate = &json(&fs::read_to_string(shelf(&old).join("runs").join(id).join("run.json")).expect("a run"))["gate"];
    assert_eq!((&gate["verdict"], &gate["sentence"]), (&settled["verdict"], &settled["sentence"]));
    assert_eq!([&gate["base"]["binary"], &gate["candidate"]["binary"]], [binaries[0].as_str(), binaries[1].as_str()]);
    assert!(gate["pairs"].as_u64() > Some(0), "{gate}");
    let page = fs::read_to_string(old.folder().join("history.html")).expect("a page");
    assert!(page.contains(id), "the verdict and its run stand in the page");
    assert!(ran.stderr.contains("wrote history.html"), "{}", ran.stderr);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// A trial takes longer than 300 ms, and no test of the gate can show anything in fewer than eight pairs.
#[test]
fn a_gate_whose_time_is_up_cannot_tell() {
    let program = program();
    let flags = ["--variant", "system", "--against-variant", "jemalloc", "--seed", "7"];
    let phases = ["--set", "trial.warmup=0s", "--set", "trial.saturated=300ms"];
    let time = ["--trials", "32", "--for", "2s", "--limit", "cpu_per_op<+3%", "--json"];
    let arguments = [&["gate", "allocator-lab"], &flags[..], &phases, &time].concat();
    for (more, code) in [(&[][..], 11), (&["--cannot-tell", "fail"], 11), (&["--cannot-tell", "pass"], 0)] {
        let ran = program.run(&[&arguments[..], more].concat());
        assert_eq!(ran.code, Some(code), "{}\n{}", ran.stdout, ran.stderr);
        let gate = &json(&ran.stdout)["gate"];
        assert_eq!((&gate["verdict"], &gate["stopped"]), (&"cannot_tell".into(), &"out_of_time".into()), "{gate}");
        let pairs = gate["pairs"].as_u64().expect("pairs");
        assert!((1..8).contains(&pairs), "{gate}");
        // No half verdict: nothing but `cannot_tell` anywhere.
        assert_eq!(gate["limits"][0]["verdict"], "cannot_tell");
        let sentence = gate["sentence"].as_str().expect("a sentence");
        assert!(sentence.contains("Cannot tell") && sentence.contains("that fit in the time"), "{sentence}");
    }
    let shown = program.run(&["show"]);
    assert!(shown.stdout.contains("Cannot tell"), "{}", shown.stdout);
}
