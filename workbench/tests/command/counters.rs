//! Limits on what only evidence trials count: both sides are recorded within the gate, and bounds decide that no machine is
//! too slow for.

use std::path::Path;

use serde_json::Value;

use crate::sample::program;

#[test]
fn counts_of_evidence_decide_a_gate() {
    let program = program();
    let gate =
        ["gate", "allocator-lab", "--variant", "system", "--against-variant", "jemalloc", "--seed", "7", "--json"];
    let phases = ["--set", "trial.warmup=0s", "--set", "trial.saturated=200ms"];
    let load = ["--set", "load.operations=100", "--set", "load.rate=1000", "--trials", "12"];
    // Nobody polls a task less than once in a million operations, nor a million times for one.
    let limits = ["--limit", "polls.count_per_op<0.000001", "--limit", "tasks.spawned_per_op<1000000"];
    let ran = program.run(&[&gate[..], &phases, &load, &limits].concat());
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stdout, ran.stderr);
    let run: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    crate::json_schema::assert_run(&run);
    let gate = &run["gate"];
    // Nothing but evidence decides: one pair is enough of the rest.
    assert_eq!((&gate["verdict"], &gate["pairs"]), (&"broken".into(), &1.into()), "{gate}");
    for (limit, verdict) in [(&gate["limits"][0], "broken"), (&gate["limits"][1], "held")] {
        assert_eq!((&limit["verdict"], &limit["pairs"], &limit["counted"]), (&verdict.into(), &6.into(), &true.into()));
        let sentence = limit["sentence"].as_str().expect("a sentence");
        assert!(sentence.contains(" operations of 6 trials)"), "{sentence}");
    }
    assert!(gate["limits"][0]["candidate_value"].as_f64() > Some(0.0), "{gate}");
    // Clean trials measure, others explain: what was counted stands in these alone.
    let trials = Path::new(run["path"].as_str().expect("a path")).join("trials");
    let mut counted = 0;
    for trial in std::fs::read_dir(trials).expect("trials").flatten() {
        let text = std::fs::read_to_string(trial.path().join("trial.json")).expect("a record");
        let record: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(record["kind"] == "measure", record["counts"].is_null(), "{record}");
        counted += usize::from(!record["counts"].is_null());
    }
    assert_eq!(counted, 12, "six of each side");
}

/// What no count can decide is refused before anything runs, with the reason.
#[test]
fn what_evidence_cannot_count_is_refused() {
    let program = program();
    let gate = ["gate", "allocator-lab", "--against", "main", "--limit"];
    let all = ["polls.blocked_per_kop<1", "waits.long_per_kop<+3%", "schedule_delay.p99<5ms", "runqueue.delay<+10%"];
    let told: Vec<String> = all.iter().map(|limit| program.transcript(&[&gate[..], &[limit]].concat())).collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(program.runs().is_empty());
}
