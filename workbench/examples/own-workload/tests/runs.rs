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

#[test]
fn the_example_stays_under_thirty_lines() {
    let lines = include_str!("../src/main.rs").lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines < 30, "{lines} lines");
}
