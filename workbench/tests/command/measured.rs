//! Real runs: what was asked for is what ran, and the profile shows what the scenario is about.

use std::fs;

use flamegraphs::names::{Options, fold};

use crate::sample::{SMALL, program};

fn summary(run: &std::path::Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(run.join("run.json")).expect("a run ends with it")).expect("JSON")
}

#[test]
fn every_knob_is_read_back_from_the_process() {
    let program = program();
    let cpus = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).expect("the CPUs of this process");
    let cpu = (0..).find(|cpu| cpus.is_set(*cpu).unwrap_or(false)).expect("it runs somewhere").to_string();
    let affinity = format!("cpu.affinity={cpu}");
    let run = [
        ["run", "allocator-lab", "--trials", "2", "--vary", "allocator.kind=jemalloc,system"],
        ["--set", "runtime.event_interval=7", "--set", "runtime.thread_keep_alive=300ms", "--set", &affinity],
    ];
    let ran = program.run(&[&run.concat()[..], &["--set", "runtime.lifo_slot=false"], SMALL].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let summary = summary(&program.only_run());
    for (index, kind) in ["jemalloc", "system"].into_iter().enumerate() {
        let variant = &summary["variants"][index];
        assert_eq!((&variant["name"], &variant["trials"]), (&format!("kind={kind}").into(), &2.into()));
        let knobs = &variant["knobs"];
        for (knob, effective) in [
            ("allocator.kind", kind),
            ("runtime.event_interval", "7"),
            ("runtime.thread_keep_alive", "300ms"),
            ("runtime.lifo_slot", "false"),
            ("runtime.worker_threads", "2"),
            ("cpu.affinity", &cpu),
        ] {
            assert_eq!(knobs[knob], effective, "{knob} of {knobs}");
        }
    }
    // What jemalloc says of itself is there only where it is the allocator.
    assert!(summary["variants"][0]["knobs"]["allocator.jemalloc.narenas"].is_string());
    assert!(summary["variants"][1]["knobs"]["allocator.jemalloc.narenas"].is_null());
}

#[test]
fn the_profile_of_the_broken_service_shows_hashing_within_the_login() {
    let program = program();
    let flags = ["--trials", "1", "--evidence", "cpu", "--seed", "7", "--set", "load.operations=300"];
    let ran = program.run(&[&["run", "http-service", "--variant", "broken"][..], &flags].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = program.only_run();

    let bytes = fs::read(run.join("evidence/broken/cpu.pb.gz")).expect("a profile");
    let profile = flamegraphs::read::pprof(&bytes).expect("the profile can be read");
    let stacks = fold(&profile, 0, &Options::default()).expect("it can be folded");
    // Without optimisation the handler itself is inlined into its future, and such frames have bare names.
    let caller = if cfg!(debug_assertions) { "http_service::accounts::verify_password" } else { "http_service::login" };
    let within_login: u64 = stacks
        .iter()
        .filter(|(stack, _)| {
            let login = stack.iter().position(|frame| frame.contains(caller));
            login.is_some_and(|login| stack[login..].iter().any(|frame| frame.contains("argon2")))
        })
        .map(|(_, samples)| samples)
        .sum();
    assert!(within_login > 0, "{}", flamegraphs::write::folded_stacks(&stacks));

    let svg = fs::read_to_string(run.join("evidence/broken/cpu.svg")).expect("a flamegraph");
    assert!(svg.contains(caller) && svg.contains("argon2"));
    let summary = summary(&run);
    assert_eq!(summary["profiles"][0]["path"], "evidence/broken/cpu.pb.gz");
    assert!(summary["profiles"][0]["samples"].as_u64() > Some(0));
    let report = fs::read_to_string(run.join("report.html")).expect("a report");
    assert!(report.contains("argon2"), "the flamegraph is in the report");
}

#[test]
fn the_cpu_backend_is_planned_recorded_and_used() {
    let program = program();
    let flags = ["--trials", "1", "--evidence", "cpu", "--cpu-backend", "pprof", "--cpu-hz", "120"];
    let broken = ["run", "http-service", "--variant", "broken", "--set", "load.operations=100"];
    let ran = program.run(&[&broken[..], &flags].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("above 99 Hz, pprof loses"),
        "a rate that signals cannot keep is warned of: {}",
        ran.stderr
    );
    let run = program.only_run();
    let plan: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("plan.json")).expect("a plan")).expect("JSON");
    assert_eq!(plan["cpu"], serde_json::json!({ "backend": "pprof", "hz": 120 }));
    let summary = summary(&run);
    let source = summary["profiles"][0]["source"].as_str().expect("who sampled");
    assert!(source.starts_with("pprof at 120 Hz in the process"), "{source}");

    let planned = program.run(&[&broken[..], &["--cpu-backend", "sampler", "--dry-run", "--json"]].concat());
    let plan: serde_json::Value = serde_json::from_str(&planned.stdout).expect("JSON");
    assert_eq!(plan["cpu"], serde_json::json!({ "backend": "sampler", "hz": 999 }));
    let refused = program.run(&[&broken[..], &["--cpu-backend", "pprof", "--cpu-hz", "1000"]].concat());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("pprof takes 1 to 999"), "{}", refused.stderr);
}

