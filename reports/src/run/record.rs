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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// With one agent attached: explains, is never measured. A measured trial has no place for an agent.
    Evidence(EvidenceKind),
}

impl TrialKind {
    /// What the trial gathers, where it is there to explain.
    pub fn evidence(self) -> Option<EvidenceKind> {
        match self {
            Self::Measure => None,
            Self::Evidence(kind) => Some(kind),
        }
    }
}

/// What an evidence trial gathers: one kind a trial, since each disturbs the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// Where CPU time goes.
    Cpu,
    /// Where memory is allocated.
    Heap,
    /// What tasks do, by the place that spawned them.
    Tasks,
    /// What the allocator holds, over time.
    Allocator,
    /// What tokio-console sees: tasks, resources, who waits on which.
    Console,
    /// Where threads wait, and what the kernel counts meanwhile.
    Wait,
    /// What tasks do, seen from outside by uprobes.
    Trace,
}

impl EvidenceKind {
    /// `cpu`: in file names, flags and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Heap => "heap",
            Self::Tasks => "tasks",
            Self::Allocator => "allocator",
            Self::Console => "console",
            Self::Wait => "wait",
            Self::Trace => "trace",
        }
    }
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
