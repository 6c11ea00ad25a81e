//! What continuous integration calls: exports, objectives, events, schemas, completions, `init`.

use std::fs;

use serde_json::Value;

use crate::json_schema::{misfits, misfits_by_another};
use crate::program::Program;
use crate::sample::{SMALL, program, with_run};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn printed(program: &Program, arguments: &[&str]) -> String {
    let ran = program.run(arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    ran.stdout
}

#[test]
fn a_run_is_exported_in_every_format() {
    let (program, _) = with_run();
    let printed = |format: &str| printed(&program, &["export", "--format", format]);
    let junit = printed("junit");
    assert!(junit.starts_with("<?xml") && junit.contains("<testsuite name=\"allocator-lab\""), "{junit}");
    for format in ["bmf", "action-benchmark-smaller", "action-benchmark-bigger", "sarif", "json"] {
        json(&printed(format));
    }
    // Two variants, two blocks.
    assert_eq!(
        printed("benchstat").lines().filter(|line| line.starts_with("BenchmarkAllocatorLab/variant=")).count(),
        4
    );
    assert!(printed("openmetrics").ends_with("# EOF\n"));
    let csv = printed("csv");
    assert!(
        csv.starts_with("run,scenario,variant,") && csv.lines().any(|line| line.contains(",capacity,ops/s,")),
        "{csv}"
    );
    assert!(printed("comment").starts_with("<!-- workbench:allocator-lab -->\n"));
    assert!(printed("step-summary").contains("allocator-lab") && printed("annotations").contains("::notice "));
    assert!(printed("markdown").starts_with("# allocator-lab"));

    let ran = program.run(&["export", "@", "-f", "junit=new/folder/junit.xml", "-f", "csv=table.csv"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(fs::read_to_string(program.folder().join("new/folder/junit.xml")).unwrap(), junit);
    assert_eq!(fs::read_to_string(program.folder().join("table.csv")).unwrap(), csv);
}

#[test]
fn a_format_that_is_none_is_named() {
    let (program, _) = with_run();
    insta::assert_snapshot!(program.transcript(&["export", "--format", "junt"]));
    insta::assert_snapshot!(program.transcript(&["export", "--format", "csv", "--format", "junit"]));
    // Before anything is measured.
    insta::assert_snapshot!(program.transcript(&["run", "--output", "junit"]));
    assert_eq!(program.runs().len(), 1);
}

/// Ends of a job summary are added to what other steps wrote.
#[test]
fn a_job_summary_is_appended_to() {
    let (program, _) = with_run();
    let file = program.folder().join("summary.md");
    fs::write(&file, "of another step\n").unwrap();
    printed(&program, &["export", "--format", "step-summary=summary.md"]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("of another step\n") && text.contains("allocator-lab"), "{text}");

    fs::write(&file, "x".repeat(1 << 20)).unwrap();
    let ran = program.run(&["export", "--format", "step-summary=summary.md"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("is full (1 MiB): nothing was added"), "{}", ran.stderr);
    assert_eq!(fs::metadata(&file).unwrap().len(), 1 << 20);
}

#[test]
fn events_are_lines_and_the_result_is_the_last() {
    let program = program();
    let flags =
        ["run", "allocator-lab", "--variant", "jemalloc", "--trials", "1", "--events", "--output", "junit=junit.xml"];
    let ran = program.run(&[&flags[..], SMALL].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let schema = json(&printed(&program, &["schema", "events"]));
    let events: Vec<Value> = ran.stdout.lines().map(json).collect();
    for event in &events {
        assert_eq!(misfits(&schema, event), [""; 0], "{event}");
    }
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"run_started"), Some(&"result")), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "trial_finished").count(), 1, "{kinds:?}");
    let summary = &events.last().unwrap()["summary"];
    assert_eq!(summary["run"], events[0]["run"]);
    assert_eq!(misfits(&json(&printed(&program, &["schema", "run"])), summary), [""; 0]);
    assert!(fs::read_to_string(program.folder().join("junit.xml")).unwrap().contains("</testsuites>"));
}

#[test]
fn schemas_hold_for_the_catalogue_and_for_runs() {
    let (program, path) = with_run();
    let schema = json(&printed(&program, &["schema", "scenario"]));
    let catalogue = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/catalog");
    let mut files: Vec<_> = fs::read_dir(catalogue).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.push(path.join("scenario.toml"));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    assert!(files.len() > 3);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let document: toml::Value = toml::from_str(&text).unwrap();
        let document = serde_json::to_value(document).unwrap();
        assert_eq!(misfits(&schema, &document), [""; 0], "{}", file.display());
        let mut broken = document.clone();
        broken["load"]["rat"] = 5.into();
        broken["version"] = 0.into();
        assert_eq!(misfits(&schema, &broken).len(), 2, "{:?}", misfits(&schema, &broken));
    }
    let run = json(&printed(&program, &["schema", "run"]));
    let shown = json(&printed(&program, &["show", "--json"]));
    assert_eq!(misfits(&run, &shown), [""; 0]);
    // It is closed: a field that nobody described has no place in it.
    let mut more = shown.clone();
    more["variants"][0]["surprise"] = 1.into();
    more["seed"] = "seven".into();
    assert_eq!(misfits(&run, &more).len(), 2);
    for (value, fits) in [(&shown, true), (&more, false)] {
        if let Some(said) = misfits_by_another(&run, value) {
            assert_eq!(said.is_empty(), fits, "{said}");
        }
    }
}

