//! What the kernel counted of a process.

use std::collections::{BTreeMap, BTreeSet};

use reports::run::KernelSample;

/// What was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KernelFigures {
    /// `CLOCK_MONOTONIC` of the first sample, nanoseconds.
    pub began_ns: u64,
    /// Samples a second that were due.
    pub hz: u32,
    /// Samples that were due.
    pub due: u64,
    /// Seconds from the first sample to the end.
    pub wall_s: f64,
    /// CPU seconds of the reading thread.
    pub cpu_s: f64,
    /// In the order of time.
    pub samples: Vec<KernelSample>,
    /// Seconds on a run queue since the first sample, by thread; those that ended are kept.
    pub run_queue_s: BTreeMap<u32, f64>,
    /// Timeouts of reads that its sockets were seen to have (`SO_RCVTIMEO`), microseconds.
    pub receive_timeouts_us: BTreeSet<u64>,
    /// What could not be read, and why.
    pub missing: BTreeMap<String, String>,
}

impl KernelFigures {
    /// Nothing was read, and why.
    pub fn none(because: &str) -> Self {
        Self { missing: [("samples".to_owned(), because.to_owned())].into(), ..Self::default() }
    }
}
