//! What is told of tasks.

use serde::{Deserialize, Serialize};

use super::absent::{is_false, is_zero};
use super::span::{Field, Place};

/// `Task.Kind` of `tasks.proto`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A task, or the future that `block_on` runs: its field `kind` tells.
    #[default]
    Spawn,
    /// A job of the blocking pool.
    Blocking,
}

/// `Task` of `tasks.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Number of the task, unique among those alive.
    pub id: u64,
    /// Its metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
    /// Task or blocking job.
    #[serde(default, skip_serializing_if = "is_spawn")]
    pub kind: TaskKind,
    /// Name, kind, size of the future, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Spans around it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<u64>,
    /// Where it was spawned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// `PollStats` of `common.proto`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PollStats {
    /// Polls begun. Of a finished task one is its drop (design 04, pitfall 4).
    #[serde(skip_serializing_if = "is_zero")]
    pub polls: u64,
    /// Begin of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    /// Begin of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<i64>,
    /// End of the last that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<i64>,
    /// Time within polls that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<u64>,
}

/// `Stats` of `tasks.proto`: totals since the task was spawned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskStats {
    /// Of which task.
    pub id: u64,
    /// When it was spawned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<i64>,
    /// Wake-ups.
    #[serde(skip_serializing_if = "is_zero")]
    pub wakes: u64,
    /// Clones of its waker.
    #[serde(skip_serializing_if = "is_zero")]
    pub clones: u64,
    /// Drops of its waker.
    #[serde(skip_serializing_if = "is_zero")]
    pub drops: u64,
    /// The last wake-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_wake: Option<i64>,
    /// Wake-ups from within its own poll.
    #[serde(skip_serializing_if = "is_zero")]
    pub self_wakes: u64,
    /// Time between wake-up and poll.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<u64>,
    /// Polls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<PollStats>,
}

/// `TaskDetails` of `tasks.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// When it arrived.
    pub at: u64,
    /// When the process says it was made.
    pub now: i64,
    /// Of which task.
    pub task: u64,
    /// How long polls took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polls: Option<Durations>,
    /// How long wake-ups waited for their poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Durations>,
}

/// `DurationHistogram` of `tasks.proto`, values in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    /// HdrHistogram V2 in base64, as sent.
    pub raw: String,
    /// Greatest value that the histogram can hold.
    pub max: u64,
    /// Values beyond it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outliers: u64,
    /// The greatest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<u64>,
    /// Sent in the older form, which had no outliers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub legacy: bool,
}

fn is_spawn(kind: &TaskKind) -> bool {
    *kind == TaskKind::Spawn
}
