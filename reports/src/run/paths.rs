//! Every file name of format 1.

use std::path::{Path, PathBuf};

pub(crate) const RUN: &str = "run.json";
pub(crate) const PLAN: &str = "plan.json";
pub(crate) const SCENARIO: &str = "scenario.toml";
pub(crate) const ARRIVALS: &str = "arrivals.csv";
pub(crate) const MACHINE: &str = "machine.json";
pub(crate) const ATTACHED: &str = "attached.json";
pub(crate) const EVENTS: &str = "events.jsonl";
pub(crate) const TRIALS: &str = "trials";
pub(crate) const EVIDENCE: &str = "evidence";
pub(crate) const TRIAL: &str = "trial.json";
pub(crate) const LATENCY: &str = "latency.hlog";
pub(crate) const TIMELINE: &str = "timeline.jsonl";
pub(crate) const LOG: &str = "log.txt";
pub(crate) const REPORT_HTML: &str = "report.html";
pub(crate) const REPORT_MD: &str = "report.md";
/// CPU time of a variant, as a profile for other tools.
pub const CPU_PROFILE: &str = "cpu.pb.gz";
pub(crate) const CPU_FLAMEGRAPH: &str = "cpu.svg";
pub(crate) const HEAP_FLAMEGRAPH: &str = "heap.svg";
pub(crate) const HEAP_OBJECTS_FLAMEGRAPH: &str = "heap-objects.svg";
pub(crate) const HEAP_PEAK_FLAMEGRAPH: &str = "heap-peak.svg";
pub(crate) const ALLOCATOR: &str = "allocator.jsonl";
pub(crate) const TASKS: &str = "tasks.jsonl";
pub(crate) const CONSOLE: &str = "console.jsonl";
pub(crate) const TRACE: &str = "trace.jsonl";
pub(crate) const STALLS: &str = "stalls.jsonl";
pub(crate) const WAIT_FLAMEGRAPH: &str = "wait.svg";
pub(crate) const THREADS: &str = "threads.jsonl";
pub(crate) const SAMPLES: &str = "samples.json.gz";
pub(crate) const BREACH: &str = "breach.json";
pub(crate) const BREACH_FLAMEGRAPH: &str = "breach.svg";
/// Digests of all files of evidence.
pub(crate) const SUMS: &str = "SHA256SUMS";
pub(crate) const KERNEL: &str = "kernel.jsonl";

/// Folder that holds every run of a project.
pub(crate) const ROOT: &str = ".workbench";
/// Folder of the runs within [`ROOT`].
pub(crate) const RUNS: &str = "runs";

/// Directory of one trial within a run.
pub(crate) fn trial_dir(run: &Path, index: u32, slug: &str) -> PathBuf {
    run.join(TRIALS).join(format!("{index:03}-{slug}"))
}
