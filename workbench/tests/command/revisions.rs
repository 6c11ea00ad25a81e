//! `gate --against-rev` in a repository of somebody's own: two revisions of a small server, each built where it belongs.
//! What differs is memory that the second holds, so that nothing depends on how fast this machine is.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::{Program, Ran};
use crate::sample::program;

const MANIFEST: &str = "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

/// Answers every request; `HELD` MiB are touched and kept.
const SERVER: &str = r#"
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

fn main() {
    let port: u16 = std::env::args().nth(1).expect("a port").parse().expect("a port");
    let held = std::hint::black_box(vec![1_u8; HELD << 20]);
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || answer(stream));
    }
    drop(held);
}

fn answer(mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().expect("a copy")).lines();
    while let Some(Ok(line)) = lines.next() {
        if line.is_empty() && stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
            return;
        }
    }
}
"#;

const GATE: &[&str] = &[
    "gate",
    "--target",
    "http://127.0.0.1:${port}/",
    "--rate",
    "200",
    "--duration",
    "200ms",
    "--concurrency",
    "2",
    "--trials",
    "8",
    "--seed",
    "7",
    "--set",
    "trial.warmup=0s",
    "--limit",
    "rss.max<+100%",
];

const SERVE: &[&str] = &["--", "./target/release/tiny", "${port}"];

fn done(command: &mut Command) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn git(folder: &Path, arguments: &[&str]) {
    // Nothing of the developer's own configuration, nobody's name.
    let own = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"];
    done(Command::new("git").args(own).args(arguments).current_dir(folder));
}

fn write(folder: &Path, held: u32) {
    fs::write(folder.join("src/main.rs"), SERVER.replace("HELD", &held.to_string())).expect("written");
}

/// A repository with a revision of the server that holds nothing, tagged `lean`, and one that holds 64 MiB, tagged `fat`,
/// which is built.
fn repository() -> Program {
    let program = program();
    let folder = program.folder();
    fs::create_dir(folder.join("src")).expect("a folder");
    fs::write(folder.join("Cargo.toml"), MANIFEST).expect("written");
    fs::write(folder.join(".gitignore"), "/target\n/.workbench\n/Cargo.lock\n").expect("written");
    write(folder, 1);
    git(folder, &["init", "--quiet"]);
    git(folder, &["add", "."]);
    git(folder, &["commit", "--quiet", "-m", "lean"]);
    git(folder, &["tag", "lean"]);
    write(folder, 64);
    git(folder, &["commit", "--quiet", "-a", "-m", "fat"]);
    git(folder, &["tag", "fat"]);
    build(folder);
    program
}

fn build(folder: &Path) {
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    for variable in ["CARGO_TARGET_DIR", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(variable);
    }
    done(cargo.args(["build", "--release", "--offline"]).current_dir(folder));
}

fn gate(program: &Program, more: &[&str]) -> Ran {
    program.run(&[GATE, more, SERVE].concat())
}

