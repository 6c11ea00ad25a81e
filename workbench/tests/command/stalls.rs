//! Stalls of a real run: the service that hashes passwords within its polls is caught at it.

use std::fs;

use crate::sample::program;

#[test]
fn hashing_within_a_poll_is_caught_and_shown() {
    let program = program();
    let run = ["run", "http-service", "--variant", "broken", "--trials", "1", "--seed", "7"];
    let evidence = ["--evidence", "tasks", "--stall-after", "2ms", "--set", "load.operations=300"];
    let ran = program.run(&[&run[..], &evidence].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = program.only_run();

    crate::json_schema::assert_run(&serde_json::from_str(&program.run(&["show", "--json"]).stdout).expect("JSON"));
    let json = program.run(&["show", "--tasks", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("one document");
    let stalls = &json["tasks"][0]["stalls"];
    assert_eq!(stalls["watch"]["threshold_s"], 0.002);
    assert!(stalls["watch"]["counted"].as_u64() > Some(0), "{stalls}");
    let caught = stalls["stalls"].as_array().expect("a list");
    let hashing = caught.iter().find(|stall| {
        stall["culprit"]["function"].as_str().is_some_and(|function| function.contains("verify_password"))
    });
    let hashing = hashing.unwrap_or_else(|| panic!("nobody was caught at it: {stalls}"));
    assert!(hashing["culprit"]["file"].as_str().is_some_and(|file| file.ends_with("accounts.rs")), "{hashing}");
    assert!(hashing["stack"].as_array().is_some_and(|stack| stack.len() > 10), "{hashing}");

    let lines = fs::read_to_string(run.join("evidence/broken/stalls.jsonl")).expect("the stalls");
    assert!(lines.starts_with("{\"watch\":"));
    let shown = program.run(&["show", "--tasks"]);
    assert!(shown.stdout.contains("polls took longer than 2 ms") && shown.stdout.contains("verify_password"));
    let report = fs::read_to_string(run.join("report.html")).expect("a report");
    assert!(report.contains("<section id=\"stalls\">"));
    let markdown = fs::read_to_string(run.join("report.md")).expect("a report");
    assert!(markdown.contains("polls took longer than 2 ms"), "{markdown}");
}

#[test]
fn a_threshold_that_cannot_be_kept_is_refused() {
    let program = program();
    for (asked, says) in
        [("1ms", "`--stall-after` = 1ms is too short: at least 2ms"), ("10", "`--stall-after` = 10 is not")]
    {
        let ran = program.run(&["run", "http-service", "--evidence", "tasks", "--stall-after", asked]);
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    assert!(program.runs().is_empty());
}
