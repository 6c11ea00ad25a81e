//! The example is built and run as a user would.

use std::process::Command;

#[test]
fn the_example_runs_its_own_scenario_to_a_report() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_own-workload"))
        .args(["run", "sums", "--quick", "--evidence", "none", "--seed", "7", "--json"])
        .env("WORKBENCH_DIR", folder.path())
        .output()
        .expect("the example starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(run["scenario"], "sums");
    assert_eq!(run["status"], "complete");
    let variants: Vec<_> = run["variants"].as_array().expect("variants").iter().map(|v| v["name"].clone()).collect();
    assert_eq!(variants, ["few", "many"]);
    let path = run["path"].as_str().expect("path");
    assert!(std::path::Path::new(path).join("report.html").exists());
}

/// Where the tested program has tokio's instrumentation itself (`cargo test --workspace`), it is its own console child;
/// where it has not, the program beside it would have to be built first.
#[test]
fn the_example_is_shown_by_tokio_console() {
    let version =
        Command::new(env!("CARGO_BIN_EXE_own-workload")).arg("--version").output().expect("the example starts");
    if !String::from_utf8_lossy(&version.stdout).contains("tokio-tracing") {
        return;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_own-workload"))
        .args(["console", "sums", "--variant", "many", "--port", "0", "--for", "2s", "--no-ui"])
        .output()
        .expect("the example starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("sums (`many`) runs under tokio-console"), "{stdout}");
    assert!(stdout.contains("tasks spawned: "), "{stdout}");
}

#[test]
fn the_example_stays_under_thirty_lines() {
    let lines = include_str!("../src/main.rs").lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines < 30, "{lines} lines");
}
