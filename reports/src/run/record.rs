//! The documents of a run directory, exactly as they stand on disk.
//!
//! Units are SI (seconds, bytes, operations per second) unless a field says otherwise. Fields may be added freely;
//! renaming or removing one is a new [`FORMAT`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Major version of the run directory. Readers refuse any other.
pub const FORMAT: u32 = 1;

/// Metric values by name (`latency.p99`, `cpu_per_op`, …), in the unit that [`crate::metric`] gives.
pub type Metrics = BTreeMap<String, f64>;

/// Settings by knob path (`runtime.worker_threads`), as written by a person: `2`, `10s`, `jemalloc`.
pub type Settings = BTreeMap<String, String>;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every planned trial has an outcome.
    Complete,
    /// Stopped by a person or a signal; finished trials are kept and `run --resume` continues.
    Interrupted,
    /// A subject failed.
    Failed,
}

/// Whether a trial measures or explains. Evidence trials never enter a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialKind {
    /// Clean: nothing attached.
    Measure,
    /// Profiled: explains, is never measured.
    Evidence,
}

/// `plan.json`: what will run, in which order. A pure function of scenario, settings and seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`FORMAT`].
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
    /// Fingerprint of the workbench binary that planned it; a resumed run must match.
    pub build: BuildInfo,
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
}

/// What built the program that measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildInfo {
    /// Crate version.
    pub version: String,
    /// Git commit, `unknown` outside a checkout; `-dirty` appended where the tree had changes.
    pub commit: String,
    /// Commit date, ISO 8601.
    pub date: String,
    /// `release` or `dev`.
    pub profile: String,
    /// Compiler version.
    pub rustc: String,
    /// Flags and cfgs that matter to measurements (`tokio_unstable`, `frame-pointers`, `debug-assertions`, …).
    pub flags: Vec<String>,
    /// Hash of the executable file (hex), empty where it could not be read.
    pub binary: String,
}

/// `machine.json`: where it ran. Runs of different fingerprints are not compared silently.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// [`FORMAT`].
    pub format: u32,
    /// Hash over the fields below that identify a kind of host (hex). Never MHz or bogomips.
    pub fingerprint: String,
    /// CPU vendor, family, model, stepping and model string in one line.
    pub cpu: String,
    /// Logical CPUs that this process may use.
    pub cpus: u32,
    /// Threads per physical core.
    pub threads_per_core: u32,
    /// CPU quota in CPUs where a cgroup sets one.
    pub cpu_quota: Option<f64>,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
    /// Operating system and architecture, e.g. `linux x86_64`.
    pub os: String,
    /// Hypervisor flag of the CPU.
    pub virtualised: bool,
    /// Kernel clock source.
    pub clocksource: String,
    /// Kernel tick in Hz where it can be told.
    pub tick_hz: Option<u32>,
}

/// One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run began, or went on after an interruption.
    RunStarted {
        /// RFC 3339.
        at: String,
        /// True where `--resume` continued it.
        resumed: bool,
    },
    /// A variant's settings were read back from a preflight child.
    Preflight {
        /// Variant.
        variant: String,
        /// Effective settings.
        effective: Settings,
    },
    /// A trial began.
    TrialStarted {
        /// RFC 3339.
        at: String,
        /// Position in the plan.
        index: u32,
    },
    /// A trial ended; its directory is complete. This line is fsynced.
    TrialFinished {
        /// RFC 3339.
        at: String,
        /// Position in the plan.
        index: u32,
        /// Outcome.
        outcome: TrialOutcome,
    },
    /// Something a reader of the run should know.
    Warning {
        /// RFC 3339.
        at: String,
        /// Text.
        message: String,
    },
    /// The run ended.
    RunFinished {
        /// RFC 3339.
        at: String,
        /// How.
        status: Status,
    },
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum TrialOutcome {
    /// Ran to its end.
    Ok,
    /// The subject crashed, hung, printed garbage or answered wrongly.
    SubjectFailed {
        /// What happened, one sentence.
        reason: String,
        /// Last lines of its standard error.
        stderr: String,
    },
    /// Evidence only: the measured data are intact.
    EvidenceMissing {
        /// Why.
        because: String,
    },
}

