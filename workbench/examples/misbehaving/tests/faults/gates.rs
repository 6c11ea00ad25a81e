//! Gates between programs that are not ours.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::program::{Program, Ran};

const SHORT: &[&str] = &[
    "--target",
    "http://127.0.0.1:${port}/",
    "--rate",
    "200",
    "--duration",
    "300ms",
    "--warmup",
    "0s",
    "--concurrency",
    "4",
    "--set",
    "trial.saturated=300ms",
    "--seed",
    "3",
];

/// A folder with the program in it twice, as `./old` and `./new`.
fn folder() -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_misbehaving"));
    for name in ["old", "new"] {
        fs::copy(env!("CARGO_BIN_EXE_outsider"), program.folder().join(name)).expect("a copy");
    }
    program
}

fn gate(program: &Program, flags: &[&str]) -> Ran {
    program.run(&[&["gate"], SHORT, flags, &["--", "./new", "${port}"]].concat())
}

#[test]
fn two_programs_by_command() {
    let program = folder();
    let sides = ["--vary-cmd", "base=./old", "--vary-cmd", "new=./new", "--limit", "cpu_per_op<-99%", "--trials", "8"];
    let ran = gate(&program, &sides);
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("BROKEN"), "{}", ran.stdout);
    let dies =
        ["--vary-cmd", "base=./old", "--vary-cmd", "new=./new ${port}x", "--limit", "cpu_per_op<+3%", "--trials", "2"];
    let ran = gate(&program, &dies);
    assert_eq!(ran.code, Some(12), "{}\n{}", ran.stdout, ran.stderr);
    let one = gate(&program, &["--vary-cmd", "base=./old", "--limit", "cpu_per_op<+3%"]);
    assert_eq!(one.code, Some(2), "{}", one.stderr);
    assert!(one.stderr.contains("needs two variants by command"), "{}", one.stderr);
}

#[test]
fn the_kept_program_is_measured_after_it_was_replaced() {
    let program = folder();
    let run = ["--trials", "1", "--evidence", "none", "--save-as", "before"];
    let ran = program.run(&[&["run"], SHORT, &run, &["--", "./new", "${port}"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // Another build: the same program with something behind it.
    let mut bytes = fs::read(program.folder().join("new")).expect("the program");
    bytes.extend_from_slice(b"later");
    fs::remove_file(program.folder().join("new")).expect("removed");
    fs::write(program.folder().join("new"), bytes).expect("written");
    executable(&program.folder().join("new"));
    let ran = gate(&program, &["--against", "before", "--limit", "cpu_per_op<-99%", "--trials", "8", "--json"]);
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stdout, ran.stderr);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_ne!(json["gate"]["base"]["binary"], json["gate"]["candidate"]["binary"]);
    assert!(!ran.stderr.contains("the very same program"), "{}", ran.stderr);
}

#[test]
fn what_is_no_program_by_itself_is_not_kept() {
    let program = folder();
    fs::write(program.folder().join("start.sh"), "#!/bin/sh\nexec ./new \"$@\"\n").expect("written");
    executable(&program.folder().join("start.sh"));
    let save = |command: &[&str]| {
        let run = ["--trials", "1", "--evidence", "none", "--save-as", "before"];
        let ran = program.run(&[&["run"], SHORT, &run, &["--"], command, &["${port}"]].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        ran.stderr
    };
    let told = [save(&["./start.sh"]), save(&["sh", "start.sh"])];
    insta::assert_snapshot!(told.join("\n"), @r"
    error: `./start.sh` is a script: a copy of it would start whatever is installed by then; name the program itself, or keep the versions yourself and gate them with `--vary-cmd base=… --vary-cmd new=…`

    error: `sh` runs a program of another language, and a copy of it keeps nothing of that: keep the versions yourself and gate them with `--vary-cmd base=… --vary-cmd new=…`
    ");
    assert!(program.runs().is_empty());
}

#[test]
fn a_revision_is_built_once_and_kept() {
    let program = folder();
    let here = program.folder();
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .current_dir(here)
            .args(["-c", "user.name=t", "-c", "user.email=t@t"])
            .args(arguments)
            .output();
        let done = done.expect("git");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    fs::write(here.join(".gitignore"), "/old\n/new\n.workbench\n").expect("written");
    fs::write(here.join("build.sh"), format!("echo built >> '{0}/built'; cp '{0}/old' new\n", here.display()))
        .expect("written");
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    let flags = ["--against-rev", "main", "--build", "sh build.sh", "--limit", "cpu_per_op<-99%", "--trials", "8"];
    for _ in 0..2 {
        let ran = gate(&program, &flags);
        assert_eq!(ran.code, Some(10), "{}\n{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("revision main (commit"), "{}", ran.stdout);
    }
    assert_eq!(fs::read_to_string(here.join("built")).expect("it was built"), "built\n");
    let refused = |flags: &[&str]| {
        let ran = gate(&program, &[flags, &["--limit", "cpu_per_op<+3%"]].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let text = program.redacted(&ran.stderr);
        let commit = text.split("commit ").nth(1).map(|rest| rest[..12].to_owned()).unwrap_or_default();
        if commit.is_empty() { text } else { text.replace(&commit, "COMMIT") }
    };
    let told = [
        refused(&["--against-rev", "mian", "--build", "sh build.sh"]),
        refused(&["--against-rev", "main", "--build", "echo no such thing >&2; false"]),
        refused(&["--against-rev", "main", "--build", "true"]),
        refused(&["--against-rev", "main"]),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    error: no revision `mian` in FOLDER; branches are main. A shallow clone lacks older commits: `git fetch --unshallow`, or `fetch-depth: 0` in CI

    building commit COMMIT: sh -c echo no such thing >&2; false
    error: commit COMMIT does not build: `sh -c echo no such thing >&2; false` ended with exit status: 1
        no such thing

    building commit COMMIT: sh -c true
    error: `sh -c true` built commit COMMIT, but made no new

    error: how is `./new` built? Say so with `--build`, as in `--build 'make release'`
    ");
}

fn executable(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("its mode");
}