#[test]
fn two_revisions_are_built_and_measured_side_by_side() {
    let program = repository();
    let folder = program.folder();
    let fat = gate(&program, &["--against-rev", "lean", "--json"]);
    assert_eq!(fat.code, Some(10), "{}\n{}", fat.stdout, fat.stderr);
    assert!(fat.stderr.contains(": cargo build --release"), "{}", fat.stderr);
    let json: serde_json::Value = serde_json::from_str(&fat.stdout).expect("JSON");
    crate::json_schema::assert_run(&json);
    let gate_of = |json: &serde_json::Value| json["gate"].clone();
    let found = gate_of(&json);
    assert_eq!((&found["verdict"], &found["pairs"]), (&"broken".into(), &8.into()));
    assert!(found["base"]["from"].as_str().is_some_and(|from| from.starts_with("revision lean (commit ")), "{found}");
    assert_ne!(found["base"]["binary"], found["candidate"]["binary"]);
    // 1 against 64 MiB, and some of the program's own.
    assert!(found["limits"][0]["estimate"].as_f64().is_some_and(|ratio| ratio > 2.0), "{found}");

    // The very revision that is checked out: nothing to find, and its tree leaves the user's alone.
    let same = gate(&program, &["--against-rev", "fat", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&same.stdout).expect("JSON");
    assert_ne!(same.code, Some(10), "{}\n{}", same.stdout, same.stderr);
    assert_eq!(gate_of(&json)["pairs"], 8);
    let status = Command::new("git").args(["status", "--porcelain"]).current_dir(folder).output().expect("git");
    assert_eq!(String::from_utf8_lossy(&status.stdout), "");

    // Built once: another gate against it builds nothing.
    let again = gate(&program, &["--against-rev", "lean", "--dry-run"]);
    assert_eq!((again.code, again.stderr.contains("building")), (Some(0), false), "{}", again.stderr);
}

/// The flags of the tree that is checked out are none of the base's.
#[test]
fn a_revision_is_built_with_its_own_flags() {
    let program = repository();
    let folder = program.folder();
    fs::write(folder.join("src/main.rs"), SERVER.replace("HELD", "(if cfg!(fat) { 64 } else { 1 })")).expect("written");
    git(folder, &["commit", "--quiet", "-a", "-m", "without flags"]);
    git(folder, &["tag", "plain"]);
    fs::create_dir(folder.join(".cargo")).expect("a folder");
    fs::write(folder.join(".cargo/config.toml"), "[build]\nrustflags = [\"--cfg\", \"fat\"]\n").expect("written");
    build(folder);
    let ran = gate(&program, &["--against-rev", "plain", "--json"]);
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stdout, ran.stderr);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert!(json["gate"]["limits"][0]["estimate"].as_f64() > Some(2.0), "{}", json["gate"]);
}

#[test]
fn a_revision_that_cannot_be_had_gives_no_verdict() {
    let program = repository();
    let folder = program.folder();
    let refused = |more: &[&str]| {
        let ran = gate(&program, more);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        ran.stderr
    };
    let unknown = refused(&["--against-rev", "none"]);
    assert!(unknown.contains("no revision `none` in ") && unknown.contains("git fetch --unshallow"), "{unknown}");

    fs::write(folder.join("src/main.rs"), "fn main() { nothing }\n").expect("written");
    git(folder, &["commit", "--quiet", "-a", "-m", "broken"]);
    git(folder, &["tag", "broken"]);
    let broken = refused(&["--against-rev", "broken"]);
    assert!(
        broken.contains("does not build: `cargo build --release` ended with ") && broken.contains("nothing"),
        "{broken}"
    );

    let other = refused(&["--against-rev", "lean", "--build", "true"]);
    assert!(other.contains("`sh -c true` built commit ") && other.contains("made no target/release/tiny"), "{other}");
    let fails = refused(&["--against-rev", "lean", "--build", "echo not today; exit 3"]);
    assert!(fails.contains("not today"), "{fails}");
    assert!(program.runs().is_empty(), "nothing was measured");
}

/// The kernel counts system calls where it lets us; where it does not, the gate says so and has no verdict.
#[test]
fn system_calls_are_counted_or_the_gate_cannot_tell() {
    let program = repository();
    let sides = ["--vary-cmd", "base=./target/release/tiny", "--vary-cmd", "new=./target/release/tiny"];
    let limit = ["--limit", "syscalls.count_per_op<1000000", "--json"];
    let gate = &GATE[..GATE.len() - 2];
    let ran = program.run(&[gate, &sides, &limit, &["--", "${port}"]].concat());
    let run: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    crate::json_schema::assert_run(&run);
    let limit = &run["gate"]["limits"][0];
    match limit["verdict"].as_str() {
        Some("held") => {
            assert_eq!(ran.code, Some(0), "{limit}");
            // To read and to answer takes two at least.
            assert!(limit["candidate_value"].as_f64() >= Some(1.5), "{limit}");
        }
        Some("cannot_tell") => {
            assert_eq!(ran.code, Some(11), "{limit}");
            let why = limit["why"].as_str().expect("a reason");
            assert!(why.contains("is missing: system calls were not counted"), "{why}");
        }
        _ => panic!("{limit}"),
    }
    let foreign = program.run(&[gate, &sides, &["--limit", "alloc.count_per_op<+1%", "--", "${port}"]].concat());
    assert_eq!(foreign.code, Some(2));
    assert!(foreign.stderr.contains("counted by our own allocator, and the program is not ours"), "{}", foreign.stderr);
}
