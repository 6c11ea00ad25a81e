//! Every knob of the table, set in a process of its own and read back from it. The runs are generated from the table:
//! a row that is not applied, or not read back, fails here.

use std::fs;

use scenarios::knobs::{KNOBS, Kind, Knob, Needed};

use crate::sample::program;

/// Flags of a run that nothing but a settings check needs: no phase can be too short on a busy machine.
const TINY: &[&str] = &[
    "--evidence",
    "none",
    "--set",
    "trial.warmup=0s",
    "--set",
    "trial.saturated=0s",
    "--set",
    "load.operations=20",
    "--set",
    "load.timeout=60s",
];

/// A value that is not the default, and that nothing else of the machine decides.
fn other_value(knob: &Knob) -> String {
    let differs = |value: &String| knob.default.value != Some(value.as_str()) && knob.check(value).is_ok();
    let candidates: Vec<String> = match knob.kind {
        Kind::Boolean => vec!["false".into(), "true".into()],
        Kind::Choice(words) => words.iter().map(|&word| word.to_owned()).collect(),
        Kind::Integer { .. } => vec!["3".into(), "5".into()],
        Kind::Signed { .. } => vec!["3".into(), "5".into()],
        Kind::Milliseconds { .. } => vec!["1234".into()],
        Kind::Number { .. } => vec!["0.5".into()],
        Kind::Duration { .. } => vec!["30ms".into()],
        Kind::Size { .. } => vec!["1GiB".into()],
        Kind::Bytes { .. } => vec!["128KiB".into(), "256KiB".into(), "4KiB".into(), "504B".into(), "64B".into()],
        Kind::Percent { .. } => vec!["50".into()],
        Kind::Pairs => vec!["a=1".into()],
        Kind::CpuSet => {
            let cpus = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).expect("the CPUs of this process");
            vec![(0..).find(|cpu| cpus.is_set(*cpu).unwrap_or(false)).expect("it runs somewhere").to_string()]
        }
    };
    candidates.into_iter().find(differs).unwrap_or_else(|| panic!("{} has no other value", knob.path))
}

/// The lines of a `[variant.set]` table that sets one knob, and what it needs.
fn settings(knob: &Knob) -> String {
    let line = |path: &str, value: &str| {
        let kind = KNOBS.iter().find(|knob| knob.path == path).expect("a knob").kind;
        let quoted = !matches!(
            kind,
            Kind::Boolean
                | Kind::Integer { .. }
                | Kind::Signed { .. }
                | Kind::Milliseconds { .. }
                | Kind::Number { .. }
        );
        if quoted { format!("{path} = \"{value}\"\n") } else { format!("{path} = {value}\n") }
    };
    let needed = knob.condition.map_or_else(String::new, |condition| match condition.needed {
        Needed::Value(value) => line(condition.path, value),
        Needed::AnyBut(_) => line(condition.path, "1GiB"),
    });
    needed + &line(knob.path, &other_value(knob))
}

/// Runs a scenario whose variants set one knob each, and compares what each process says it runs with.
fn reads_back(group: &str) {
    let knobs: Vec<&Knob> =
        KNOBS.iter().filter(|knob| knob.acts_on_subject() && knob.path.starts_with(group)).collect();
    assert!(!knobs.is_empty());
    let mut file = String::from(
        "name = \"each-knob\"\nversion = 1\nsummary = \"One knob a variant.\"\nworkload = \"allocator-lab\"\n\
         [trial]\nblocks = 1\nwarmup = \"0s\"\nsaturated = \"0s\"\n\
         [load]\nrate = 1000\noperations = 4\nconcurrency = 1\ntimeout = \"60s\"\n\
         [[mix]]\noperation = \"mixed\"\nweight = 1\n\
         [workload_parameters]\nmixed_short = 16\nmixed_replaced = 2\nmixed_entries = 16\nmixed_bytes = 64\n",
    );
    for knob in &knobs {
        let name = knob.path.replace(['.', '_'], "-");
        file.push_str(&format!("[[variant]]\nname = \"{name}\"\n[variant.set]\n{}", settings(knob)));
    }
    let program = program();
    fs::write(program.folder().join("each-knob.toml"), &file).expect("a scenario file");
    let ran = program.run(&["run", "./each-knob.toml", "--evidence", "none", "--seed", "7"]);
    assert_eq!(ran.code, Some(0), "{}\n{file}", ran.stderr);

    let run = fs::read(program.only_run().join("run.json")).expect("a run ends with it");
    let summary: serde_json::Value = serde_json::from_slice(&run).expect("JSON");
    for (index, knob) in knobs.iter().enumerate() {
        let variant = &summary["variants"][index];
        let (asked, effective) = (&variant["requested"][knob.path], &variant["knobs"][knob.path]);
        assert_eq!(asked, &serde_json::Value::from(other_value(knob)), "{}", knob.path);
        assert_eq!(asked, effective, "{}", knob.path);
    }
}