/// `trials/NNN-<variant>/trial.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// [`FORMAT`].
    pub format: u32,
    /// Position in the plan.
    pub index: u32,
    /// Block, `None` for evidence.
    pub block: Option<u32>,
    /// Variant.
    pub variant: String,
    /// Measure or evidence.
    pub kind: TrialKind,
    /// How it ended.
    pub outcome: TrialOutcome,
    /// RFC 3339.
    pub started_at: String,
    /// Seconds from start to exit.
    pub duration_s: f64,
    /// Settings read back from the running process.
    pub effective: Settings,
    /// Metrics of this trial.
    pub metrics: Metrics,
    /// Counts and latencies per operation kind, open-loop phase.
    pub operations: Vec<OperationRecord>,
    /// How the driver kept up in the open-loop phase.
    pub driver: DriverRecord,
    /// Noise covariates: `other_busy_s`, `steal_s`, `involuntary_switches`, …
    pub noise: BTreeMap<String, f64>,
    /// Graceful shutdown of a networked subject.
    pub drain: Option<DrainRecord>,
    /// How the process ended.
    pub exit: ExitRecord,
}

/// Counts and latencies of one operation kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// Name in the scenario's mix.
    pub name: String,
    /// True where its latency is what the scenario measures; false for background load.
    pub measured: bool,
    /// Operations in the schedule.
    pub scheduled: u64,
    /// Operations the driver handed over.
    pub sent: u64,
    /// Answered correctly, whether in time or late.
    pub answered: u64,
    /// Answered wrongly or refused.
    pub errors: u64,
    /// Not answered within the timeout, counted from the intended time.
    pub timeouts: u64,
    /// Never answered before the drain ended.
    pub unanswered: u64,
    /// `p50`, `p90`, `p99`, `p99_9`, `max`, `mean` from the intended time, in seconds.
    pub latency: Metrics,
    /// The same from the moment of sending.
    pub service_time: Metrics,
}

/// The driver's report about itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DriverRecord {
    /// `dedicated` (a core of its own) or `shared`.
    pub placement: String,
    /// `hybrid` (sleep, then spin) or `sleep`.
    pub pacing: String,
    /// What the thread got from the scheduler, e.g. `slice 0.1 ms, nice -10`.
    #[serde(default)]
    pub priority: String,
    /// Intended start to hand-over, seconds.
    pub lag_p50: f64,
    /// 99th percentile of the same.
    pub lag_p99: f64,
    /// Worst.
    pub lag_max: f64,
    /// CPU seconds of the driver thread.
    pub cpu_s: f64,
    /// Operations the schedule asked for.
    pub asked: u64,
    /// Operations handed over.
    pub sent: u64,
    /// The limit on `lag_p99` that was in force, seconds.
    pub lag_limit: f64,
    /// Why this trial's latencies are void; `None` where the driver kept up.
    pub limited: Option<String>,
}

/// What a graceful shutdown did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DrainRecord {
    /// Requests in flight when shutdown began.
    pub in_flight: u64,
    /// Finished before the deadline.
    pub drained: u64,
    /// Cut at the deadline.
    pub cut: u64,
    /// Deadline in seconds.
    pub deadline_s: f64,
    /// Seconds the drain took.
    pub took_s: f64,
}

/// How a process ended, from `wait4`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Exit status, where it exited.
    pub code: Option<i32>,
    /// Signal, where one ended it.
    pub signal: Option<String>,
    /// User CPU seconds.
    pub user_s: f64,
    /// System CPU seconds.
    pub system_s: f64,
    /// Peak resident set, bytes.
    pub max_rss_bytes: u64,
    /// Minor page faults.
    pub minor_faults: u64,
    /// Major page faults.
    pub major_faults: u64,
}

/// One line of `timeline.jsonl`: a second (or less) of the open-loop phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TimelinePoint {
    /// Seconds since the phase began (start of the interval, by intended time).
    pub at_s: f64,
    /// Operations intended in the interval.
    pub intended: u64,
    /// Of these, answered.
    pub answered: u64,
    /// Of these, errors, timeouts and unanswered.
    pub failed: u64,
    /// Median latency of measured operations, seconds; absent without samples.
    pub p50: Option<f64>,
    /// 99th percentile, seconds.
    pub p99: Option<f64>,
    /// Worst, seconds.
    pub max: Option<f64>,
    /// Worst driver lag, seconds.
    pub lag_max: f64,
    /// Resident set, bytes, where sampled.
    pub rss_bytes: Option<u64>,
}