/// Whatever the machine: nearly all operations may be bad, so that the objective is met.
const LOOSE: &[&str] = &["slo", "check", "--objective", "0.001"];

#[test]
fn a_run_is_judged_by_an_objective() {
    let (program, path) = with_run();
    let none = program.run(&["slo", "check"]);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("has no objective: write `[slo]` into its scenario"), "{}", none.stderr);
    let ran = program.run(LOOSE);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("objective 0.1 % good over 30 d is met by jemalloc"), "{}", ran.stdout);

    let frozen = program.run(&[LOOSE, &["--budget", "3%"]].concat());
    assert_eq!(frozen.code, Some(13), "{}", frozen.stderr);
    assert!(frozen.stdout.contains("3 % of the error budget is left (given): frozen below 5 %"), "{}", frozen.stdout);
    let overridden = program.run(&[LOOSE, &["--budget", "3%", "--override-budget", "fix of an incident"]].concat());
    assert_eq!(overridden.code, Some(0), "{}", overridden.stderr);
    let kept = json(&fs::read_to_string(path.join("run.json")).unwrap());
    assert_eq!(kept["budget"]["overridden"], "fix of an incident");
    let shown = printed(&program, &["show"]);
    assert!(shown.contains("overridden: fix of an incident"), "{shown}");

    let refused = program.run(&[LOOSE, &["--variant", "none"]].concat());
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("has no variant `none`"), "{}", refused.stderr);
}

#[test]
fn objectives_are_imported_and_watched() {
    let program = program();
    let sloth = "version: prometheus/v1\nservice: shop\nslos:\n- name: a\n  objective: 99.95\n  sli: {events: {error_query: \
                 'sum(rate(bad[{{.window}}]))', total_query: 'sum(rate(all[{{.window}}]))'}}\n";
    fs::write(program.folder().join("slo.yaml"), sloth).unwrap();
    let imported = program.run(&["slo", "import", "slo.yaml"]);
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    assert_eq!(imported.stdout, "# shop-a\n[slo]\nobjective = 0.9995\nwindow = \"30d\"\n");
    let rules = printed(&program, &["slo", "rules", "--from", "slo.yaml"]);
    assert!(rules.contains("slo: \"shop-a\"") && rules.contains("> (14.4 * 0.0005)"), "{rules}");
    insta::assert_snapshot!(program.transcript(&["slo", "rules", "--objective", "0.999"]));
    fs::write(program.folder().join("slo.yaml"), "version: prometheus/v9\n").unwrap();
    insta::assert_snapshot!(program.transcript(&["slo", "import", "slo.yaml"]));
}

