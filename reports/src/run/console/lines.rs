//! The lines of `console.jsonl`.
//!
//! They mirror the messages of tokio-console's protocol (`console-api` 0.9: `instrument.proto`, `tasks.proto`,
//! `resources.proto`, `async_ops.proto`). Times are nanoseconds: `at` since the recording began, by the recorder's clock;
//! all others since [`Header::started_ns`], by the clock of the recorded process, negative for what happened before.
//! A text is a number: its place in the order in which texts were first stated. What is empty, zero or absent is left out.

mod absent;
mod operation;
mod resource;
mod span;
mod task;

use serde::{Deserialize, Serialize};

use self::absent::is_zero;
pub use self::operation::{AsyncOp, OpStats};
pub use self::resource::{PollOps, Resource, ResourceStats};
pub use self::span::{Attribute, Field, FieldName, Metadata, Place, Value};
pub use self::task::{Details, Durations, PollStats, Task, TaskKind, TaskStats};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first.
    Header(Header),
    /// What changed since the update before.
    Update(Box<Update>),
    /// Histograms of one task.
    Details(Box<Details>),
    /// The stream broke off here and was taken up again.
    Gap(Gap),
    /// The last.
    End(End),
}

/// What the file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`super::FORMAT`].
    pub format: u32,
    /// Wall-clock time of the recorder when the recording began, nanoseconds since 1970.
    pub started_ns: u64,
    /// Bytes that the file may take.
    pub cap_bytes: u64,
}

/// `Update` of `instrument.proto`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    /// When it arrived.
    pub at: u64,
    /// When the process says it was made.
    pub now: i64,
    /// Texts stated here for the first time, in the order of their numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strings: Vec<String>,
    /// Descriptions of spans.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<Metadata>,
    /// New tasks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Totals of tasks that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_stats: Vec<TaskStats>,
    /// New resources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
    /// State of resources that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_stats: Vec<ResourceStats>,
    /// Poll operations, equal ones counted: their order within one update is lost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub poll_ops: Vec<PollOps>,
    /// New async operations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ops: Vec<AsyncOp>,
    /// Totals of async operations that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub op_stats: Vec<OpStats>,
    /// Task events that the process had no room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_tasks: u64,
    /// Resource events that it had no room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_resources: u64,
    /// Events of async operations that it had no room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_ops: u64,
}

/// The stream broke off and was taken up again; what tasks did meanwhile is in their totals, those that lived and ended
/// meanwhile are lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// When it was taken up.
    pub at: u64,
    /// Why it broke off.
    pub because: String,
}

/// How the recording ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub at: u64,
    /// Why.
    pub reason: EndReason,
    /// Updates written.
    pub updates: u64,
    /// Histograms written.
    pub details: u64,
    /// Tasks for which no histograms were asked, since so many streams were open already.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_details: u64,
    /// What our hooks in the same process counted; absent where it did not live to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<HookCounts>,
}

/// Why a recording ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum EndReason {
    /// The load was over.
    Stopped,
    /// The file reached its cap.
    Cap,
    /// The stream broke off and could not be taken up again.
    CutOff {
        /// What the connection said.
        because: String,
    },
}

/// Tasks by tokio's task hooks (design 04 §4), from the beginning of the runtime to the end of the recording.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCounts {
    /// Tasks spawned.
    pub spawned: u64,
    /// Tasks that ended.
    pub finished: u64,
    /// Tasks alive at the end.
    pub alive: u64,
}
