//! What is known of one spawn site.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A poll longer than this is long: other tasks of its worker wait meanwhile.
pub const LONG_POLL: Duration = Duration::from_millis(1);

/// A poll longer than this is a stall.
pub const STALL: Duration = Duration::from_millis(10);

/// What was spawned at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Tasks.
    Task,
    /// Jobs of the blocking pool, of which only the end is known. tokio runs its own workers there too.
    Blocking,
}

/// Which waits of tasks for a worker are measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// Those from spawn to first poll, by the hooks and their own clock: of each site and thread all of the first 64 tasks
    /// spawned, then one in eight. What a task waits after a later wake is not seen.
    #[default]
    FirstPoll,
    /// All of them, from each wake to the poll that follows, by tokio. It looks at the clock twice more for every poll,
    /// and at the dearer of the two clocks: that alone costs more than everything else that is recorded (CPU time of spawn
    /// and join × 1.35, of a bounce between two tasks × 1.2, without a single hook).
    EveryPoll,
    /// None: [`SiteRecord::waits`], [`SiteRecord::schedule_latency_s`] and [`SiteRecord::worst_schedule_latency_s`] stay 0.
    Untracked,
}

/// One spawn site, by file, line and column. Counts and times are of the recording, [`SiteRecord::alive`] is of the
/// moment of the snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteRecord {
    /// Source file as the compiler was given it; empty for what the sites beyond the table's end have in common.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// Tasks or blocking jobs.
    pub kind: Kind,
    /// Tasks spawned.
    pub spawned: u64,
    /// Tasks, or blocking jobs, that came to their end.
    pub finished: u64,
    /// Tasks spawned and not finished, those from before the recording included. Always 0 for blocking jobs.
    pub alive: u64,
    /// Polls that ended; a poll that began before the recording is left out.
    pub polls: u64,
    /// Time within those polls, seconds of wall time.
    pub busy_s: f64,
    /// The longest of them, seconds. Also counts a poll that has not ended by the snapshot, with its age.
    pub longest_poll_s: f64,
    /// Those longer than [`LONG_POLL`].
    pub long_polls: u64,
    /// Those longer than [`STALL`].
    pub stalls: u64,
    /// Polls that had not ended by the snapshot.
    pub in_poll: u64,
    /// Bytes allocated within polls. Cumulative: what was freed is not subtracted.
    pub bytes: u64,
    /// Blocks allocated within polls; a block that grew counts in [`SiteRecord::bytes`] alone.
    pub allocations: u64,
    /// Which waits for a worker are measured.
    pub latency: Latency,
    /// How many of them were. With [`Latency::FirstPoll`] a task that was to be measured is missing where its first poll
    /// came only after 4096 more tasks were spawned.
    pub waits: u64,
    /// Time that tasks were ready but waited for a worker, summed over [`SiteRecord::waits`], seconds.
    pub schedule_latency_s: f64,
    /// The longest of these waits, seconds.
    pub worst_schedule_latency_s: f64,
}
