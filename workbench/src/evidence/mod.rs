//! Evidence: what a trial with an agent attached recorded, turned into the files that explain. One file a kind.

pub mod allocator;
pub mod breach;
pub mod console;
pub mod counts;
pub mod cpu;
mod frames;
pub mod heap;
mod kept;
pub mod movers;
pub(crate) mod samples;
pub mod sampling;
mod stalls;
pub mod tasks;
pub mod trace;
pub mod wait;

pub use console::ConsoleRecord;
use flamegraphs::capture::Recording;
use flamegraphs::profile::Label;
use reports::run::Late;
use reports::run::writer::RunWriter;
use serde::{Deserialize, Serialize};

use crate::load::PhaseOutcome;

/// What one evidence trial recorded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// Where CPU time went.
    Cpu(Box<cpu::FromInside>),
    /// The same, by perf events from outside: the subject has no part in it, so that it never goes through a pipe.
    #[serde(skip)]
    CpuFromOutside(Box<cpu::CpuRecord>),
    /// Where threads waited, seen from outside as well.
    #[serde(skip)]
    Wait(Box<wait::WaitRecord>),
    /// Where memory was allocated.
    Heap(probe::heap::Profile),
    /// The same by jemalloc's own profiler.
    JemallocHeap(probe::jemalloc::profiling::Dump),
    /// What tasks did.
    Tasks(TaskEvidence),
    /// The same, seen from outside.
    #[serde(skip)]
    Trace(Box<flamegraphs::capture::tasks::TaskTrace>),
    /// What the allocator held, over time.
    Allocator(allocator::Timeline),
    /// What tokio-console told, and what the hooks counted meanwhile.
    Console(ConsoleRecord),
}

impl Recorded {
    /// Adds what only the driver of the trial knows: its open-loop phase, and how many operations were answered while this
    /// was recorded.
    pub fn driven(&mut self, open: Option<&PhaseOutcome>, operations: u64) {
        let open_started_ns = open.map(|open| open.started_ns);
        match self {
            Self::Cpu(record) => record.open = open.map(cpu::OpenPhase::of),
            Self::CpuFromOutside(record) => record.open = open.map(cpu::OpenPhase::of),
            Self::Wait(record) => (record.open_started_ns, record.operations) = (open_started_ns, operations),
            Self::Allocator(timeline) => timeline.open_started_ns = open_started_ns,
            _ => {}
        }
    }
}

/// What somebody who waits for this evidence should hear at once, as a sentence.
pub fn notice(recorded: &Recorded) -> Option<String> {
    match recorded {
        Recorded::Cpu(inside) => {
            let profile = &inside.profile;
            let reasons: Vec<&str> =
                [&profile.perf_refused, &profile.fell_back].into_iter().flatten().map(String::as_str).collect();
            (!reasons.is_empty()).then(|| format!("{} sampled instead: {}", profile.backend, reasons.join("; ")))
        }
        Recorded::Trace(trace) => {
            let doubts = trace::rows(trace).head.doubts();
            (!doubts.is_empty()).then(|| doubts.join("; "))
        }
        Recorded::CpuFromOutside(record) => limits_reached(&record.recording),
        Recorded::Wait(record) => record.recording.as_ref().ok().and_then(limits_reached),
        _ => None,
    }
}

/// What a recording kept more coarsely, because there was too much.
fn limits_reached(recording: &Recording) -> Option<String> {
    let reached = recording.limits_reached();
    (!reached.is_empty()).then(|| reached.join("; "))
}

/// Which trial gathered evidence.
#[derive(Debug, Clone, Copy)]
pub struct Gathered<'a> {
    /// Its variant.
    pub variant: &'a str,
    /// Its position in the plan.
    pub trial: u32,
    /// Operations that were answered meanwhile.
    pub operations: u64,
    /// Latency beyond which an operation is late, where the scenario says.
    pub late: Option<&'a Late>,
}

impl Gathered<'_> {
    /// What samples of it are labelled with.
    fn labels(&self) -> [Label; 2] {
        [Label::text("variant", self.variant), Label::text(cpu::TRIAL, self.trial.to_string())]
    }
}

/// What tasks did.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct TaskEvidence {
    /// By spawn site.
    pub sites: Vec<probe::tasks::SiteRecord>,
    /// Polls that took too long; or why nobody looked for them.
    pub stalls: Option<Result<probe::stalls::Caught, String>>,
}

/// Writes the files of a variant's evidence.
///
/// # Errors
/// A recording that says nothing, or files that cannot be written.
pub fn write(writer: &mut RunWriter, of: &Gathered<'_>, recorded: &Recorded) -> anyhow::Result<()> {
    let variant = of.variant;
    match recorded {
        Recorded::Cpu(record) => cpu::write(writer, of, record),
        Recorded::CpuFromOutside(record) => cpu::write_recording(writer, of, record),
        Recorded::Wait(record) => wait::write(writer, variant, record),
        Recorded::Heap(profile) => heap::write(writer, variant, profile),
        Recorded::JemallocHeap(dump) => heap::write_dump(writer, variant, dump),
        Recorded::Tasks(recorded) => tasks::write(writer, variant, recorded),
        Recorded::Trace(recorded) => trace::write(writer, variant, recorded),
        Recorded::Allocator(timeline) => allocator::write(writer, variant, timeline),
        Recorded::Console(record) => console::write(writer, variant, record),
    }
}
