//! What each kind of evidence costs: CPU per operation and throughput of a subject with it, against without, paired in one
//! run of the product. Evidence trials come after the measured ones, so that drift of the machine is in the ratio: `nothing`
//! is the last measured trial of each variant against those before it, and what that differs from 1 means nothing.
//!
//! `cargo bench -p workbench --bench evidence [-- SCENARIO]`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench panics, and prints its figures")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const KINDS: &str = "cpu,heap,tasks,allocator,wait,trace";
/// Runs, each with trials of every kind.
const RUNS: u64 = 3;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let scenario = arguments.next().unwrap_or_else(|| "http-service".to_owned());
    if scenario == "--test" {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut ratios: BTreeMap<String, [Vec<f64>; 2]> = BTreeMap::new();
    for seed in 0..RUNS {
        let output = Command::new(env!("CARGO_BIN_EXE_workbench"))
            .args(["run", &scenario, "--quick", "--evidence", KINDS, "--json", "--seed", &seed.to_string()])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let run = Path::new(document["path"].as_str().unwrap()).join("trials");
        for (kind, by) in of_run(&folder.path().join(run)) {
            let all = ratios.entry(kind).or_default();
            all.iter_mut().zip(by).for_each(|(all, mut more)| all.append(&mut more));
        }
    }
    println!("{scenario}: with evidence ÷ without, median over {RUNS} runs (range)");
    for (kind, [cpu, capacity]) in ratios {
        println!("{kind:>10}: CPU per operation {}, throughput {}", told(cpu), told(capacity));
    }
}

/// Ratios of CPU per operation and of capacity, by kind: each evidence trial against the median of its variant's others.
fn of_run(trials: &Path) -> BTreeMap<String, [Vec<f64>; 2]> {
    let mut measured: BTreeMap<String, [Vec<f64>; 2]> = BTreeMap::new();
    let mut watched: Vec<(String, String, [f64; 2])> = Vec::new();
    let mut folders: Vec<_> = std::fs::read_dir(trials).unwrap().flatten().map(|entry| entry.path()).collect();
    // In the order of trials.
    folders.sort();
    for folder in folders {
        let Ok(text) = std::fs::read_to_string(folder.join("trial.json")) else { continue };
        let trial: serde_json::Value = serde_json::from_str(&text).unwrap();
        let metric = |name: &str| trial["metrics"][name].as_f64().unwrap_or(f64::NAN);
        let both = [metric("cpu_per_op"), metric("capacity")];
        let variant = trial["variant"].as_str().unwrap().to_owned();
        match trial["kind"]["evidence"].as_str() {
            Some(kind) => watched.push((variant, kind.to_owned(), both)),
            None => measured.entry(variant).or_default().iter_mut().zip(both).for_each(|(all, one)| all.push(one)),
        }
    }
    let mut ratios: BTreeMap<String, [Vec<f64>; 2]> = BTreeMap::new();
    for [cpu, capacity] in measured.values() {
        let ([before @ .., last], [.., last_capacity]) = (cpu.as_slice(), capacity.as_slice()) else { continue };
        let both = [last / median(before.to_vec()), last_capacity / median(capacity[..before.len()].to_vec())];
        let all = ratios.entry("nothing".to_owned()).or_default();
        all.iter_mut().zip(both).for_each(|(all, ratio)| all.extend(Some(ratio).filter(|ratio| ratio.is_finite())));
    }
    for (variant, kind, both) in watched {
        let Some(without) = measured.get(&variant) else { continue };
        let all = ratios.entry(kind).or_default();
        for ((all, one), without) in all.iter_mut().zip(both).zip(without) {
            let ratio = one / median(without.clone());
            all.extend(Some(ratio).filter(|ratio| ratio.is_finite()));
        }
    }
    ratios
}

fn told(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    match values.as_slice() {
        [] => "n/a".to_owned(),
        [first, .., last] => format!("{:.2} ({first:.2} to {last:.2})", median(values.clone())),
        [only] => format!("{only:.2}"),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
