//! What a person can get wrong on the command line, and what they are told.

use std::fs;

use crate::program::{Program, without_numbers};
use crate::sample::program;

/// Transcripts of commands, one after the other. None of them may leave a run behind.
fn transcripts(program: &Program, commands: &[&[&str]]) -> String {
    let shown: Vec<String> = commands.iter().map(|arguments| program.transcript(arguments)).collect();
    shown.join("\n")
}

/// Mistakes that are found before anything runs.
fn refused(commands: &[&[&str]]) -> String {
    let program = program();
    let shown = transcripts(&program, commands);
    assert_eq!(program.runs().len(), 0, "refused input leaves no run");
    shown
}

#[test]
fn scenarios_and_variants() {
    insta::assert_snapshot!(refused(&[
        &["run", "http-servce"],
        &["run", "something-else"],
        &["run", "missing.toml"],
        &["run", "--variant", "brokn"],
        &["run", "--variant", "neither"],
    ]));
}

#[test]
fn scenario_files() {
    let program = program();
    let right = include_str!("../../../scenarios/catalog/allocator-lab.toml");
    let write = |name: &str, text: String| fs::write(program.folder().join(name), text).expect("written");
    write("typo.toml", right.replace("concurrency = 8", "concurency = 8"));
    write("workload.toml", right.replace("workload = \"allocator-lab\"", "workload = \"alocator-lab\""));
    write("value.toml", right.replace("arrivals = \"poisson\"", "arrivals = \"poison\""));
    write("torn.toml", right[..right.find("timeout = \"2s\"").expect("it has one") + 11].to_owned());
    write("binary.toml", "\u{0}\u{1b}[31m".to_owned());
    fs::create_dir(program.folder().join("folder.toml")).expect("a folder");
    insta::assert_snapshot!(transcripts(
        &program,
        &[
            &["run", "typo.toml"],
            &["run", "workload.toml"],
            &["run", "value.toml"],
            &["run", "torn.toml"],
            &["run", "./binary.toml"],
            &["run", "folder.toml"],
        ]
    ));
    assert_eq!(program.runs().len(), 0);
}

#[test]
fn knobs() {
    insta::assert_snapshot!(refused(&[
        &["run", "--set", "runtime.worker_thread=2"],
        &["run", "--set", "worker_threads=2"],
        &["run", "--set", "runtime=2"],
        &["run", "--set", "gomaxprocs=2"],
        &["run", "--set", "runtime.worker_threads=0"],
        &["run", "--set", "runtime.worker_threads=two"],
        &["run", "--set", "runtime.thread_keep_alive=300"],
        &["run", "--set", "runtime.lifo_slot=no"],
        &["run", "--set", "allocator.kind=jemaloc"],
        &["run", "--set", "cpu.affinity=zero"],
        &["run", "allocator-lab", "--vary", "allocator.kind=jemalloc,tcmalloc"],
    ]));
}

#[test]
fn knobs_without_effect() {
    insta::assert_snapshot!(refused(&[
        &["run", "--set", "allocator.kind=system", "--set", "allocator.jemalloc.narenas=2"],
        &["run", "allocator-lab", "--variant", "mimalloc", "--set", "allocator.jemalloc.dirty_decay_ms=0"],
        &["run", "--set", "runtime.flavor=current_thread", "--set", "runtime.lifo_slot=false"],
    ]));
}

#[test]
fn reserved_environment() {
    insta::assert_snapshot!(refused(&[
        &["run", "--set", "env.MALLOC_CONF=narenas:1"],
        &["run", "--set", "env._RJEM_MALLOC_CONF=narenas:1"],
        &["run", "--set", "env.TOKIO_WORKER_THREADS=1"],
        &["run", "--set", "env.WORKBENCH_SUBJECT=me"],
        &["run", "--set", "env.2=x"],
    ]));
}

#[test]
fn set_and_vary() {
    insta::assert_snapshot!(refused(&[
        &["run", "--set", "runtime.worker_threads"],
        &["run", "--set", "=2"],
        &["run", "--set"],
        &["run", "--vary", "runtime.worker_threads"],
        &["run", "--vary", "runtime.worker_threads=1,,2"],
        &["run", "--vary", "runtime.worker_threads=2,2"],
        &["run", "--vary", "cpu.affinity=0,1"],
        &["run", "--vary", "load.rate=100,200"],
        &["run", "--vary", "runtime.worker_threads=1,2", "--vary", "runtime.worker_threads=3,4"],
        &["run", "--set", "workload.login=pool"],
        &["run", "--set", "load.operations=0", "--set", "trial.saturated=0s"],
    ]));
}

