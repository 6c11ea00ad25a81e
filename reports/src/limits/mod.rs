//! Limits: what a gate allows, and whether it was kept.
//!
//! ```text
//! cpu_per_op<+3%          relative: candidate against base, paired
//! capacity>-5%            a lower end
//! latency.p99[login]<50ms absolute: the candidate alone
//! error_rate<=0.1%        absolute, of all operations
//! timeouts<=0             absolute, counted
//! syscalls.count_per_op<+1%  relative, counted by evidence trials of both sides
//! ```
//!
//! A sign before a percentage makes a limit relative; without one it is absolute, and a percentage is then a share.
//! Pure: no I/O, no clock.

mod counters;
mod counts;
mod judge;
mod late;
mod parse;
mod scale;
mod value;
pub(crate) mod words;

pub use counters::{Evidence, Source};
pub use judge::Judge;
pub use late::late;
pub use parse::{LimitError, parse};

pub use crate::run::{
    GateOutcome, GateSide, GateVerdict, LimitOutcome, LimitSource, LimitVerdict, OnCannotTell, Stopped,
};

use crate::metric::{self, Metric};

/// One limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// As written, without outer blanks.
    pub text: String,
    /// Metric name, with its operation where it has one: `latency.p99[login]`.
    pub metric: String,
    /// Which side is allowed.
    pub side: Side,
    /// Whether the bound itself is allowed.
    pub inclusive: bool,
    /// How far.
    pub bound: Bound,
    /// Where it is written; `None` for the command line.
    pub source: Option<LimitSource>,
}

/// The side of its bound on which a metric must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `<` and `<=`.
    Below,
    /// `>` and `>=`.
    Above,
}

/// What a limit is measured against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A change against the base: 0.03 is +3 %. Above −1.
    Change(f64),
    /// A value of the candidate, in the metric's unit.
    Value(f64),
}

impl Limit {
    /// What is known about its metric.
    pub fn about(&self) -> &'static Metric {
        // Parsing refuses names that are not in the table.
        metric::lookup(&self.metric).unwrap_or(&metric::METRICS[0])
    }

    /// Says where it is written.
    #[must_use]
    pub fn at(self, source: LimitSource) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Whether it needs the open-loop phase: latencies, throughput and what is counted over its operations. Memory is
    /// looked at over the whole trial, and its peak belongs to the load that the scenario asks for.
    pub fn needs_open_loop(&self) -> bool {
        let saturated = ["cpu_per_op", "capacity"].contains(&self.metric.as_str());
        !saturated && !["alloc.", "faults.", "ctx_switches."].iter().any(|family| self.metric.starts_with(family))
    }

    /// What a verdict about it stands on, for a workload of ours or for a program that is not.
    pub fn source(&self, own: bool) -> Source {
        counters::source(&self.metric, own)
    }
}
