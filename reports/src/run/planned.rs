//! `plan.json`.

use serde::{Deserialize, Serialize};

use super::{BuildInfo, Origin, Settings, Slo, TrialKind, Waits};

/// `plan.json`: what will run, in which order. A pure function of scenario, settings and seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// Scenario name.
    pub scenario: String,
    /// Version the scenario file states; runs of different versions are never compared.
    pub scenario_version: u32,
    /// Hash of the resolved scenario (hex).
    pub scenario_hash: String,
    /// Seed of block order and arrivals.
    pub seed: u64,
    /// Randomised complete blocks.
    pub blocks: u32,
    /// Variants in the order they were given; the first is the base of every comparison.
    pub variants: Vec<PlannedVariant>,
    /// Trials in the order they run.
    pub trials: Vec<PlannedTrial>,
    /// Hash of each distinct arrival schedule by block number (hex); every variant of a block gets the same one.
    pub schedule_hashes: Vec<String>,
    /// What one trial consists of.
    pub phases: Phases,
    /// Where a program that is not ours listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Evidence of the allocator is recorded at the rate for incidents.
    #[serde(default)]
    pub incident: bool,
    /// How CPU evidence is sampled; `None` where none is gathered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuSampling>,
    /// Who samples heap evidence; `None` where none is gathered, or an older workbench planned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heap: Option<HeapBackend>,
    /// A poll longer than this is caught as a stall, seconds; `None` where no tasks are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_after_s: Option<f64>,
    /// Which waits for a worker are measured; `None` where no tasks are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_waits: Option<Waits>,
    /// The process that was watched or asked; `None` for runs that start their subjects themselves. There are no trials
    /// then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<Origin>,
    /// The objective that the run is judged by; `None` where the scenario has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<Slo>,
    /// What latency is too late, where the scenario says; `None` leaves it to what each trial shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Late>,
    /// Fingerprint of the workbench binary that planned it; a resumed run must match.
    pub build: BuildInfo,
}

/// A latency that somebody said is too long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Late {
    /// Operations that take longer are late, seconds from their intended time.
    pub limit_s: f64,
    /// Who says so, as a sentence.
    pub from: String,
}

/// How CPU evidence is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuSampling {
    /// Who samples; where it cannot, the evidence says who did instead, and why.
    pub backend: CpuBackend,
    /// Samples per second of CPU.
    pub hz: u32,
}

/// Who samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CpuBackend {
    /// The kernel's perf events, from outside of the process.
    Perf,
    /// The probe's own sampler, in the process.
    Sampler,
    /// The `pprof` crate, in the process.
    Pprof,
}

/// Who samples heap evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeapBackend {
    /// The probe's own sampler, for every allocator.
    #[default]
    Sampler,
    /// jemalloc's own profiler, in a program of its own that has it compiled in.
    Jemalloc,
}

/// One configuration to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedVariant {
    /// Unique within the plan.
    pub name: String,
    /// One sentence for people, may be empty.
    pub summary: String,
    /// Settings asked for, by knob path.
    pub requested: Settings,
    /// Program and arguments, where the subject is a program that is not ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
}

/// One start-to-end of a subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedTrial {
    /// 1-based position in the plan.
    pub index: u32,
    /// 1-based block; `None` for evidence trials.
    pub block: Option<u32>,
    /// Name of the variant.
    pub variant: String,
    /// Measure or evidence.
    pub kind: TrialKind,
}

/// The phases of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Seconds of load that are not counted.
    pub warmup_s: f64,
    /// Seconds of closed-loop load at full concurrency (`capacity`, `cpu_per_op`).
    pub saturated_s: f64,
    /// Operations of the open-loop phase (latency); 0 where the phase is off.
    pub operations: u64,
    /// Asked rate of the open-loop phase, operations per second.
    pub rate: f64,
    /// Arrival process: `poisson`, `constant` or `closed`.
    pub arrivals: String,
    /// Concurrent clients (connections, or operations in flight).
    pub concurrency: u32,
    /// Seconds after which an operation counts as timed out.
    pub timeout_s: f64,
    /// Load beside the open loop, with rates of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub background: Vec<BackgroundLoad>,
    /// Closed loops of rising concurrency at the end of the first trials; `None` where none are driven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<LadderPlan>,
}

/// Load that goes beside the measured one, over connections of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackgroundLoad {
    /// Name in the scenario's mix.
    pub operation: String,
    /// Operations per second.
    pub rate: f64,
}

/// Closed loops of rising concurrency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LadderPlan {
    /// Clients of each, rising; full concurrency is driven as the saturated phase and not among them.
    pub levels: Vec<u32>,
    /// Seconds of all of them together.
    pub seconds: f64,
    /// Blocks whose trials drive it, from the first.
    pub blocks: u32,
}
