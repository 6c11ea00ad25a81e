//! `workbench attach` to a program that has nothing of ours inside.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::program::Program;
use crate::sample::program;

/// A process that is ended with the test, however that ends.
struct Busy(Child);

impl Busy {
    /// A shell that counts until it is killed.
    fn start() -> Self {
        Self::shell("while :; do i=$((i+1)); done")
    }

    fn shell(text: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", text]).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().expect("a shell"))
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Watches until there are samples: on a starved machine the first second may have none. `None` where perf events are
/// refused, which the message must then say.
fn attached(program: &Program, busy: &Busy) -> Option<serde_json::Value> {
    for _ in 0..20 {
        let ran = program.run(&["attach", &busy.pid(), "--for", "500ms", "--json"]);
        if ran.code == Some(2) && ran.stderr.contains("perf") {
            assert!(ran.stderr.contains("refused") || ran.stderr.contains("no memory"), "{}", ran.stderr);
            return None;
        }
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let found: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
        if found["profiles"][0]["samples"].as_u64() > Some(0) {
            return Some(found);
        }
    }
    panic!("a busy shell has no samples");
}

#[test]
fn a_running_program_is_profiled_and_goes_on() {
    let program = program();
    let mut busy = Busy::start();
    let Some(found) = attached(&program, &busy) else { return };
    assert_eq!(found["attached"]["origin"]["pid"].as_u64(), Some(u64::from(busy.0.id())));
    assert_eq!(found["attached"]["ended"], false);
    assert_eq!(found["variants"][0]["trials"], 0);
    crate::json_schema::assert_run(&found);
    assert!(busy.0.try_wait().expect("it is our child").is_none(), "it still runs");
    let run = PathBuf::from(found["path"].as_str().expect("a path"));
    assert!(run.starts_with(program.folder().join(".workbench/runs")), "{run:?}");
    let cpu = &found["profiles"][0];
    let file = |field: &str| run.join(cpu[field].as_str().expect("a path"));
    assert!(file("svg").exists() && run.join("report.html").exists() && run.join("run.json").exists());
    let profile = flamegraphs::read::pprof(&std::fs::read(file("path")).expect("a profile")).expect("a pprof file");
    assert_eq!(profile.total(0), cpu["samples"].as_i64());
    assert!(profile.coverage().is_some());
    let page = std::fs::read_to_string(run.join("report.html")).expect("a report");
    assert!(page.contains("class=\"viewer\" id=\"viewer-s0\"") && page.contains("DecompressionStream"));
}

#[test]
fn an_attachment_is_shown_like_any_run_and_compared_with_none() {
    let program = program();
    let busy = Busy::start();
    let Some(found) = attached(&program, &busy) else { return };
    let id = found["run"].as_str().expect("an id");
    assert!(id.contains("-attach-"), "{id}");
    let shown = program.run(&["show", id]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.stdout.contains("Where CPU time went") && shown.stdout.contains("Threads"), "{}", shown.stdout);
    let listed = program.run(&["list", "runs"]);
    assert!(listed.stdout.contains(id), "{}", listed.stdout);
    for refused in [&["compare", id][..], &["run", "--resume", id], &["show", id, "--plan"], &["show", id, "--tasks"]] {
        let ran = program.run(refused);
        assert_eq!(ran.code, Some(2), "{refused:?}: {}", ran.stdout);
        assert!(ran.stderr.contains("is an attachment"), "{refused:?}: {}", ran.stderr);
    }
}

#[test]
fn what_a_program_has_not_is_told_and_the_rest_is_there() {
    let program = program();
    let busy = Busy::shell("while :; do sleep 0.01; done");
    let ran = program.run(&["attach", &busy.pid(), "--for", "500ms", "--tasks", "--json"]);
    if ran.code == Some(2) {
        assert!(ran.stderr.contains("perf"), "{}", ran.stderr);
        return;
    }
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    let profile = |kind: &str| {
        let all = found["profiles"].as_array().expect("profiles");
        all.iter().find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("{kind}: {all:?}")).clone()
    };
    // A shell has no tokio, and is mostly stripped; or nobody may look.
    let missing = profile("trace")["missing"].as_str().expect("it says why").to_owned();
    assert!(["tokio", "stripped", "uprobes", "x86-64"].iter().any(|word| missing.contains(word)), "{missing}");
    if profile("wait")["missing"].is_null() {
        let run = program.only_run();
        let threads = found["profiles"][1]["path"].as_str().expect("a path").replace("wait.pb.gz", "threads.jsonl");
        assert!(run.join(threads).exists());
        let report = std::fs::read_to_string(run.join("report.html")).expect("a report");
        assert!(report.contains("<section id=\"waits\">"), "lanes are as in any run");
        let shown = program.run(&["show", "@", "--waits"]);
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    }
}

#[test]
fn who_idles_is_blamed_for_nothing_and_what_was_not_looked_at_is_said_with_the_way_to_it() {
    let program = program();
    let idle = Busy::shell("exec sleep 1000");
    let ran = program.run(&["attach", &idle.pid(), "--for", "500ms", "--json"]);
    if ran.code == Some(2) && ran.stderr.contains("perf") {
        // Past the capture of the test harness.
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: who idles is blamed for nothing (the kernel refuses perf events)");
        return;
    }
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    assert_eq!(found["findings"], serde_json::json!([]), "{}", found["findings"]);
    assert_eq!(found["undecided"], serde_json::json!([]), "{}", found["undecided"]);
    let shown = program.run(&["show", "@"]).stdout;
    let tasks = format!("`workbench attach {} --tasks`", idle.pid());
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in ["Nothing found.", "Ruled out", "Not looked at", "workbench run --target URL -- COMMAND", &tasks] {
        assert!(words.contains(said), "{said}: {shown}");
    }
}

#[test]
fn a_process_that_ends_meanwhile_leaves_what_there_is() {
    let program = program();
    let busy = Busy::shell("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done");
    let ran = program.run(&["attach", &busy.pid(), "--for", "100s", "--json"]);
    if ran.code == Some(2) {
        // It was over before anybody looked, or perf events are refused.
        assert!(ran.stderr.contains("perf") || ran.stderr.contains("process"), "{}", ran.stderr);
        return;
    }
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    assert_eq!(found["attached"]["ended"], true);
    assert!(found["warnings"].to_string().contains("ended after"), "{}", found["warnings"]);
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let program = program();
    insta::assert_snapshot!(
        [
            program.transcript(&["attach", "no-such-service"]),
            program.transcript(&["attach", "1073741823"]),
            program.transcript(&["attach", "1", "--for", "soon"]),
            program.transcript(&["attach", "1", "--hz", "0"]),
            program.transcript(&["attach", "ftp://me:secret@svc:6060"]),
            program.transcript(&["attach", "http://svc:port/"]),
            program.transcript(&["attach", "127.0.0.1:6060", "--tasks"]),
        ]
        .join("\n")
    );
    assert!(program.runs().is_empty(), "nothing is left of what was refused");
}