#[test]
fn every_knob_of_the_runtime_is_read_back() {
    reads_back("runtime.");
}

#[test]
fn every_knob_of_jemalloc_is_read_back() {
    reads_back("allocator.jemalloc.");
}

#[test]
fn every_knob_of_mimalloc_is_read_back() {
    reads_back("allocator.mimalloc.");
}

#[test]
fn every_knob_of_the_systems_allocator_is_read_back() {
    reads_back("allocator.system.");
}

#[test]
fn every_other_knob_is_read_back() {
    reads_back("allocator.kind");
    reads_back("allocator.memory_limit");
    reads_back("cpu.");
}

#[test]
fn variables_of_the_caller_are_kept_from_subjects_and_named() {
    let program = program();
    let flags = ["run", "allocator-lab", "--trials", "1", "--vary", "allocator.kind=jemalloc,mimalloc"];
    let inherited = [
        ("MIMALLOC_PURGE_DELAY", "77"),
        ("_RJEM_MALLOC_CONF", "narenas:3"),
        ("GLIBC_TUNABLES", "glibc.malloc.arena_max=1"),
        ("TOKIO_WORKER_THREADS", "1"),
    ];
    let ran = program.command(&[&flags[..], TINY].concat()).envs(inherited).output().expect("the program starts");
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));

    let run = fs::read(program.only_run().join("run.json")).expect("a run ends with it");
    let summary: serde_json::Value = serde_json::from_slice(&run).expect("JSON");
    let variants = &summary["variants"];
    assert_ne!(variants[0]["knobs"]["allocator.jemalloc.narenas"], "3");
    assert_eq!(variants[1]["knobs"]["allocator.mimalloc.purge_delay"], "1000");
    let warnings = summary["warnings"].to_string();
    for (name, _) in inherited {
        assert!(summary["host"]["kept_from_subjects"].to_string().contains(name), "{}", summary["host"]);
        assert!(warnings.contains(name), "{warnings}");
    }
    let doctor = program.command(&["doctor"]).envs(inherited).output().expect("the program starts");
    let said = String::from_utf8_lossy(&doctor.stdout);
    assert!(inherited.iter().all(|(name, _)| said.contains(name)), "{said}");
}

/// Several allocators, each with its own knobs, side by side in one run.
#[test]
fn knobs_of_several_allocators_stay_with_their_own() {
    let program = program();
    let flags = [
        ["run", "allocator-lab", "--trials", "1"],
        ["--set", "allocator.jemalloc.tcache_max=4KiB", "--set", "allocator.mimalloc.purge_delay=0"],
        ["--set", "allocator.system.tcache_count=3", "--set", "runtime.max_io_events_per_tick=16"],
    ];
    let ran = program.run(&[&flags.concat()[..], TINY].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = fs::read(program.only_run().join("run.json")).expect("a run ends with it");
    let summary: serde_json::Value = serde_json::from_slice(&run).expect("JSON");
    for (index, path, value) in [
        (0, "allocator.jemalloc.tcache_max", "4KiB"),
        (1, "allocator.mimalloc.purge_delay", "0"),
        (2, "allocator.system.tcache_count", "3"),
    ] {
        let variant = &summary["variants"][index];
        assert_eq!((&variant["requested"][path], &variant["knobs"][path]), (&value.into(), &value.into()), "{path}");
        assert_eq!(variant["knobs"]["runtime.max_io_events_per_tick"], "16");
    }
    assert!(summary["variants"][1]["requested"]["allocator.jemalloc.tcache_max"].is_null());
}
