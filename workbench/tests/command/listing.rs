//! `list`, `doctor`, `--help`, `--version`.

use crate::sample::{ID, program, with_run};

#[test]
fn knobs_are_listed_with_range_default_and_go_equivalent() {
    let program = program();
    let ran = program.run(&["list", "knobs"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let listed = ran.stdout.split("\n\n").find(|knob| knob.contains("runtime.worker_threads"));
    let listed = listed.expect("it is listed");
    for part in ["1 to 1024", "CPUs that the subject may use", "GOMAXPROCS", "RuntimeMetrics::num_workers"] {
        assert!(ran.stdout.contains(part), "{part}: {listed}");
    }

    let ran = program.run(&["list", "knobs", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    for row in rows.as_array().expect("rows") {
        for key in ["path", "range", "default", "doc", "go", "read_back"] {
            assert!(row[key].is_string(), "{key} of {row}");
        }
    }
}

#[test]
fn habits_are_listed() {
    let program = program();
    let ran = program.run(&["list", "habits"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("GOMEMLIMIT") && ran.stdout.contains("allocator.memory_limit"), "{}", ran.stdout);
    let json: serde_json::Value =
        serde_json::from_str(&program.run(&["list", "habits", "--json"]).stdout).expect("one document");
    assert!(json[0]["habits"][0]["difference"].is_string(), "{json}");
}

#[test]
fn scenarios_are_listed() {
    let program = program();
    let ran = program.run(&["list"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("http-service") && ran.stdout.contains("--set workload.login=inline"),
        "{}",
        ran.stdout
    );

    let ran = program.run(&["list", "scenarios", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    let names: Vec<&str> = rows.as_array().expect("rows").iter().filter_map(|row| row["name"].as_str()).collect();
    assert!(names.starts_with(&["http-service", "allocator-lab"]), "{names:?}");
}

#[test]
fn runs_are_listed() {
    let (program, path) = with_run();
    let ran = program.run(&["list", "runs"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains(ID) && ran.stdout.contains("complete"), "{}", ran.stdout);
    let ran = program.run(&["list", "runs", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!(rows[0]["run"], ID);
    assert_eq!(rows[0]["path"], path.to_string_lossy().into_owned());
}

#[test]
fn the_doctor_says_how_to_mend_what_is_not_good() {
    let program = program();
    let ran = program.run(&["doctor"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("kernel tick"), "{}", ran.stdout);
    let ran = program.run(&["doctor", "--json"]);
    let checks: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    for check in checks.as_array().expect("checks") {
        assert_eq!(check["health"] == "good", check["fix"] == "", "{check}");
    }
    // Tests are a debug build, and that is the first thing to mend.
    let profile = checks.as_array().into_iter().flatten().find(|check| check["name"] == "build profile");
    if cfg!(debug_assertions) {
        assert_eq!(profile.expect("it is checked")["fix"], "cargo run --release -- doctor");
    }
}

#[test]
fn the_doctor_tells_what_a_program_lets_a_profile_name() {
    let program = program();
    let ran = program.run(&["doctor", "--binary", env!("CARGO_BIN_EXE_workbench"), "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let checks: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    let found = |name: &str| {
        let check = checks.as_array().into_iter().flatten().find(|check| check["name"] == name);
        check.unwrap_or_else(|| panic!("{name}: {checks}"))["found"].to_string()
    };
    assert!(found("symbols").contains("functions have names"), "{}", found("symbols"));
    assert!(found("tokio").contains("tokio 1."), "{}", found("tokio"));
    let ran = program.run(&["doctor", "--binary", "no-such-file"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("no-such-file"), "{}", ran.stderr);
    assert_eq!(program.run(&["doctor", "--binary", "/proc/self/status"]).code, Some(2));
}

#[test]
fn help_and_version_go_to_standard_output() {
    let program = program();
    let ran = program.run(&["--help"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for command in ["run", "list", "show", "compare", "doctor"] {
        assert!(ran.stdout.contains(&format!("\n  {command} ")), "{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("__child"), "what is hidden stays so");
    let ran = program.run(&["--version"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for part in ["commit ", "rustc ", "tokio_unstable", "frame-pointers"] {
        assert!(ran.stdout.contains(part), "{}", ran.stdout);
    }
}

#[test]
fn the_doctor_measures_what_change_can_be_seen() {
    let program = program();
    let ran = program.run(&["doctor", "--noise", "--for", "2s"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("too short: 6 pairs"), "{}", ran.stderr);
    assert_eq!(program.run(&["doctor", "--for", "2s"]).code, Some(2), "--for goes with --noise");
    let ran = program.run(&["doctor", "--noise", "--for", "36s", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    // However late the driver was, CPU per operation stands; how many pairs fit is the machine's business.
    let metrics = found["metrics"].as_array().expect("metrics");
    let cpu = metrics.iter().find(|seen| seen["metric"] == "cpu_per_op");
    if found["pairs"].as_u64() >= Some(6) {
        let cpu = cpu.expect("CPU per op");
        let pairs: Vec<_> =
            cpu["smallest"].as_array().expect("changes").iter().map(|one| one["pairs"].clone()).collect();
        assert_eq!(pairs, [12, 32, 64], "{cpu}");
    } else {
        assert!(metrics.iter().all(|seen| seen["why"].is_string()), "{found}");
    }
}
