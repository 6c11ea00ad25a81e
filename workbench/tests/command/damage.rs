//! Run directories that were cut, mixed up or written by something else.

use std::fs;
use std::path::Path;

use crate::sample::{add_run, edit, field, program, with_killed_run, with_run};

/// Cuts a file after its first bytes.
fn cut(file: &Path, length: usize) {
    let bytes = fs::read(file).expect("the file is there");
    assert!(bytes.len() > length);
    fs::write(file, &bytes[..length]).expect("written");
}

/// What every command that reads runs says about one that was damaged.
fn reading(damage: impl Fn(&Path)) -> String {
    let (program, path) = with_run();
    damage(&path);
    let shown = [&["show"][..], &["show", "--plan"], &["compare"], &["run", "--resume"], &["list", "runs", "--json"]]
        .map(|arguments| {
            let ran = program.run(arguments);
            // What it says of a run that it can read is not the matter here.
            let stdout = match (arguments, ran.code) {
                (["list", ..], _) => ran.stdout.as_str(),
                (_, Some(0)) => "(as ever)\n",
                _ => ran.stdout.as_str(),
            };
            let code = ran.code.expect("no signal");
            program.redacted(&format!("$ workbench {}\n{stdout}{}exit code {code}\n", arguments.join(" "), ran.stderr))
        });
    shown.join("\n")
}

#[test]
fn run_json_is_cut() {
    insta::assert_snapshot!(reading(|run| cut(&run.join("run.json"), 30)));
}

#[test]
fn plan_json_is_cut() {
    insta::assert_snapshot!(reading(|run| {
        fs::remove_file(run.join("run.json")).expect("it is there");
        cut(&run.join("plan.json"), 20);
    }));
}

#[test]
fn plan_json_is_empty() {
    insta::assert_snapshot!(reading(|run| {
        fs::remove_file(run.join("run.json")).expect("it is there");
        cut(&run.join("plan.json"), 0);
    }));
}

#[test]
fn events_are_garbled() {
    insta::assert_snapshot!(reading(|run| {
        fs::remove_file(run.join("run.json")).expect("it is there");
        let events = fs::read_to_string(run.join("events.jsonl")).expect("it is there");
        let second = events.find('\n').expect("it has lines") + 1;
        let garbled = format!("{}<garbage>\n{}", &events[..second], &events[second..]);
        fs::write(run.join("events.jsonl"), garbled).expect("written");
    }));
}

#[test]
fn a_trial_is_missing() {
    insta::assert_snapshot!(
        reading(|run| {
            fs::remove_file(run.join("run.json")).expect("it is there");
            let first =
                fs::read_dir(run.join("trials")).expect("trials").map(|entry| entry.expect("an entry").path()).min();
            fs::remove_dir_all(first.expect("it has trials")).expect("removed");
        })
        .replace("001-jemalloc", "001-VARIANT")
        .replace("001-system", "001-VARIANT")
    );
}

#[test]
fn another_format() {
    insta::assert_snapshot!(reading(|run| {
        for file in ["run.json", "plan.json"] {
            edit(&run.join(file), "\"format\": 1", "\"format\": 7");
        }
    }));
}

/// As a power cut leaves it: the last line has no end. Nothing but that line is lost.
#[test]
fn torn_events_are_read_up_to_the_tear() {
    let (program, path) = with_killed_run();
    let events = path.join("events.jsonl");
    let whole = fs::read_to_string(&events).expect("it is there");
    fs::write(&events, format!("{whole}{{\"event\":\"trial_fin")).expect("written");
    let ran = program.run(&["show", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!(json["status"], "interrupted");
    let trials: u64 = json["variants"].as_array().expect("variants").iter().filter_map(|v| v["trials"].as_u64()).sum();
    assert_eq!(trials, 2);
    let warnings = json["warnings"].to_string();
    assert!(warnings.contains("the last event was cut off while it was written"), "{warnings}");

    let ran = program.run(&["run", "--resume"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("2 trials to go"), "{}", ran.stderr);
}

#[test]
fn a_complete_run_is_not_resumed() {
    let (program, _) = with_run();
    insta::assert_snapshot!(program.transcript(&["run", "--resume"]));
}

#[test]
fn another_build_does_not_resume() {
    let (program, path) = with_killed_run();
    let plan = path.join("plan.json");
    edit(&plan, &field(&plan, "/build/binary"), "0123456789abcdef");
    edit(&plan, &field(&plan, "/build/commit"), "COMMIT");
    edit(&plan, &format!("\"date\": \"{}\"", field(&plan, "/build/date")), "\"date\": \"DATE\"");
    insta::assert_snapshot!(program.transcript(&["run", "--resume"]));
}

#[test]
fn another_host_does_not_resume() {
    let (program, path) = with_killed_run();
    let machine = path.join("machine.json");
    let here = field(&machine, "/cpu");
    edit(&machine, &field(&machine, "/fingerprint"), "0123456789abcdef");
    edit(&machine, &here, "OTHER");
    insta::assert_snapshot!(program.transcript(&["run", "--resume"]).replace(&here, "HERE"));
}

/// One bad run does not hide the others.
#[test]
fn a_damaged_run_is_listed_with_what_is_wrong() {
    let program = program();
    add_run(&program, "20260102-030405-allocator-lab-aaaa");
    let damaged = add_run(&program, "20260102-030406-allocator-lab-bbbb");
    cut(&damaged.join("run.json"), 30);
    let ran = program.run(&["list", "runs", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let rows: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!((rows[0]["status"].as_str(), rows[1]["status"].as_str()), (None, Some("complete")));
    assert_eq!(program.run(&["show", "@-1"]).code, Some(0));
}
