//! A run that was measured once for all tests of this program.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::program::Program;

/// Flags of a run that takes as little time as a run can.
pub(crate) const SMALL: &[&str] = &[
    "--evidence",
    "none",
    "--seed",
    "7",
    "--set",
    "trial.warmup=0s",
    "--set",
    "trial.saturated=300ms",
    "--set",
    "load.operations=200",
    "--set",
    "load.rate=2000",
];

/// A name of a run that sorts before every new one.
pub(crate) const ID: &str = "20260102-030405-allocator-lab-aaaa";

pub(crate) fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_workbench"))
}

/// A program whose only run is a copy of the sample: two variants, two blocks, complete.
pub(crate) fn with_run() -> (Program, PathBuf) {
    let program = program();
    let path = add_run(&program, ID);
    (program, path)
}

/// Adds a copy of the sample under another name.
pub(crate) fn add_run(program: &Program, id: &str) -> PathBuf {
    let path = program.folder().join(".workbench/runs").join(id);
    copy(sample(), &path);
    path
}

/// A program whose only run was killed after its second trial.
pub(crate) fn with_killed_run() -> (Program, PathBuf) {
    let (program, path) = with_run();
    fs::remove_file(path.join("run.json")).expect("a complete run has it");
    let events = fs::read_to_string(path.join("events.jsonl")).expect("a run has events");
    let mut finished = 0;
    let kept = events.split_inclusive('\n').take_while(|line| {
        finished += usize::from(line.contains("\"trial_finished\""));
        finished <= 2
    });
    let kept: String = kept.collect();
    assert!(kept.len() < events.len());
    fs::write(path.join("events.jsonl"), kept).expect("written");
    (program, path)
}

/// Replaces a piece of a file of the run.
pub(crate) fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("the file is there");
    assert!(text.contains(from), "{from} is not in {}", file.display());
    fs::write(file, text.replacen(from, to, 1)).expect("written");
}

/// The value of a text field of a JSON file of the run.
pub(crate) fn field(file: &Path, pointer: &str) -> String {
    let text = fs::read_to_string(file).expect("the file is there");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    json.pointer(pointer).and_then(|value| value.as_str()).expect("the field is there").to_owned()
}

fn sample() -> &'static Path {
    static SAMPLE: OnceLock<(Program, PathBuf)> = OnceLock::new();
    let (_, path) = SAMPLE.get_or_init(|| {
        let program = program();
        let variants = ["run", "allocator-lab", "--variant", "jemalloc", "--variant", "system", "--trials", "2"];
        let ran = program.run(&[&variants[..], SMALL].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let path = program.only_run();
        (program, path)
    });
    path
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
