//! `run --dry-run`.

use crate::program::Program;
use crate::sample::program;

#[test]
fn the_same_seed_gives_the_same_plan() {
    let program = program();
    let plan = |seed: &str, json: &[&str]| {
        let ran = program.run(&[&["run", "allocator-lab", "--dry-run", "--seed", seed][..], json].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        ran.stdout
    };
    assert_eq!(plan("7", &[]), plan("7", &[]));
    assert_eq!(plan("7", &["--json"]), plan("7", &["--json"]));
    assert_ne!(plan("7", &[]), plan("8", &[]));
    assert!(!program.folder().join(".workbench").exists(), "a dry run leaves nothing behind");
}

#[test]
fn a_plan_for_people() {
    let program = program();
    let grid = ["--vary", "allocator.kind=jemalloc,system", "--vary", "runtime.worker_threads=1,2"];
    let run = ["run", "allocator-lab", "--dry-run", "--seed", "7", "--trials", "2", "--evidence", "none"];
    let ran = program.run(&[&run[..], &grid].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for kind in ["jemalloc", "system"] {
        for workers in ["1", "2"] {
            // Once among the variants and once in each of the two blocks.
            let variant = format!("kind={kind},worker_threads={workers}");
            assert!(ran.stdout.matches(&variant).count() >= 3, "{variant}: {}", ran.stdout);
        }
    }
    assert!(!ran.stdout.contains("evidence"), "none was asked for: {}", ran.stdout);
}

#[test]
fn a_plan_for_programs() {
    let program = program();
    let ran = program.run(&["run", "--dry-run", "--json", "--seed", "7", "--trials", "3"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!((&plan["format"], &plan["seed"], &plan["blocks"]), (&1.into(), &7.into(), &3.into()));
    assert_eq!(plan["schedule_hashes"].as_array().expect("hashes").len(), 3);
    let trials = plan["trials"].as_array().expect("trials");
    for block in 1..=3 {
        let mut variants: Vec<&str> = trials
            .iter()
            .filter(|trial| trial["block"] == block)
            .filter_map(|trial| trial["variant"].as_str())
            .collect();
        variants.sort_unstable();
        assert_eq!(variants, ["broken", "fixed"], "block {block}");
    }
    let evidence = &trials[6..];
    assert!(evidence.iter().all(|trial| trial["block"].is_null()), "evidence comes last");
    // Where nobody may trace, tasks are watched from within.
    for kind in [&["cpu"][..], &["trace", "tasks"]] {
        let of: Vec<_> =
            evidence.iter().filter(|trial| kind.iter().any(|kind| trial["kind"]["evidence"] == *kind)).collect();
        assert_eq!(of.iter().map(|trial| &trial["variant"]).collect::<Vec<_>>(), ["broken", "fixed"], "{kind:?}");
    }
    assert_eq!(evidence.len(), 4, "each kind that the scenario names once");
}

/// The kinds of evidence in a plan, in its order.
fn evidence(program: &Program, run: &[&str]) -> Vec<String> {
    let ran = program.run(&[&["run", "--dry-run", "--json"], run].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    let kinds = plan["trials"].as_array().expect("trials").iter().map(|trial| &trial["kind"]["evidence"]);
    kinds.filter_map(|kind| kind.as_str().map(str::to_owned)).collect()
}

#[test]
fn programs_that_are_compared_are_profiled_three_times() {
    let program = program();
    let compared = ["--target", "http://127.0.0.1:1/", "--vary", "env.FIX=0,1"];
    let three = ["cpu", "cpu", "cpu", "cpu", "cpu", "cpu", "wait", "wait", "trace", "trace"];
    let of = |more: &[&str]| evidence(&program, &[&compared, more, &["--", "/bin/sleep", "9"]].concat());
    assert_eq!(of(&[]), three);
    assert_eq!(of(&["--evidence-trials", "1"]), ["cpu", "cpu", "wait", "wait", "trace", "trace"]);
    assert_eq!(of(&["--evidence", "wait"]), ["wait", "wait"]);
    assert_eq!(
        evidence(&program, &["--target", "http://127.0.0.1:1/", "--", "/bin/sleep", "9"]),
        ["cpu", "wait", "trace"]
    );
}

#[test]
fn a_scenario_says_what_is_gathered_and_a_flag_goes_before() {
    let program = program();
    let lab = "name = \"lab\"\nversion = 1\nsummary = \"A lab.\"\nworkload = \"allocator-lab\"\nevidence = [\"heap\", \"cpu\"]\n\
        [load]\nrate = 100\n[[mix]]\noperation = \"burst\"\nweight = 1\n";
    std::fs::write(program.folder().join("lab.toml"), lab).expect("written");
    assert_eq!(evidence(&program, &["lab.toml"]), ["cpu", "heap"]);
    assert_eq!(evidence(&program, &["lab.toml", "--evidence", "cpu"]), ["cpu"]);
    std::fs::write(program.folder().join("bad.toml"), lab.replace("heap", "heep")).expect("written");
    let ran = program.run(&["run", "bad.toml", "--dry-run"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("unknown kind of evidence `heep`") && ran.stderr.contains("bad.toml:5:"),
        "{}",
        ran.stderr
    );
}

#[test]
fn background_load_and_a_ladder_stand_in_the_plan() {
    let program = program();
    let run = ["run", "http-service", "--dry-run", "--background", "ping=5:/health", "--ladder", "1,4"];
    let ran = program.run(&run);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("(poisson) beside ping at 5/s; in the first 3 blocks then"), "{text}");
    assert!(text.contains("with 1, 4 clients in turn"), "{text}");
    let ran = program.run(&["run", "allocator-lab", "--dry-run", "--background", "ping=5:/health"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("is sent nothing"), "{}", ran.stderr);
    let ran = program.run(&["run", "http-service", "--dry-run", "--ladder", "4,1"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("rising numbers of clients"), "{}", ran.stderr);
}

/// Every command that findings offer is one of these shapes (`reports::findings`, whose tests hold them to it).
#[test]
fn the_experiments_of_findings_are_commands_that_run() {
    let program = program();
    let external = "name = \"shop\"\nversion = 1\nsummary = \"s\"\n[subject]\ncommand = [\"/bin/sleep\", \"9\"]\n\
                    target = \"http://127.0.0.1:1/\"\n[load]\nrate = 100\noperations = 500\nconcurrency = 4\n\
                    [[mix]]\noperation = \"request\"\nweight = 1\nmethod = \"GET\"\npath = \"/\"\n\
                    [[variant]]\nname = \"default\"\n";
    std::fs::write(program.folder().join("shop.toml"), external).expect("a scenario");
    for (scenario, variant) in [("http-service", "broken"), ("shop.toml", "default")] {
        // Stalls, which `cpu,tasks` is offered for, are caught within built-in scenarios alone.
        let tasks = (scenario == "http-service").then_some("cpu,tasks");
        for evidence in
            ["cpu", "trace", "cpu,wait", "cpu,trace", "wait,trace", "cpu,wait,trace"].into_iter().chain(tasks)
        {
            let longer: &[&str] = match evidence {
                // What did not last is looked at under less load.
                "cpu,wait,trace" => &["--ladder", "off", "--concurrency", "1"],
                _ if evidence.contains("trace") => &["--duration", "60s"],
                // Such a load, for longer: what grows.
                "cpu,wait" => &["--duration", "60s", "--rate", "37.5", "--trials", "1"],
                // A gentler load, at which a mechanism shows or does not.
                _ => &["--rate", "37.5", "--trials", "1"],
            };
            let asked = [&["run", "--evidence", evidence], longer, &[scenario, "--variant", variant, "--dry-run"]];
            let ran = program.run(&asked.concat());
            assert_eq!(ran.code, Some(0), "{asked:?}: {}", ran.stderr);
        }
    }
}
