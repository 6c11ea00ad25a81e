//! How long ten thousand runs take to list: by the index, and when there is none yet. Reports seconds; nothing is asserted
//! but that every run is there.

#![expect(clippy::print_stdout, reason = "a bench reports there")]
#![expect(clippy::expect_used, reason = "a bench whose work fails has nothing to report")]

use std::fs;
use std::path::Path;
use std::time::Instant;

use reports::history::{Query, history};
use reports::run::store::Store;
use serde_json::json;

const RUNS: usize = 10_000;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::at(folder.path().join(".workbench"));
    for number in 0..RUNS {
        write(&store.root().join("runs"), number);
    }
    let timed = |what: &str, look: &dyn Fn() -> usize| {
        let began = Instant::now();
        let found = look();
        println!("{what}: {found} runs in {:.2} s", began.elapsed().as_secs_f64());
        assert_eq!(found, RUNS);
    };
    timed("without an index, list", &|| store.list().expect("a list").len());
    timed("with it, list", &|| store.list().expect("a list").len());
    let query = Query { metric: "cpu_per_op".to_owned(), seed: 1, ..Query::default() };
    timed("with it, history", &|| {
        let heads = store.heads().expect("heads");
        history(&heads.runs, &query, "").expect("a history").points.len()
    });
}

/// A finished run with as much in its `run.json` as a small one has.
fn write(runs: &Path, number: usize) {
    let id = format!("2026{:02}{:02}-{:06}-lab-abcd", 1 + number / 2_000, 1 + number % 28, number);
    let folder = runs.join(&id);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("plan.json"), "{}").expect("a plan");
    let metric = |value: f64| json!({ "value": value, "unit": "s/op" });
    let metrics: serde_json::Map<String, serde_json::Value> = (0..60)
        .map(|index| (format!("metric.{index}"), metric(1.0)))
        .chain([("cpu_per_op".to_owned(), metric(2e-5))])
        .collect();
    let summary = json!({
        "format": 1, "run": id, "scenario": "lab", "scenario_version": 1, "status": "complete",
        "started_at": format!("2026-01-01T{:02}:{:02}:{:02}Z", number / 3600, number / 60 % 60, number % 60),
        "finished_at": "2026-02-01T00:00:00Z", "seed": 1,
        "build": { "version": "0", "commit": "c", "date": "", "profile": "release", "rustc": "", "flags": [], "binary": "b" },
        "host": { "format": 1, "fingerprint": "f", "cpu": "EPYC", "cpus": 2, "threads_per_core": 2, "cpu_quota": null,
                  "memory_bytes": 1, "kernel": "", "os": "linux", "virtualised": true, "clocksource": "", "tick_hz": null },
        "verdict": "one variant", "warnings": ["w".repeat(8_000)],
        "variants": [{ "name": "fixed", "knobs": {}, "trials": 12, "driver_limited": 0, "failed": 0,
                       "measured_operations": [], "metrics": metrics, "log_errors": { "cpu_per_op": 0.01 } }],
        "comparisons": [], "profiles": [], "findings": []
    });
    fs::write(folder.join("run.json"), summary.to_string()).expect("a summary");
}