/// The limit is below what the program needs to exist: it is always exceeded, and every report is refused.
#[test]
fn a_memory_limit_is_read_back_and_what_became_of_it_is_told() {
    let program = program();
    let limit = ["--set", "allocator.memory_limit=2MiB", "--set", "allocator.memory_limit_cpu=0.5"];
    let shape = ["--trials", "1", "--evidence", "allocator", "--seed", "7", "--variant", "limit-shed", "--set"];
    let ran = program.run(&[&["run", "memory-limit"], &limit[..], &shape, &["load.operations=300"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = program.only_run();
    let recorded = fs::read_to_string(run.join("evidence/limit-shed/allocator.jsonl")).expect("a recording");
    let head: serde_json::Value = serde_json::from_str(recorded.lines().next().expect("a head")).expect("JSON");
    let pressure: Vec<_> = head["pressure"].as_array().expect("changes").iter().map(|one| &one["level"]).collect();
    assert!(pressure.contains(&&"over".into()), "{head}");
    let page = fs::read_to_string(run.join("report.html")).expect("a report");
    assert!(page.contains("class=\"pressure over\"") && page.contains("memory pressed: "), "it is drawn and told");
    let summary = summary(&run);
    let variant = &summary["variants"][0];
    assert_eq!(variant["knobs"]["allocator.memory_limit"], "2MiB");
    assert_eq!(variant["knobs"]["allocator.memory_limit_cpu"], "0.5");
    assert!(variant["metrics"]["memory_limit.over"]["value"].as_f64() > Some(0.5), "{variant}");
    assert!(variant["metrics"]["errors"]["value"].as_f64() > Some(0.0), "refused reports are errors: {variant}");
    let warnings = summary["warnings"].to_string();
    assert!(warnings.contains("`limit-shed`: over its memory limit of 2MiB for"), "{warnings}");
}

#[test]
fn the_allocator_is_recorded_beside_latency_at_the_rate_asked_for() {
    let program = program();
    let shape = ["--trials", "1", "--seed", "7", "--set", "trial.saturated=300ms", "--set", "load.operations=400"];
    let run = ["run", "allocator-lab", "--incident", "--variant", "jemalloc", "--variant", "system"];
    let ran = program.run(&[&run[..], &shape, &["--evidence", "allocator"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = program.only_run();
    let plan: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("plan.json")).expect("a plan")).expect("JSON");
    assert_eq!(plan["incident"], true);
    for (variant, said, unsaid) in [("jemalloc", "active", "free"), ("system", "free", "active")] {
        let file = fs::read_to_string(run.join(format!("evidence/{variant}/allocator.jsonl"))).expect("a recording");
        let lines: Vec<serde_json::Value> = file.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
        let (head, samples) = (&lines[0], &lines[1..]);
        assert_eq!((&head["hz"], &head["incident"], &head["allocator"]), (&100.into(), &true.into(), &variant.into()));
        assert!(head["cost"].as_f64() > Some(0.0) && head["open_at_s"].as_f64() > Some(0.2), "{head}");
        assert!(samples.len() >= 2 && samples.len() as u64 <= head["due"].as_u64().expect("a count"), "{head}");
        for sample in samples {
            assert!(sample[said].is_u64() && sample[unsaid].is_null() && sample["live"].is_u64(), "{sample}");
        }
        assert!(samples[0]["minor_faults"].as_u64() <= samples[samples.len() - 1]["minor_faults"].as_u64());
    }
    let summary = summary(&run);
    assert_eq!(summary["profiles"][0]["path"], "evidence/jemalloc/allocator.jsonl");
    assert!(summary["profiles"][0]["source"].as_str().is_some_and(|said| said.contains("% of a core")), "{summary}");
    let report = fs::read_to_string(run.join("report.html")).expect("a report");
    assert!(report.contains("<section id=\"allocation\">") && report.contains(">latency</text>"));

    let shown = program.run(&["show", "--allocator"]);
    assert!(shown.stdout.contains("resident set") && shown.stdout.contains("system at 100 Hz"), "{}", shown.stdout);
    let json: serde_json::Value =
        serde_json::from_str(&program.run(&["show", "--allocator", "--json"]).stdout).expect("JSON");
    assert_eq!(json["allocator"][0]["recorded"]["head"]["hz"], 100);
    let none = program.run(&["run", "allocator-lab", "--incident", "--evidence", "none"]);
    assert!(none.code == Some(2) && none.stderr.contains("leave one out"), "{}", none.stderr);
    let without = program.run(&["show", "--tasks"]);
    assert_eq!(without.code, Some(2));
}

#[test]
fn closed_loops_of_rising_concurrency_end_the_first_trials() {
    for (scenario, climbed) in [("http-service", vec![1, 2, 4, 8, 16, 32]), ("allocator-lab", vec![1, 2, 4, 8])] {
        let program = program();
        let flags = ["--trials", "1", "--evidence", "none", "--set", "load.operations=50"];
        let ran = program.run(&[&["run", scenario][..], &flags].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let run = program.only_run();
        let summary = summary(&run);
        let levels = summary["variants"][0]["levels"].as_array().expect("levels");
        let concurrency: Vec<u64> = levels.iter().filter_map(|level| level["concurrency"].as_u64()).collect();
        assert_eq!(concurrency, climbed, "{scenario}");
        assert!(levels.iter().all(|level| level["answered"].as_u64() > Some(0) && level["p50"].is_number()));
        for page in ["report.html", "report.md"] {
            assert!(
                fs::read_to_string(run.join(page)).expect("a page").contains("Throughput by concurrency"),
                "{page}"
            );
        }
    }
}