#[test]
fn parameters() {
    insta::assert_snapshot!(refused(&[
        &["run", "--set", "workload.logn=pool"],
        &["run", "--set", "workload.sleep=1s"],
        &["run", "allocator-lab", "--vary", "workload.login=pool,inline"],
    ]));
}

/// Values of parameters belong to the workload: its preflight refuses them, before any trial.
#[test]
fn values_of_parameters() {
    let program = program();
    let refused: [&[&str]; 3] = [
        &["run", "--vary", "workload.login=poool,pool", "--seed", "1"],
        &["run", "--set", "workload.users=many", "--seed", "1"],
        &["run", "--set", "workload.users=0", "--seed", "1"],
    ];
    let shown: Vec<String> = refused.iter().map(|arguments| program.transcript(arguments)).collect();
    let text = shown.join("\n");
    // Which run of the three it was does not matter, nor for how long it would have run.
    let text = ["RUN-1", "RUN-2", "RUN-3"].iter().fold(text, |text, run| text.replace(run, "RUN"));
    insta::assert_snapshot!(without_numbers(&text, "about ", " s (seed"));
    for run in program.runs() {
        let events = fs::read_to_string(run.join("events.jsonl")).expect("a run has events");
        assert!(!events.contains("trial_started"), "{events}");
    }
}

#[test]
fn an_affinity_that_this_machine_lacks() {
    let program = program();
    let ran = program.run(&["run", "allocator-lab", "--set", "cpu.affinity=1023", "--seed", "1"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("cpu.affinity: CPU 1023 is not available to this process"), "{}", ran.stderr);
}

#[test]
fn amounts() {
    insta::assert_snapshot!(refused(&[
        &["run", "--trials", "0"],
        &["run", "--trials", "x"],
        &["run", "--trials", "-1"],
        &["run", "--trials", "3", "--for", "1m"],
        &["run", "--for", "30"],
        &["run", "--for", "soon"],
        &["run", "--for", "1s"],
        &["run", "--seed", "x"],
        &["run", "--evidence", "cpu,none"],
    ]));
}

#[test]
fn commands() {
    insta::assert_snapshot!(refused(&[&["rum"], &["list", "knob"], &["run", "--sed", "1"], &["show", "@", "@"]]));
}

#[test]
fn arrivals() {
    let program = program();
    fs::write(program.folder().join("arrivals.csv"), "t_us,op\n0,order\n10,ordr\n5,order\n").expect("written");
    insta::assert_snapshot!(transcripts(
        &program,
        &[
            &["run", "--stage", "200"],
            &["run", "--ramp", "200..x:5s"],
            &["run", "--burst", "0/1s"],
            &["run", "--scale", "2"],
            &["run", "--stage", "1:1s", "--trace", "arrivals.csv"],
            &["run", "--trace", "missing.csv"],
            &["run", "--trace", "arrivals.csv"],
            &["run", "--stage", "200:5s", "--set", "load.rate=7"],
            &["run", "--protocol", "http3"],
        ]
    ));
    assert_eq!(program.runs().len(), 0, "refused input leaves no run");
}

#[test]
fn stages_are_planned() {
    let program = program();
    let planned = |flags: &[&str]| {
        let output = program.run(&[&["run", "http-service", "--dry-run", "--json", "--seed", "1"], flags].concat());
        let plan: serde_json::Value = serde_json::from_str(&output.stdout).expect("a plan");
        (plan["phases"]["operations"].clone(), plan["schedule_hashes"][0].clone())
    };
    let steady = planned(&[]);
    let staged = planned(&["--stage", "100:1s", "--ramp", "100..300:2s", "--burst", "50/1s"]);
    assert_eq!(staged.0, 100 + 400 + 3 * 50);
    assert_ne!(staged.1, steady.1);
    assert_eq!(staged, planned(&["--stage", "100:1s", "--ramp", "100..300:2s", "--burst", "50/1s"]));
}