#[test]
fn shells_complete_and_man_has_pages() {
    let program = program();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(printed(&program, &["completions", shell]).contains("workbench"), "{shell}");
    }
    assert!(printed(&program, &["man"]).contains(".TH workbench 1"));
    let ran = program.run(&["man", "--out", "pages"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for page in ["workbench.1", "workbench-run.1", "workbench-slo-check.1"] {
        assert!(program.folder().join("pages").join(page).exists(), "{page}");
    }
}

#[test]
fn init_writes_a_workflow_and_overwrites_nothing() {
    let program = program();
    let arguments = ["init", "--ci", "github", "--install", "make workbench", "--cargo-config"];
    insta::assert_snapshot!(program.transcript(&arguments));
    let workflow = fs::read_to_string(program.folder().join(".github/workflows/workbench.yml")).unwrap();
    assert!(workflow.contains("install: \"make workbench\"") && workflow.contains("cpu_per_op<+5%"), "{workflow}");
    insta::assert_snapshot!(program.transcript(&arguments));
    insta::assert_snapshot!(program.transcript(&["init"]));
}

/// Two sides that are one program, held to what every machine holds; `--cannot-tell pass` for two pairs that show little.
const GATE: &[&str] = &[
    "gate",
    "slow.toml",
    "--against-variant",
    "one",
    "--variant",
    "two",
    "--limit",
    "rss.max<1000GiB",
    "--trials",
    "2",
    "--cannot-tell",
    "pass",
    "--seed",
    "7",
];

/// A scenario with this objective and trials as short as they can be.
pub(crate) fn write_scenario(program: &Program, objective: &str) {
    let text = "name = \"slow\"\nversion = 1\nsummary = \"\"\n\
                workload = \"allocator-lab\"\n\
                [trial]\nwarmup = \"0s\"\nsaturated = \"300ms\"\n\
                [load]\nrate = 1000\noperations = 200\nmax_lag_p99 = \"1s\"\n\
                [[variant]]\nname = \"one\"\n[[variant]]\nname = \"two\"\n";
    let catalogue = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/catalog/allocator-lab.toml");
    let lab: toml::Table = toml::from_str(&fs::read_to_string(catalogue).expect("the catalogue")).expect("TOML");
    let mut scenario: toml::Table = toml::from_str(text).expect("TOML");
    for key in ["mix", "workload_parameters"] {
        scenario.insert(key.to_owned(), lab[key].clone());
    }
    let slo: toml::Table = toml::from_str(objective).expect("TOML");
    scenario.insert("slo".to_owned(), slo.into());
    fs::write(program.folder().join("slow.toml"), toml::to_string(&scenario).expect("TOML")).expect("written");
}

#[test]
fn a_spent_budget_freezes_a_gate_before_anything_is_measured() {
    let program = program();
    write_scenario(&program, "objective = 0.01");
    let outputs = ["--output", "annotations", "--output", "junit=junit.xml", "--output", "comment=comment.md"];
    let ran = program.run(&[GATE, &["--budget", "-0.5"], &outputs].concat());
    assert_eq!(ran.code, Some(13), "{}", ran.stderr);
    assert!(program.runs().is_empty());
    let told = "error: the error budget is overspent by 50 % (given): frozen below 5 %";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert!(ran.stderr.contains("::error title=workbench%3A error budget::"), "{}", ran.stderr);
    assert!(fs::read_to_string(program.folder().join("junit.xml")).unwrap().contains("failures=\"1\""));
    assert!(fs::read_to_string(program.folder().join("comment.md")).unwrap().starts_with("<!-- workbench:slow -->\n"));

    let reason = ["--budget=-0.5", "--override-budget", "fix of an incident", "--json"];
    let ran = program.run(&[GATE, &reason, &outputs].concat());
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let summary = json(&ran.stdout);
    assert_eq!(summary["budget"]["overridden"], "fix of an incident");
    assert_eq!(misfits(&json(&printed(&program, &["schema", "run"])), &summary), [""; 0]);
    assert!(fs::read_to_string(program.folder().join("junit.xml")).unwrap().contains("name=\"rss.max&lt;1000GiB\""));
}

/// No operation takes less than a nanosecond. Where the machine answers nothing at all, all are bad, too.
#[test]
fn a_missed_objective_breaks_a_gate_whose_limits_hold() {
    let program = program();
    write_scenario(&program, "objective = 0.99\nlatency = \"1ns\"");
    let ran = program.run(&[GATE, &["--output", "comment=comment.md", "--json"]].concat());
    let summary = json(&ran.stdout);
    if summary["variants"][1]["driver_limited"] == summary["variants"][1]["trials"] {
        // Nothing is known of latencies here, and the limits hold.
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
        return;
    }
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("The objective is missed"), "{}", ran.stdout);
    assert!(fs::read_to_string(program.folder().join("comment.md")).unwrap().contains("regressed:"));
}
