//! Evidence: what a trial with an agent attached recorded, turned into the files that explain. One file a kind.

pub mod allocator;
pub mod cpu;
mod frames;
pub mod heap;
mod kept;
pub mod tasks;

use reports::run::writer::RunWriter;
use serde::{Deserialize, Serialize};

/// What one evidence trial recorded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// Where CPU time went.
    Cpu(probe::cpu::CpuProfile),
    /// Where memory was allocated.
    Heap(probe::heap::Profile),
    /// What tasks did, by spawn site.
    Tasks(Vec<probe::tasks::SiteRecord>),
    /// What the allocator held, over time.
    Allocator(allocator::Timeline),
}

/// Writes the files of a variant's evidence.
///
/// # Errors
/// A recording that says nothing, or files that cannot be written.
pub fn write(writer: &mut RunWriter, variant: &str, recorded: &Recorded) -> anyhow::Result<()> {
    match recorded {
        Recorded::Cpu(profile) => cpu::write(writer, variant, profile),
        Recorded::Heap(profile) => heap::write(writer, variant, profile),
        Recorded::Tasks(sites) => tasks::write(writer, variant, sites),
        Recorded::Allocator(timeline) => allocator::write(writer, variant, timeline),
    }
}
