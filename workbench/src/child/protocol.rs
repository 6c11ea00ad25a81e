//! What parent and child say to each other: one JSON document a line, requests on the child's standard input,
//! replies on the pipe that was its standard output.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use reports::run::{CpuSampling, EvidenceKind, HeapBackend, Waits};
use scenarios::spec::{Scenario, Settings};
use serde::{Deserialize, Serialize};

use crate::evidence::Recorded;
use crate::load::{ClosedOutcome, PhaseOutcome, Placement, Round};

/// Version of what is said here. Raise it with every change that a program kept from before would not understand: a field
/// that is no longer sent, a new one that it must answer, another meaning.
pub const PROTOCOL: u32 = 1;

/// First line to the child: what it is to become.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Assignment {
    /// [`PROTOCOL`]; 0 of programs that did not say.
    #[serde(default)]
    pub protocol: u32,
    /// The scenario, resolved.
    pub scenario: Scenario,
    /// Settings of the variant, canonical spelling.
    pub settings: Settings,
    /// Seed of the block: equal for every variant in it.
    pub seed: u64,
    /// What is to be gathered; `None` where the trial measures, so that nothing can be attached to it.
    pub evidence: Option<EvidenceKind>,
    /// Gather it at the rate for incidents, where its kind has one.
    pub incident: bool,
    /// How CPU evidence is sampled.
    pub cpu: Option<CpuSampling>,
    /// Who samples heap evidence.
    pub heap: Option<HeapBackend>,
    /// A poll longer than this is caught as a stall, seconds.
    pub stall_after_s: Option<f64>,
    /// Which waits of tasks for a worker are measured.
    pub task_waits: Option<Waits>,
    /// Only read the settings back, then end.
    pub preflight: bool,
    /// Where the driver runs; `None` in a preflight, which is not driven.
    pub placement: Option<Placement>,
    /// Port for tokio-console in a trial of that kind; 0 for any free one.
    pub console_port: u16,
}

/// As much of an [`Assignment`] as every version has.
#[derive(Debug, Deserialize)]
pub struct Greeting {
    /// Version of what follows.
    #[serde(default)]
    pub protocol: u32,
}

/// Later lines to the child.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Answer with [`Reply::Usage`].
    Usage,
    /// In-process workloads: drive a closed loop, answer with [`Reply::Closed`].
    DriveClosed {
        /// Which of the trial's closed loops.
        round: Round,
        /// Seconds.
        duration_s: f64,
    },
    /// In-process workloads: drive the open loop, answer with [`Reply::Open`].
    DriveOpen,
    /// Start gathering the assignment's evidence, answer with [`Reply::Usage`].
    StartEvidence,
    /// Stop it, answer with [`Reply::Recorded`].
    StopEvidence,
    /// Shut down in good order, answer with [`Reply::Done`], end.
    Stop,
}

/// Lines from the child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Listening, or ready to be driven.
    Ready {
        /// [`PROTOCOL`] of the child; 0 of programs that did not say.
        #[serde(default)]
        protocol: u32,
        /// Loopback port of a networked workload.
        port: Option<u16>,
        /// Where tokio-console can connect, in a trial of that kind.
        console: Option<SocketAddr>,
        /// Settings read back from this process.
        effective: Settings,
        /// Sources of configuration that nobody asked for.
        hidden: Vec<String>,
    },
    /// Totals of the process so far.
    Usage(Usage),
    /// A closed-loop phase ended.
    Closed {
        /// What it yielded.
        outcome: Box<ClosedOutcome>,
        /// What the process used from its first operation to its last.
        used: Usage,
    },
    /// The open-loop phase ended.
    Open(Box<PhaseOutcome>),
    /// The evidence that was gathered.
    Recorded {
        /// Of the assignment's kind.
        recorded: Box<Recorded>,
    },
    /// Shut down; the process ends next.
    Done {
        /// Graceful shutdown, networked workloads only.
        drain: Option<reports::run::DrainRecord>,
        /// Memory samples since the start.
        memory: Vec<MemorySample>,
        /// What the memory limit's controller did, where there is a limit.
        limit: Option<probe::memory_limit::Tally>,
    },
    /// A setting could not be applied, or did not take.
    Refused {
        /// What and why.
        message: String,
    },
    /// The workload gave up.
    Failed {
        /// Why.
        message: String,
    },
}

/// Totals of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// `CLOCK_PROCESS_CPUTIME_ID`, seconds.
    pub cpu_s: f64,
    /// Minor page faults.
    pub minor_faults: u64,
    /// Major page faults.
    pub major_faults: u64,
    /// Voluntary context switches.
    pub voluntary_switches: u64,
    /// Involuntary context switches.
    pub involuntary_switches: u64,
    /// Bytes allocated through the Rust allocator.
    pub allocated_bytes: u64,
    /// Allocations through the Rust allocator.
    pub allocations: u64,
}

impl Usage {
    /// What was used between the first and the last of these readings.
    pub fn between(readings: &[Self]) -> Self {
        readings.first().zip(readings.last()).map(|(first, last)| last.since(first)).unwrap_or_default()
    }

    /// What was used since `earlier`. Totals never fall; should one that another process reported do so, it counts as
    /// nothing used rather than as almost 2^64.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            cpu_s: (self.cpu_s - earlier.cpu_s).max(0.0),
            minor_faults: self.minor_faults.saturating_sub(earlier.minor_faults),
            major_faults: self.major_faults.saturating_sub(earlier.major_faults),
            voluntary_switches: self.voluntary_switches.saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self.involuntary_switches.saturating_sub(earlier.involuntary_switches),
            allocated_bytes: self.allocated_bytes.saturating_sub(earlier.allocated_bytes),
            allocations: self.allocations.saturating_sub(earlier.allocations),
        }
    }
}

/// Memory of a process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MemorySample {
    /// `CLOCK_MONOTONIC`, nanoseconds: comparable between parent and child of one host.
    pub at_ns: u64,
    /// Resident set, bytes.
    pub rss_bytes: u64,
    /// Live bytes by our own counters.
    pub live_bytes: u64,
}

/// Splits merged settings into `workload.*` parameters, without the prefix.
pub fn workload_parameters(settings: &Settings) -> BTreeMap<String, String> {
    settings
        .iter()
        .filter_map(|(path, value)| Some((path.strip_prefix("workload.")?.to_owned(), value.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::TaskEvidence;

    #[test]
    fn what_was_used_never_wraps_around() {
        let early = Usage { cpu_s: 1.0, minor_faults: 5, allocations: 7, ..Usage::default() };
        let late = Usage { cpu_s: 1.5, minor_faults: 9, allocations: 7, ..Usage::default() };
        assert_eq!(late.since(&early), Usage { cpu_s: 0.5, minor_faults: 4, ..Usage::default() });
        assert_eq!(early.since(&late), Usage::default());
        assert_eq!(Usage::between(&[early, early, late]), late.since(&early));
        assert_eq!(Usage::between(&[]), Usage::default());
    }

    #[test]
    fn every_list_of_a_reply_survives_the_pipe() {
        let usage = || Reply::Usage(Usage::default());
        let done = || Reply::Done { drain: None, memory: Vec::new(), limit: None };
        let recorded = || Reply::Recorded { recorded: Box::new(Recorded::Tasks(TaskEvidence::default())) };
        for reply in [usage(), done(), recorded()] {
            let line = serde_json::to_string(&reply).unwrap();
            let back: Reply = serde_json::from_str(&line).unwrap();
            assert_eq!(format!("{back:?}"), format!("{reply:?}"));
        }
    }
}
