//! `trials/NNN-<variant>/`: the record of a trial and its timeline.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LevelRecord, Metrics, Settings, TrialKind, TrialOutcome};

/// `trials/NNN-<variant>/trial.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// [`FORMAT`](super::FORMAT).
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
    /// What evidence counted, by metric; empty where nothing was, and in measured trials.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, Count>,
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
    /// What a reader should know of how the trial went, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Closed loops of rising concurrency; empty where none were driven.
    #[serde(default)]
    pub levels: Vec<LevelRecord>,
    /// Whether a program that is not ours heeds the settings that it was given in variables. What it is seen not to heed is
    /// no trial.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heeded: BTreeMap<String, Heed>,
}

/// Events that an evidence trial counted, and the operations that were answered meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Events.
    pub events: u64,
    /// Operations.
    pub operations: u64,
}

/// Whether a setting that was given in a variable is in force.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heed {
    /// It is.
    Proven {
        /// What shows it.
        by: String,
    },
    /// Nothing shows it from outside.
    NotProvable {
        /// Why.
        because: String,
    },
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
    /// Why earlier attempts at this trial were left out: the driver could not keep up in any of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<String>,
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
