//! What the allocator holds and what that costs, over time.
//!
//! Cost rules (measured, design 03 §6): one refresh of jemalloc's statistics a sample (6–100 µs), figures read by
//! number instead of by name, the resident set from `statm` (7–18 µs), and `smaps_rollup`, which walks every page table
//! entry (9–21 ms at 350 MiB), at most once a second and only where some page may be lazily free. The recorder's own CPU
//! time is part of the recording.

mod lazy_free;
mod recorder;
mod sample;

pub use self::recorder::{Recorder, Recording};
pub use self::sample::Sample;

/// Samples a second, ordinarily.
pub const HZ: u32 = 10;

/// Samples a second while an incident is being looked for.
pub const INCIDENT_HZ: u32 = 100;
