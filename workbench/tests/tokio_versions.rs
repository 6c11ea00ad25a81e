//! Task tracing against every version of tokio that it is claimed for: a small program is built with each, in release, and
//! its tasks are counted from outside. Needs a registry and some minutes:
//! `cargo test -p workbench --test tokio_versions -- --ignored --nocapture`.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test panics, and tells how far it is")]

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flamegraphs::capture::tasks::{Options, TaskTracer, TraceError};
use workbench::evidence::trace::rows;

const TASKS: u64 = 40;
const POLLS: u64 = 25;

/// Oldest and newest that are claimed, and those around changes of names: wakers generic up to 1.21, `bind_inner` from 1.22.
const VERSIONS: [&str; 6] = ["1.0.1", "1.8.5", "1.21.2", "1.22.0", "1.38.2", "1.54.1"];

const SUBJECT: &str = r#"
use std::{future::Future, hint::black_box, io::stdin, pin::Pin, task::{Context, Poll}};

/// Pending once, having woken its task: by reference, or by a waker of its own. Neither can be seen through.
struct Again(bool, bool);

impl Future for Again {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        let waker = black_box(context.waker());
        if self.1 { waker.wake_by_ref() } else { black_box(waker.clone()).wake() }
        Poll::Pending
    }
}

async fn counted_work(polls: u64) {
    for poll in 1..polls {
        Again(false, poll % 2 == 0).await;
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut line = String::new();
    println!("ready");
    stdin().read_line(&mut line).unwrap();
    let spawned: Vec<_> = (0..TASKS).map(|_| runtime.spawn(counted_work(POLLS))).collect();
    spawned.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    println!("done");
    stdin().read_line(&mut line).unwrap();
}
"#;

/// Builds the subject with a version of tokio and more lines of the release profile.
fn built(folder: &Path, version: &str, profile: &str) -> PathBuf {
    let source = SUBJECT.replace("TASKS", &TASKS.to_string()).replace("POLLS", &POLLS.to_string());
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("src/main.rs"), source).unwrap();
    let manifest = format!(
        "[package]\nname = \"subject\"\nedition = \"2021\"\n[workspace]\n[dependencies]\n\
         tokio = {{ version = \"={version}\", features = [\"rt-multi-thread\"] }}\n[profile.release]\n{profile}"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet"])
        .current_dir(folder)
        // As a user builds it: none of our flags.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .unwrap();
    assert!(status.success(), "tokio {version} does not build");
    folder.join("target/release/subject")
}

/// What a trace of the subject counted: spawned, polls, wakes, finished tasks, and what it lacked; `None` where nothing can
/// be traced here.
fn counted(program: &Path) -> Option<([u64; 3], Vec<String>)> {
    for _ in 0..10 {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(output).lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "ready"));
        let mut tracer = match TaskTracer::attach(child.id(), &Options::default()) {
            Err(refused @ (TraceError::NoSource | TraceError::Refused { .. })) => {
                eprintln!("skipped: {refused}");
                child.kill().unwrap();
                child.wait().unwrap();
                return None;
            }
            attached => attached.unwrap(),
        };
        tracer.start().unwrap();
        input.write_all(b"go\n").unwrap();
        assert!(lines.any(|line| line == "done"));
        let trace = tracer.stop().unwrap();
        drop(input);
        child.wait().unwrap();
        if trace.lost > 0 {
            continue;
        }
        let trace = rows(&trace);
        let kind = trace.kinds.iter().find(|kind| kind.name.contains("counted_work"));
        let kind = kind.unwrap_or_else(|| panic!("{:?}", trace.kinds));
        return Some(([kind.polls, kind.wakes, kind.finished], trace.head.lacks));
    }
    panic!("records were lost ten times in a row");
}

#[test]
#[ignore = "builds tokio six times, from a registry"]
fn tasks_of_every_version_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    for version in VERSIONS {
        let program = built(&folder.path().join(version), version, "");
        let Some((counts, lacks)) = counted(&program) else { return };
        eprintln!("tokio {version}: polls, wakes, ends {counts:?}; {lacks:?}");
        assert_eq!(counts, [TASKS * POLLS, TASKS * (POLLS - 1), TASKS], "tokio {version}");
    }
}

#[test]
#[ignore = "builds tokio twice, from a registry"]
fn fat_lto_leaves_polls_and_wakes_to_be_counted() {
    let folder = tempfile::tempdir().unwrap();
    for version in [VERSIONS[0], VERSIONS[VERSIONS.len() - 1]] {
        let profile = "lto = \"fat\"\ncodegen-units = 1\n";
        let program = built(&folder.path().join(version), version, profile);
        let Some((counts, lacks)) = counted(&program) else { return };
        eprintln!("tokio {version} with fat LTO: polls, wakes, ends {counts:?}; {lacks:?}");
        assert_eq!(counts[..2], [TASKS * POLLS, TASKS * (POLLS - 1)], "tokio {version}");
        assert!(lacks.iter().any(|lack| lack.contains("raw::poll")), "{lacks:?}");
    }
}
