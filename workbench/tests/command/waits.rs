//! Waits of a real run: where its threads were off their CPU, and what the kernel counted meanwhile.

use std::fs;

use crate::sample::program;

#[test]
fn waits_are_recorded_shown_and_drawn() {
    let program = program();
    let run = ["run", "http-service", "--variant", "broken", "--trials", "1", "--seed", "7", "--evidence", "wait"];
    let ran = program.run(&[&run[..], &["--set", "load.operations=200"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = program.only_run();
    let folder = run.join("evidence/broken");

    // What the kernel counts needs no rights.
    let kernel = fs::read_to_string(folder.join("kernel.jsonl")).expect("the kernel's figures");
    assert!(kernel.starts_with("{\"head\":") && kernel.lines().count() >= 3, "{kernel}");
    crate::json_schema::assert_run(&serde_json::from_str(&program.run(&["show", "--json"]).stdout).expect("JSON"));
    let json = program.run(&["show", "--waits", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("one document");
    let waits = &json["waits"][0];
    let last = waits["kernel"]["samples"].as_array().and_then(|samples| samples.last()).expect("samples");
    assert!(last["resident"].as_u64() > Some(0) && last["threads"].as_u64() > Some(0), "{last}");
    assert!(waits["kernel"]["head"]["operations"].as_u64() > Some(0), "{waits}");
    assert!(waits["figures"]["threads.max"]["value"].as_f64() > Some(0.0), "{waits}");
    let report = fs::read_to_string(run.join("report.html")).expect("a report");
    assert!(report.contains("<section id=\"waits\">"));
    let shown = program.run(&["show", "--waits"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.stdout.contains("What the kernel counted"), "{}", shown.stdout);

    if let Some(because) = waits["missing"].as_str() {
        assert!(because.contains("perf"), "{because}");
        assert!(shown.stdout.contains("Evidence missing, because "), "{}", shown.stdout);
        return;
    }
    let threads = waits["threads"]["threads"].as_array().expect("threads");
    assert!(
        threads.iter().any(|thread| thread["name"].as_str().is_some_and(|name| name.contains("tokio"))),
        "{threads:?}"
    );
    assert!(threads.iter().any(|thread| thread["running_s"].as_f64() > Some(0.0)), "{threads:?}");
    let profile = fs::read(folder.join("wait.pb.gz")).expect("a profile");
    let profile = flamegraphs::read::pprof(&profile).expect("a pprof file");
    let waits_in_profile: i64 = profile.samples().iter().map(|sample| sample.values[0]).sum();
    assert_eq!(waits["threads"]["head"]["waits"].as_i64(), Some(waits_in_profile));
    let whys: std::collections::BTreeSet<_> =
        profile.samples().iter().filter_map(|sample| sample.label("why")).collect();
    assert!(!whys.is_empty() && whys.iter().all(|why| ["blocked", "preempted", "parked"].contains(why)), "{whys:?}");
    // A workload that only computes and talks gives its CPU up to wait for work, which needs stacks to be told.
    if waits["threads"]["head"]["no_stacks"].is_null() {
        assert!(whys.contains("parked"), "{whys:?}");
    }
    assert!(shown.stdout.contains("threads over") && report.contains("class=\"lane\""), "{}", shown.stdout);

    // Evidence of another version, and evidence that is gone: nobody is blamed by it, and why is said.
    let explained = || {
        let ran = program.run(&["explain", "@"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let file = folder.join("kernel.jsonl");
    fs::write(&file, kernel.replacen("\"format\":1", "\"format\":2", 1)).expect("written");
    let told = explained();
    assert!(told.contains("kernel.jsonl was written in format 2, and this workbench reads format 1"), "{told}");
    fs::remove_dir_all(&folder).expect("the folder of evidence");
    let told = explained();
    assert!(told.contains("wait: its trial went well, but its file is not in the run: gather it again"), "{told}");
}

#[test]
fn a_run_without_waits_says_how_to_get_them() {
    let program = program();
    let ran = program.run(&[
        "run",
        "http-service",
        "--quick",
        "--variant",
        "broken",
        "--evidence",
        "none",
        "--set",
        "load.operations=100",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    insta::assert_snapshot!(program.transcript(&["show", "--waits"]), @r"
    $ workbench show --waits
    error: RUN did not record waits: `workbench run http-service --evidence cpu,wait` does
    exit code 2
    ");
}