/// `run.json` and the `--json` document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// [`FORMAT`].
    pub format: u32,
    /// Run id: `<utc date-time>-<scenario>-<4 letters>`.
    pub run: String,
    /// Where it lies; empty in `run.json`, since a run may be moved. Filled in for `--json`.
    #[serde(default)]
    pub path: String,
    /// Scenario name.
    pub scenario: String,
    /// Scenario version.
    pub scenario_version: u32,
    /// One sentence about the scenario.
    #[serde(default)]
    pub summary: String,
    /// How the run ended.
    pub status: Status,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339.
    pub finished_at: String,
    /// Seed.
    pub seed: u64,
    /// What measured.
    pub build: BuildInfo,
    /// Where.
    pub host: Machine,
    /// One sentence a person can act on.
    pub verdict: String,
    /// What the reader should know before trusting the numbers.
    pub warnings: Vec<String>,
    /// Results per variant.
    pub variants: Vec<VariantSummary>,
    /// Every variant against the first.
    pub comparisons: Vec<Comparison>,
    /// Evidence files.
    pub profiles: Vec<ProfileSummary>,
    /// Named causes; later issues fill them.
    pub findings: Vec<Finding>,
}

/// Results of one variant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VariantSummary {
    /// Name.
    pub name: String,
    /// One sentence, may be empty.
    #[serde(default)]
    pub summary: String,
    /// Effective settings, read back.
    pub knobs: Settings,
    /// Settings asked for (what makes this variant differ).
    #[serde(default)]
    pub requested: Settings,
    /// Measured trials that ended well.
    pub trials: u32,
    /// Of these, trials whose driver could not keep up.
    pub driver_limited: u32,
    /// Measured trials whose subject failed.
    pub failed: u32,
    /// Names of the operations that `latency.*` covers.
    pub measured_operations: Vec<String>,
    /// Latencies come from merged histograms, everything else is the median over trials.
    pub metrics: BTreeMap<String, MetricValue>,
}

/// A number with its unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricValue {
    /// Value.
    pub value: f64,
    /// Unit: `s`, `B`, `ops/s`, `1`, `ops`, `B/op`, …
    pub unit: String,
}

/// What a comparison concluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Shown to be better.
    Improved,
    /// Shown to be worse.
    Regressed,
    /// Shown to be within the stated margin.
    Same,
    /// Nothing was shown.
    CannotTell,
    /// Must not be compared; `why` says so.
    NotComparable,
}

/// One metric of one variant against the base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Base variant.
    pub base: String,
    /// Candidate variant.
    pub candidate: String,
    /// Metric name.
    pub metric: String,
    /// Operations behind a latency metric.
    #[serde(default)]
    pub operations: Vec<String>,
    /// Hodges–Lehmann estimate of candidate ÷ base. Absent without pairs.
    pub ratio: Option<f64>,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Pairs used.
    pub pairs: u32,
    /// Two-sided signed-rank p.
    pub p: Option<f64>,
    /// The same after Holm over every variant and metric of the run.
    pub p_adjusted: Option<f64>,
    /// Verdict.
    pub verdict: Verdict,
    /// Smallest relative change that these pairs would have shown with 95 % power, e.g. 0.04.
    pub detectable: Option<f64>,
    /// For `cannot_tell`: pairs that would be needed to see the minimum effect of this metric.
    pub pairs_needed: Option<u32>,
    /// For `same`: the margin, e.g. 0.03.
    pub margin: Option<f64>,
    /// Why there is no verdict.
    #[serde(default)]
    pub why: Option<String>,
}

/// One evidence file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileSummary {
    /// Variant.
    pub variant: String,
    /// `cpu`, `heap`, `wait`.
    pub kind: String,
    /// Path within the run directory; empty where missing.
    pub path: String,
    /// Flamegraph within the run directory; empty where missing.
    pub svg: String,
    /// Samples.
    pub samples: u64,
    /// Sampled CPU ÷ CPU the kernel counted.
    pub coverage: Option<f64>,
    /// Who sampled, e.g. `pprof 99 Hz in the process`.
    pub source: String,
    /// The evidence trial's `cpu_per_op` ÷ the measured trials' median: what profiling cost.
    pub overhead: Option<f64>,
    /// Where evidence is missing: why.
    #[serde(default)]
    pub missing: Option<String>,
}

/// A named cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Variant.
    pub variant: String,
    /// Slug of the mechanism.
    pub rule: String,
    /// 1 is the most important.
    pub rank: u32,
    /// One line.
    pub title: String,
    /// Part of the excess latency explained, 0 to 1.
    pub share: f64,
    /// Where.
    pub culprit: Option<Culprit>,
    /// Evidence, one sentence each.
    pub evidence: Vec<String>,
    /// Command to run next.
    pub next: String,
}

/// A place in a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Culprit {
    /// Function.
    pub function: String,
    /// Source file.
    pub file: String,
    /// Line.
    pub line: u32,
}
