//! A run as people and programs read it: terminal, HTML, Markdown, JSON.
//!
//! Pure functions from data to text: no I/O, no clock. Every name and message is hostile until proven otherwise;
//! see the `text` module for what happens to them.

mod allocator;
mod attached;
mod breach;
mod chart;
mod console;
pub mod export;
pub(crate) mod findings;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile;
pub mod html;
pub mod json;
mod kernel;
mod ladder;
pub mod markdown;
mod movers;
mod number;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod schema;
mod slo;
mod stalls;
mod table;
pub(crate) mod tasks;
pub mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod trace;
#[cfg(test)]
mod verdicts;
mod waits;
mod words;

use std::collections::BTreeMap;

use crate::console::View;
use crate::run::{
    AllocatorRecord, BreachEvidence, HeapFlamegraphs, Plan, RunSummary, Samples, SiteRecord, Stalls, TimelinePoint,
    Trace, TrialRecord, WaitEvidence,
};

pub use kernel::metrics as kernel_metrics;
pub(crate) use number::seconds;

/// What is left of an error budget, in words.
pub fn budget(budget: &crate::run::BudgetRecord) -> String {
    slo::budget(budget)
}

/// A name or a line as it may reach a terminal: on one line, with everything invisible spelled out.
pub fn printable(text: &str) -> String {
    text::sentence(text)
}

/// Everything that [`html::page`] shows.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Results.
    pub summary: &'a RunSummary,
    /// What was planned; without it the page leaves out blocks and phases.
    pub plan: Option<&'a Plan>,
    /// Trials in any order; shown by index.
    pub trials: &'a [TrialRecord],
    /// By variant: `(quantile in 0..1, seconds)` of the measured operations, from merged histograms, ascending.
    pub curves: &'a BTreeMap<String, Vec<(f64, f64)>>,
    /// By trial index: the open-loop phase over time.
    pub timelines: &'a BTreeMap<u32, Vec<TimelinePoint>>,
    /// By variant: text of the CPU flamegraph's SVG.
    pub flamegraphs: &'a BTreeMap<String, String>,
    /// By variant: heap flamegraphs.
    pub heap: &'a BTreeMap<String, HeapFlamegraphs>,
    /// By variant: what tasks did, by spawn site.
    pub tasks: &'a BTreeMap<String, Vec<SiteRecord>>,
    /// By variant: what the allocator held over time.
    pub allocator: &'a BTreeMap<String, AllocatorRecord>,
    /// By variant: the end of the recording of tokio-console.
    pub console: &'a BTreeMap<String, View>,
    /// By variant: polls that took too long.
    pub stalls: &'a BTreeMap<String, Stalls>,
    /// By variant: what tasks did, seen from outside.
    pub traces: &'a BTreeMap<String, Trace>,
    /// By variant: waits seen from outside.
    pub waits: &'a BTreeMap<String, WaitEvidence>,
    /// By variant: CPU samples with their times.
    pub samples: &'a BTreeMap<String, Samples>,
    /// By variant: what ran while it was late.
    pub breaches: &'a BTreeMap<String, BreachEvidence>,
    /// By candidate: text of the picture that sets it against the base.
    pub differences: &'a BTreeMap<String, String>,
}
