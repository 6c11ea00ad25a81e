//! Several programs in one run, and the run taken up again.

use std::fs;

use super::{SHORT, TARGET, folder, turn};

/// Variants by command, by setting, and by both; a plan and a run taken up again are the same as for any scenario.
#[test]
fn programs_are_compared_and_resumed() {
    let _turn = turn();
    let program = folder();
    let flags =
        ["--vary-cmd", "old=./my-service", "--vary-cmd", "new=./my-service ${port} --fast", "--vary", "go.gogc=50,off"];
    let wish = [&["run"], SHORT, TARGET, &flags, &["--", "${port}"]].concat();
    let wish: Vec<&str> = wish.into_iter().filter(|word| *word != "--trials" && *word != "1").collect();
    let dry = program.run(&[&["run", "--dry-run", "--json", "--trials", "2"], &wish[1..]].concat());
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    let plan: serde_json::Value = serde_json::from_str(&dry.stdout).expect("one document");
    let names: Vec<&str> =
        plan["variants"].as_array().expect("variants").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["old,gogc=50", "old,gogc=off", "new,gogc=50", "new,gogc=off"]);
    assert_eq!(plan["variants"][2]["command"], serde_json::json!(["./my-service", "${port}", "--fast", "${port}"]));

    let ran = program.run(&[&["run", "--trials", "2"], &wish[1..]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let path = program.only_run();
    // As if it had been killed after its fifth trial.
    fs::remove_file(path.join("run.json")).expect("a complete run has it");
    let events = fs::read_to_string(path.join("events.jsonl")).expect("a run has events");
    let mut finished = 0;
    let kept = events.split_inclusive('\n').take_while(|line| {
        finished += usize::from(line.contains("\"trial_finished\""));
        finished <= 5
    });
    fs::write(path.join("events.jsonl"), kept.collect::<String>()).expect("written");
    let ran = program.run(&["run", "--resume", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("3 trials to go"), "{}", ran.stderr);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!((&json["status"], json["variants"].as_array().map(Vec::len)), (&"complete".into(), Some(4)));
    assert_eq!(json["variants"][1]["knobs"]["go.gogc"], "off");
    assert!(json["comparisons"].as_array().is_some_and(|all| !all.is_empty()));

    // Another program under the same name is another measurement.
    fs::remove_file(path.join("run.json")).expect("a complete run has it");
    let events = fs::read_to_string(path.join("events.jsonl")).expect("a run has events");
    let fewer: Vec<&str> = events.split_inclusive('\n').filter(|line| !line.contains("\"index\":8")).collect();
    fs::write(path.join("events.jsonl"), fewer.concat()).expect("written");
    fs::remove_file(program.folder().join("my-service")).expect("a link");
    fs::copy(env!("CARGO_BIN_EXE_outsider"), program.folder().join("my-service")).expect("copied");
    let mut file =
        fs::OpenOptions::new().append(true).open(program.folder().join("my-service")).expect("a file of ours");
    std::io::Write::write_all(&mut file, b"another build").expect("written");
    drop(file);
    let ran = program.run(&["run", "--resume"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("trials of two builds are never mixed"), "{}", ran.stderr);
}
