//! Samples with their times, what ran while operations were late, and what moved between variants, of a real run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use flamegraphs::profile::{Builder, Frame, Label, ValueType};
use reports::run::writer::RunWriter;

use crate::sample::{ID, add_run, program, with_run};

const LITTLE: &[&str] = &[
    "--trials",
    "1",
    "--seed",
    "7",
    "--set",
    "trial.warmup=20ms",
    "--set",
    "trial.saturated=300ms",
    "--set",
    "load.operations=400",
    "--set",
    "load.rate=2000",
];

#[test]
fn evidence_trials_are_one_profile_and_tell_what_moved() {
    let program = program();
    let run = ["run", "allocator-lab", "--vary", "allocator.kind=jemalloc,system", "--evidence-trials", "2"];
    let ran = program.run(&[&run, LITTLE].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = program.only_run();
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    let profiles: Vec<_> = summary["profiles"].as_array().unwrap().iter().filter(|one| one["kind"] == "cpu").collect();
    assert_eq!(profiles.len(), 2, "one entry a variant, however many trials: {profiles:?}");
    if let Some(missing) = profiles.iter().find(|one| !one["missing"].is_null()) {
        assert!(!missing["missing"].as_str().unwrap().is_empty(), "a starved machine, and why is said");
        return;
    }
    for profile in &profiles {
        let bytes = fs::read(run.join(profile["path"].as_str().unwrap())).unwrap();
        let read = flamegraphs::read::pprof(&bytes).unwrap();
        let trials: BTreeSet<&str> = read.samples().iter().filter_map(|sample| sample.label("trial")).collect();
        assert!(!trials.is_empty() && trials.len() <= 2, "{trials:?}");
        let answered = read.meta.comments.iter().filter(|comment| comment.starts_with("operations: trial=")).count();
        assert_eq!(answered, 2, "{:?}", read.meta.comments);
    }
    crate::json_schema::assert_run(&summary);
    let movers = &summary["movers"][0];
    assert_eq!(movers["candidate"], "kind=system");
    assert!(movers["pairs"] == 2 || movers["refused"].is_string(), "{movers}");
    let shown = program.run(&["show", "--movers"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.stdout.contains("kind=system against kind=jemalloc"), "{}", shown.stdout);
    let json: serde_json::Value = serde_json::from_str(&program.run(&["show", "--movers", "--json"]).stdout).unwrap();
    assert_eq!(json["movers"][0], *movers);
    assert!(fs::read_to_string(run.join("report.html")).unwrap().contains("<section id=\"movers\">"));

    // Samples of perf and of our own sampler have times; of pprof they do not, which is said.
    let timed = !profiles[0]["source"].as_str().unwrap().starts_with("pprof");
    let late = program.run(&["show", "--breach"]);
    if timed {
        assert_eq!(late.code, Some(0), "{}", late.stderr);
        assert!(late.stdout.contains("measured operations"), "{}", late.stdout);
        let folder = run.join(profiles[0]["path"].as_str().unwrap());
        assert!(folder.with_file_name("samples.json.gz").exists());
    } else {
        assert_eq!(late.code, Some(2));
        assert!(late.stderr.contains("pprof keeps none"), "{}", late.stderr);
    }
}

#[test]
fn evidence_that_is_not_asked_for_is_not_repeated() {
    let program = program();
    for (flags, said) in [
        (["--evidence-trials", "0", "--evidence", "cpu"], "`--evidence-trials` = 0 is out of range"),
        (["--evidence-trials", "3", "--evidence", "none"], "repeats CPU evidence, and none is asked for"),
    ] {
        let ran = program.run(&[&["run", "allocator-lab"][..], &flags].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

/// A CPU profile of a run's first variant: one function, as its build names it.
fn write_profile(run: &Path, sampler: &str, symbol: &str, line: i64) {
    let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
    builder.meta().period = 1_000_000;
    builder.meta().comments = vec![format!("sampler: {sampler}"), "operations: trial=1 answered=100".to_owned()];
    let frame = Frame { function: "app::work", system_name: symbol, file: "src/app.rs", line };
    let at = builder.location(0x1000, &[frame]);
    builder.sample(&[at], &[50, 50_000_000], &[Label::text("trial", "1")]).expect("the run of a test");
    let bytes = flamegraphs::write::pprof(&builder.finish());
    RunWriter::reopen(run)
        .expect("the run of a test")
        .evidence("jemalloc", "cpu.pb.gz", &bytes)
        .expect("the run of a test");
}

#[test]
fn profiles_of_two_runs_are_compared_or_refused_with_the_reason() {
    const OTHER: &str = "20260102-030406-allocator-lab-bbbb";
    const V0: &str = "_RNvCs1234_3app4work";
    const LEGACY: &str = "_ZN3app4work17h0123456789abcdefE";
    let (program, first) = with_run();
    let second = add_run(&program, OTHER);
    let perf = "perf events at 999 Hz from outside";
    let told = |sampler: &str, symbol: &str, line: i64| {
        write_profile(&first, perf, V0, 7);
        write_profile(&second, sampler, symbol, line);
        let ran = program.run(&["compare", ID, OTHER]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let alike = told(&format!("{perf}; 3 records were lost"), V0, 7);
    assert!(alike.contains(&format!("jemalloc of {OTHER} against jemalloc of {ID}: CPU an operation")), "{alike}");
    let picture = program.folder().join("diff.svg");
    let draw = ["compare", ID, OTHER, "--svg", &picture.to_string_lossy()];
    let ran = program.run(&draw);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(std::fs::read_to_string(&picture).expect("a picture").contains("app::work"));
    std::fs::remove_file(&picture).expect("it is there");
    for (sampler, symbol, line, reason) in [
        (
            "pprof at 99 Hz in the process",
            V0,
            7,
            "the first was sampled by perf events at 999 Hz from outside, the second by pprof",
        ),
        (perf, LEGACY, 7, "symbols of the first are mangled as v0, of the second as legacy"),
        (perf, V0, 0, "the second with no debug information (`debug = 0`, or stripped)"),
    ] {
        let told = told(sampler, symbol, line);
        assert!(told.contains("Not compared, because") && told.contains(reason), "{told}");
        let ran = program.run(&draw);
        assert_eq!(ran.code, Some(2));
        let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("there is nothing to draw") && said.contains(reason), "{said}");
        assert!(!picture.exists());
    }
}
